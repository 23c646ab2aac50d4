"""The vocabulary of "why not?": reasons as values, and moments in words. docs/operations.md lists the codes."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Final

from netbox_hedgehog.scheduling.due import epoch_microseconds

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_UNITS: Final = ((86_400, "d"), (3600, "h"), (60, "min"), (1, "s"))


class Why(StrEnum):
    """The codes; stable, for alerts and the documentation."""

    SYNCING = "syncing"
    QUEUED = "queued"
    DISABLED = "disabled"
    NOT_ACTIVE = "not_active"
    NO_INTERVAL = "no_interval"
    NO_SOURCE = "no_source"
    NOT_YET = "not_due_yet"
    BACKING_OFF = "backing_off"
    DUE = "due_now"
    CAP_REACHED = "cap_reached"
    BACKPRESSURE = "backpressure"
    SCHEDULE_MISSING = "schedule_missing"
    SCHEDULE_DISABLED = "schedule_disabled"
    NO_BEAT = "no_beat"
    NO_WORKER = "no_worker"
    TICK_FAILED = "tick_failed"
    HELD = "held"
    CLOCK = "last_sync_in_future"


@dataclass(frozen=True, slots=True)
class Reason:
    """One reason: a stable code, a sentence for people, and the action that helps."""

    code: Why
    sentence: str
    action: str


def at(moment: datetime | None, now: datetime) -> str:
    """``moment`` in UTC and relative to ``now``."""
    if moment is None:
        return "at an unknown time"
    exact = moment.astimezone(UTC).replace(tzinfo=None).isoformat(" ", "seconds")  # strftime does not pad the year
    return f"{exact} UTC ({away(moment, now)})"


def away(moment: datetime, now: datetime) -> str:
    """``moment`` relative to ``now``: ``in 5 min``, ``30 s ago``, ``now``."""
    apart = round((moment - now).total_seconds())
    return f"in {_span(apart)}" if apart > 0 else f"{_span(-apart)} ago" if apart < 0 else "now"


def at_microseconds(since_1970: int, now: datetime) -> str:
    """As :func:`at`, for a moment in the unit of ``HedgehogFabric.due_at``."""
    try:
        return at(_EPOCH + timedelta(microseconds=since_1970), now)
    except OverflowError:
        return "a time before year 1" if since_1970 < epoch_microseconds(now) else "a time after year 9999"


def _span(seconds: int) -> str:
    """``seconds`` in its largest fitting unit, at least two of it: ``90 s``, ``25 min``."""
    size, unit = next(((size, unit) for size, unit in _UNITS if seconds >= 2 * size), (1, "s"))
    return f"{seconds // size} {unit}"
