"""How many fabrics are in which state, and how late: the figures of the dashboard and of the metrics.

Counting a fleet reads each of its rows, and no index changes that. So each tick counts, and keeps the figures of a
large one in the cache, where all who ask find them. Only where no tick has come for :data:`KEEP_SECONDS` does one who
asks count. They say when they were counted.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, NamedTuple

import structlog
from django.core.cache import cache
from django.db.models import Count, Q, Sum

from netbox_hedgehog.models import HedgehogFabric
from netbox_hedgehog.observability.redaction import redact
from netbox_hedgehog.scheduling.due import Overdue, overdue
from netbox_hedgehog.scheduling.fleet import not_missed_since

KEEP_SECONDS: Final = 120
"""Two ticks, as they come."""
KEPT_FROM: Final = 5_000
"""Fewer fabrics are counted each time, in a few milliseconds."""
LATENESS_SECONDS: Final = (60, 300, 900, 3600, 21_600, 86_400)

_KEY: Final = "fleet-figures"
_COUNTING: Final = "fleet-figures-counting"
# The longest that others are held back by one who began to count; far more than it takes.
_COUNTING_SECONDS: Final = 30
# Until then those who ask have something to read while one of them counts.
_FORGOTTEN_SECONDS: Final = 2 * KEEP_SECONDS

log = structlog.get_logger(__name__)


class Group(NamedTuple):
    """The fabrics of one status and outcome of the last sync."""

    status: str
    sync_status: str
    fabrics: int
    enabled: int
    scheduled: int
    resources: int


@dataclass(frozen=True, slots=True)
class Figures:
    """Counted at ``at``: the states, and of those whose interval has passed how late they are, by verdict."""

    at: datetime
    groups: list[Group]
    overdue: list[Overdue]

    @property
    def fabrics(self) -> int:
        """How many there are."""
        return sum(group.fabrics for group in self.groups)


def figures(now: datetime) -> Figures:
    """The figures: of the last tick, or of now for a small fleet; without ticks, :data:`KEEP_SECONDS` old at most."""
    kept = _cached(lambda: _from_json(cache.get(_KEY)))
    if kept is not None and (now - kept.at).total_seconds() < KEEP_SECONDS:
        return kept
    if kept is not None and not _cached(lambda: cache.add(_COUNTING, 1, timeout=_COUNTING_SECONDS)):
        return kept
    return _count(now)


def count_in_passing(now: datetime) -> None:
    """Count for all who will ask; never raises."""
    try:
        _count(now)
    except Exception as error:  # noqa: BLE001 - figures must not cost a tick; the next one counts again
        log.warning("figures.failed", error=redact(error))


def _count(now: datetime) -> Figures:
    counted = Figures(now, _groups(), overdue(now, LATENESS_SECONDS, not_missed_since(now)))
    if counted.fabrics >= KEPT_FROM:
        _cached(lambda: cache.set(_KEY, _as_json(counted), timeout=_FORGOTTEN_SECONDS))
        _cached(lambda: cache.delete(_COUNTING))
    return counted


def _groups() -> list[Group]:
    rows = (
        HedgehogFabric.objects.order_by()
        .values_list("status", "sync_status")
        .annotate(
            fabrics=Count("pk"),
            enabled=Count("pk", filter=Q(sync_enabled=True)),
            scheduled=Count("pk", filter=Q(due_at__isnull=False)),
            held=Sum("resource_count"),
        )
    )
    return [Group(*row) for row in rows]


def _as_json(counted: Figures) -> list[Any]:
    return [counted.at.isoformat(), counted.groups, counted.overdue]


def _from_json(kept: Any) -> Figures | None:
    if kept is None:
        return None
    at, groups, late = kept
    verdicts = [Overdue(*row) for row in late]
    return Figures(
        datetime.fromisoformat(at),
        [Group(*row) for row in groups],
        [each._replace(within=tuple(each.within)) for each in verdicts],
    )


def _cached[T](ask: Callable[[], T]) -> T | None:
    """What the cache answers; without one, everybody counts."""
    try:
        return ask()
    except Exception as error:  # noqa: BLE001 - whatever its client raises, also for what another release stored
        log.warning("figures.no_cache", error=redact(error))
        return None
