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
from django.db.models.functions import Coalesce

from netbox_hedgehog.models import RunKind, RunTotal, RunTotalsMark, SchedulerRun, SyncRun
from netbox_hedgehog.observability.redaction import redact

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
            _add(kind, _outcomes(counting, after=mark.counted, upto=mark.seen))
        mark.counted, mark.seen, mark.seen_at = mark.seen, max(newest, mark.seen), now
    RunTotalsMark.objects.bulk_create(
        [RunTotalsMark(kind=m.kind, counted=m.counted, seen=m.seen, seen_at=m.seen_at) for m in marks.values()],
        update_conflicts=True,
        unique_fields=["kind"],
        update_fields=["counted", "seen", "seen_at"],
    )


def _outcomes(counting: Counting, *, after: int, upto: int) -> list[dict[str, Any]]:
    """One row for each outcome among the rows numbered from ``after`` to ``upto``."""
    within = {
        f"within_{index}": Count("pk", filter=Q(duration_seconds__lte=bound))
        for index, bound in enumerate(counting.bounds_seconds)
    }
    sums = {f"sum_{name}": Coalesce(Sum(name), Value(0)) for name in counting.sums}
    rows = counting.model.objects.filter(pk__gt=after, pk__lte=upto).order_by()
    seconds = Coalesce(Sum("duration_seconds"), Value(0.0))
    return list(rows.values(*counting.outcome).annotate(runs=Count("pk"), seconds=seconds, **within, **sums))


def _add(kind: RunKind, outcomes: list[dict[str, Any]]) -> None:
    """Add to the totals; the mark's row is locked, so nobody else does."""
    counting = COUNTED[kind]
    totals = {(total.status, total.error_code): total for total in RunTotal.objects.filter(kind=kind)}
    known: list[RunTotal] = []
    new: list[RunTotal] = []
    for row in outcomes:
        outcome = (row["status"], row.get("error_code", ""))
        total = totals.get(outcome) or RunTotal(kind=kind, status=outcome[0], error_code=outcome[1])
        total.runs += row["runs"]
        total.seconds += row["seconds"]
        for index, bound in enumerate(counting.bounds_seconds):
            total.within[str(bound)] = total.within.get(str(bound), 0) + row[f"within_{index}"]
        for name in counting.sums:
            total.sums[name] = total.sums.get(name, 0) + row[f"sum_{name}"]
        (known if total.pk else new).append(total)
    RunTotal.objects.bulk_create(new)
    RunTotal.objects.bulk_update(known, ["runs", "seconds", "within", "sums"])
