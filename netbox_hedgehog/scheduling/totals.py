"""Counts the history into totals, as a tick goes by: syncs themselves write nothing for it.

Each run is counted once, half a minute to two ticks after its end. Counting begins with the first tick; a run whose
fabric is deleted before it was counted is not.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any, Final, NamedTuple

import structlog
from django.db import transaction
from django.db.models import Count, Max, Q, Sum, Value
from django.db.models.functions import Coalesce, TruncHour

from netbox_hedgehog.models import RunHour, RunKind, RunTotal, RunTotalsMark, SchedulerRun, SyncRun
from netbox_hedgehog.observability.redaction import redact

HOURS_KEPT: Final = timedelta(days=7)

SETTLED_AFTER: Final = timedelta(seconds=30)
"""A row whose number was given so long ago has been committed, or never will be."""

log = structlog.get_logger(__name__)


class Counting(NamedTuple):
    """What is counted of a kind of run, and by what: durations within these bounds, and sums of these columns."""

    model: type[SyncRun | SchedulerRun]
    outcome: tuple[str, ...]
    bounds_seconds: tuple[float, ...]
    sums: tuple[str, ...]


COUNTED: Final[dict[RunKind, Counting]] = {
    RunKind.SYNC: Counting(
        SyncRun,
        ("status", "error_code"),
        (0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 600),
        ("created", "updated", "deleted"),
    ),
    RunKind.TICK: Counting(
        SchedulerRun, ("status",), (0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 20, 30, 45, 60), ("syncs_triggered",)
    ),
}


def count_in_passing(now: datetime) -> None:
    """Count what has been settled since the last time; never raises."""
    try:
        with transaction.atomic():
            _count(now)
    except Exception as error:  # noqa: BLE001 - a total must not cost a tick; the next one counts the same rows
        log.warning("totals.failed", error=redact(error))


def _count(now: datetime) -> None:
    marks = {mark.kind: mark for mark in RunTotalsMark.objects.select_for_update().order_by("kind")}
    for kind, counting in COUNTED.items():
        newest = counting.model.objects.aggregate(pk=Max("pk"))["pk"] or 0
        # What is there when counting begins may be millions of rows, and a counter may begin anywhere.
        mark = marks.setdefault(kind, RunTotalsMark(kind=kind, counted=newest, seen=newest, seen_at=now))
        if now - mark.seen_at < SETTLED_AFTER:
            continue
        if mark.seen > mark.counted:
            outcomes = _outcomes(counting, after=mark.counted, upto=mark.seen)
            _add(kind, outcomes)
            if kind is RunKind.SYNC:
                _add_hours(outcomes, now)
        mark.counted, mark.seen, mark.seen_at = mark.seen, max(newest, mark.seen), now
    RunTotalsMark.objects.bulk_create(
        [RunTotalsMark(kind=m.kind, counted=m.counted, seen=m.seen, seen_at=m.seen_at) for m in marks.values()],
        update_conflicts=True,
        unique_fields=["kind"],
        update_fields=["counted", "seen", "seen_at"],
    )


def _outcomes(counting: Counting, *, after: int, upto: int) -> list[dict[str, Any]]:
    """One row for each hour and outcome among the rows numbered from ``after`` to ``upto``."""
    within = {
        f"within_{index}": Count("pk", filter=Q(duration_seconds__lte=bound))
        for index, bound in enumerate(counting.bounds_seconds)
    }
    sums = {f"sum_{name}": Coalesce(Sum(name), Value(0)) for name in counting.sums}
    rows = counting.model.objects.filter(pk__gt=after, pk__lte=upto).order_by()
    seconds = Coalesce(Sum("duration_seconds"), Value(0.0))
    by = rows.annotate(hour=TruncHour("started_at")).values("hour", *counting.outcome)
    return list(by.annotate(runs=Count("pk"), seconds=seconds, **within, **sums))


def _add(kind: RunKind, outcomes: list[dict[str, Any]]) -> None:
    """Add to the totals; the mark's row is locked, so nobody else does."""
    counting = COUNTED[kind]
    totals = {(total.status, total.error_code): total for total in RunTotal.objects.filter(kind=kind)}
    for row in outcomes:
        outcome = (row["status"], row.get("error_code", ""))
        total = totals.setdefault(outcome, RunTotal(kind=kind, status=outcome[0], error_code=outcome[1]))
        total.seconds += row["seconds"]
        _add_runs(total, row, counting)
        for name in counting.sums:
            total.sums[name] = total.sums.get(name, 0) + row[f"sum_{name}"]
    RunTotal.objects.bulk_update([each for each in totals.values() if each.pk], ["runs", "seconds", "within", "sums"])
    RunTotal.objects.bulk_create(each for each in totals.values() if not each.pk)


def _add_hours(outcomes: list[dict[str, Any]], now: datetime) -> None:
    """Add to what each hour has, and forget the oldest hours."""
    rows = RunHour.objects.filter(hour__in={row["hour"] for row in outcomes})
    hours = {(each.hour, each.status): each for each in rows}
    for row in outcomes:
        key = (row["hour"], row["status"])
        _add_runs(hours.setdefault(key, RunHour(hour=key[0], status=key[1])), row, COUNTED[RunKind.SYNC])
    RunHour.objects.bulk_update([each for each in hours.values() if each.pk], ["runs", "within"])
    RunHour.objects.bulk_create(each for each in hours.values() if not each.pk)
    RunHour.objects.filter(hour__lt=now - HOURS_KEPT).delete()


def _add_runs(to: RunTotal | RunHour, row: dict[str, Any], counting: Counting) -> None:
    to.runs += row["runs"]
    for index, bound in enumerate(counting.bounds_seconds):
        to.within[str(bound)] = to.within.get(str(bound), 0) + row[f"within_{index}"]
