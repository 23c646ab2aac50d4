"""How long history is kept: syncs and ticks past their age are deleted, in batches, newest of them first.

Always kept, however old: each fabric's newest sync and its newest failure; the newest tick and the newest failed one.
Newest first, because those just past the limit are what there is to delete; what is kept for ever gathers below. So a
tick stops at a batch with nothing to delete, instead of reading all of the kept again each time. It also looks at one
random place below, because thousands of fabrics that stopped at once would hide what is older than their last syncs.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from datetime import datetime, timedelta
from time import monotonic
from typing import Any, Final, NamedTuple

import structlog
from django.db.models import Case, Exists, Min, Model, OuterRef, Q, QuerySet, Value, When

from netbox_hedgehog.conf import conf
from netbox_hedgehog.models import RUN_FAILURES, SchedulerRun, SyncRun, TickStatus
from netbox_hedgehog.observability.redaction import redact

BATCH_ROWS: Final = 1000
# A tick of a large fleet makes thousands of rows a minute, and must be able to delete as many.
TICK_SHARE_SECONDS: Final = 2.0

log = structlog.get_logger(__name__)


class History(NamedTuple):
    """A table of the history; the newest row, and the newest failure, of each value of ``of`` is kept."""

    model: type[Model]
    of: tuple[str, ...]
    failures: tuple[str, ...]


class Pruned(NamedTuple):
    """How many rows were deleted."""

    sync_runs: int
    ticks: int


SYNC_RUNS: Final = History(SyncRun, ("fabric_id",), RUN_FAILURES)
TICKS: Final = History(SchedulerRun, (), (TickStatus.FAILED,))


def limits(now: datetime) -> tuple[datetime, datetime]:
    """The moments before which syncs and ticks are past retention."""
    return now - timedelta(days=conf.keep_runs_days), now - timedelta(days=conf.keep_ticks_days)


def prune_in_passing(now: datetime, time_left_seconds: float) -> Pruned:
    """What a tick does with the time it has left; never raises."""
    if time_left_seconds <= 0:
        return Pruned(0, 0)
    until = monotonic() + min(time_left_seconds, TICK_SHARE_SECONDS)
    runs_before, ticks_before = limits(now)
    try:
        ticks = _some(TICKS, ticks_before, until)
        return Pruned(_some(SYNC_RUNS, runs_before, until), ticks)
    except Exception as error:  # noqa: BLE001 - old history must not cost a tick; the next one tries again
        log.warning("retention.failed", error=redact(error))
        return Pruned(0, 0)


def _some(history: History, before: datetime, until: float) -> int:
    """Delete until a batch has nothing to delete, or the time is over; how many rows went."""
    deletions = batches(history, before)
    total = next(deletions, None)
    if total is None:
        return 0
    if total == 0:
        deletions = batches(history, _any_moment(history, before))
    while monotonic() < until and (deleted := next(deletions, 0)):
        total += deleted
    return total


def _any_moment(history: History, before: datetime) -> datetime:
    oldest = _rows(history).aggregate(oldest=Min("started_at"))["oldest"] or before
    return before - max(before - oldest, timedelta()) * random.random()  # noqa: S311 - spreads load, guards nothing


def batches(history: History, before: datetime, *, dry_run: bool = False) -> Iterator[int]:
    """Delete what is past retention, a batch at a time; yields how many rows of each batch went (or would go)."""
    window = _window(history, Q(started_at__lt=before))
    while window:
        superseded = [pk for pk, _, is_superseded in window if is_superseded]
        if superseded and not dry_run:
            _rows(history).filter(pk__in=superseded).delete()
        yield len(superseded)
        pk, started_at, _ = window[-1]
        older = Q(started_at__lt=started_at) | Q(pk__lt=pk)
        # The first condition says nothing new, but it is the one that the index serves.
        window = _window(history, Q(started_at__lte=started_at) & older) if len(window) == BATCH_ROWS else []


def _window(history: History, below: Q) -> list[tuple[int, datetime, bool]]:
    rows = _rows(history).filter(below).order_by("-started_at", "-pk").annotate(superseded=_is_superseded(history))
    return list(rows.values_list("pk", "started_at", "superseded")[:BATCH_ROWS])


def _is_superseded(history: History) -> Case:
    """Whether there is a newer row of the same fabric and, for a failure, also a newer failure."""
    newer = (
        _rows(history)
        .filter(started_at__gte=OuterRef("started_at"), **{column: OuterRef(column) for column in history.of})
        .filter(Q(started_at__gt=OuterRef("started_at")) | Q(pk__gt=OuterRef("pk")))
    )
    is_failure = Q(status__in=history.failures)
    gone = Exists(newer) & (~is_failure | Exists(newer.filter(is_failure)))
    return Case(When(gone, then=Value(value=True)), default=Value(value=False))


def _rows(history: History) -> QuerySet[Any]:
    return history.model._default_manager.order_by()  # noqa: SLF001 - Django's documented name for it
