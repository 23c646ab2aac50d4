"""How long history is kept: syncs and ticks beyond their age or their number are deleted, in batches, newest first.

Always kept, however old: each fabric's newest sync and its newest failure; the newest tick and the newest failed one.
Newest first, because those just past the limit are what there is to delete; what is kept for ever gathers below.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from time import monotonic
from typing import Any, Final, Literal, NamedTuple, TypedDict

import structlog
from django.db.models import Case, Exists, Model, OuterRef, Q, QuerySet, Value, When

from netbox_hedgehog.conf import conf
from netbox_hedgehog.models import RUN_FAILURES, SchedulerRun, SyncRun, TickStatus
from netbox_hedgehog.observability.redaction import redact
from netbox_hedgehog.scheduling.lock import CacheLock

PRUNE_TASK: Final = "netbox_hedgehog.tasks.prune_history"
BATCH_ROWS: Final = 1000
# A tenth of the task's interval: what a worker has for syncs, and for the next tick, is not noticeably less.
MOST_SECONDS: Final = 30.0
LOCK_KEY: Final = "hedgehog_prune_history_running"
LOCK_SECONDS: Final = 240

log = structlog.get_logger(__name__)


class History(NamedTuple):
    """A table of the history; the newest row, and the newest failure, of each value of ``of`` is kept."""

    model: type[Model]
    of: tuple[str, ...]
    failures: tuple[str, ...]


class Pruned(TypedDict):
    """What one pruning deleted; ``partial``: its time was over, and the next one goes on."""

    status: Literal["completed", "partial", "skipped", "failed"]
    sync_runs: int
    ticks: int
    duration_seconds: float


SYNC_RUNS: Final = History(SyncRun, ("fabric_id",), RUN_FAILURES)
TICKS: Final = History(SchedulerRun, (), (TickStatus.FAILED,))


def limits(now: datetime) -> tuple[datetime, datetime]:
    """The moments before which syncs and ticks are past retention, by their age or by their number."""
    return (
        _limit(SYNC_RUNS, now - timedelta(days=conf.keep_runs_days), conf.keep_runs_count),
        _limit(TICKS, now - timedelta(days=conf.keep_ticks_days), conf.keep_ticks_count),
    )


def _limit(history: History, by_age: datetime, count: int) -> datetime:
    started = _rows(history).filter(started_at__gte=by_age).order_by("-started_at").values_list("started_at", flat=True)
    return next(iter(started[count - 1 : count]), by_age)


def prune(now: datetime) -> Pruned:
    """Delete what is past retention, one process at a time and for half a minute at most; never raises."""
    started = monotonic()
    pruned = Pruned(status="skipped", sync_runs=0, ticks=0, duration_seconds=0.0)
    lock = CacheLock(LOCK_KEY, LOCK_SECONDS)
    if not lock.acquire():
        return pruned
    try:
        _prune(now, started + MOST_SECONDS, pruned)
    except Exception as error:  # noqa: BLE001 - nothing waits for it; the next one tries again
        pruned["status"] = "failed"
        log.warning("retention.failed", error=redact(error))
    finally:
        lock.release()
    pruned["duration_seconds"] = round(monotonic() - started, 3)
    log.info("retention.pruned", **pruned)
    return pruned


def _prune(now: datetime, until: float, pruned: Pruned) -> None:
    runs_before, ticks_before = limits(now)
    pruned["status"] = "partial"
    for deleted in batches(TICKS, ticks_before):
        pruned["ticks"] += deleted
        if deleted and monotonic() >= until:
            return
    for deleted in batches(SYNC_RUNS, runs_before):
        pruned["sync_runs"] += deleted
        if deleted and monotonic() >= until:
            return
    pruned["status"] = "completed"


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
