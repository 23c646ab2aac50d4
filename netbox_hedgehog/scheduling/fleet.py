"""What holds for all fabrics at one moment (queue, ticks, the schedule's row), and what of it keeps them waiting."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from django.db.models import Count, Max, Min, Q, QuerySet
from django_celery_beat.models import PeriodicTask

from netbox_hedgehog.conf import conf
from netbox_hedgehog.models import HedgehogFabric, SchedulerRun, SyncRun, TickStatus
from netbox_hedgehog.scheduling.due import due_since, is_claimed
from netbox_hedgehog.scheduling.reasons import Reason, Why, at

TICK_TASK: Final = "netbox_hedgehog.tasks.periodic_fabric_sync_scheduler"

# So many schedule intervals without a tick are more than a late one.
MISSED_INTERVALS: Final = 3
# What stands for the interval where the schedule has none, such as a crontab.
USUAL_INTERVAL: Final = timedelta(minutes=1)
# A worker that is there takes a sync within this time, unless all are busy; then they begin others meanwhile.
UNTAKEN_AFTER: Final = timedelta(minutes=1)

_START_A_WORKER: Final = (
    "Start a worker (celery -A netbox_hedgehog worker), or look at its log and its connection to the broker."
)


@dataclass(frozen=True, slots=True)
class Schedule:
    """The rows in beat's table that send the tick; usually one.

    ``every`` is the shortest interval among the enabled rows; None for crontabs and the like, whose lateness is not
    judged.
    """

    exists: bool
    enabled: bool
    every: timedelta | None
    last_sent_at: datetime | None


@dataclass(frozen=True, slots=True)
class Fleet:
    """The facts, each read once."""

    now: datetime
    live_claims: int
    oldest_queued_at: datetime | None
    last_begin_at: datetime | None
    last_tick: SchedulerRun | None
    schedule: Schedule

    @property
    def room(self) -> int:
        """How many syncs a tick may hand out now."""
        return max(0, min(conf.tick_max_dispatch, conf.max_live_claims - self.live_claims))

    @property
    def untaken_since(self) -> datetime | None:
        """Since when a sync has been queued without any worker beginning any; None while that is normal."""
        oldest, begun = self.oldest_queued_at, self.last_begin_at
        if oldest is None or self.now - oldest <= UNTAKEN_AFTER or (begun is not None and begun >= oldest):
            return None
        return oldest

    @property
    def ticks_are_late(self) -> bool:
        """Whether no tick has run for longer than a few intervals, or none ever."""
        return self.schedule.every is not None and not self._lately(
            self.last_tick.started_at if self.last_tick else None
        )

    @property
    def beat_is_sending(self) -> bool:
        """Whether beat sent a tick lately, taken by a worker or not."""
        return self._lately(self.schedule.last_sent_at)

    def _lately(self, moment: datetime | None) -> bool:
        every = self.schedule.every or timedelta()
        return moment is not None and self.now - moment <= MISSED_INTERVALS * every


def survey(now: datetime) -> Fleet:
    """Read the facts in four queries, whatever the number of fabrics."""
    queued = Q(claim_started_at__isnull=True)
    queue = HedgehogFabric.objects.filter(is_claimed(now)).aggregate(
        live=Count("pk"), oldest=Min("claimed_at", filter=queued), begun=Max("claim_started_at")
    )
    begun = [queue["begun"], SyncRun.objects.aggregate(begun=Max("started_at"))["begun"]]
    return Fleet(
        now=now,
        live_claims=queue["live"],
        oldest_queued_at=queue["oldest"],
        last_begin_at=max(filter(None, begun), default=None),
        last_tick=SchedulerRun.objects.order_by("-started_at", "-pk").first(),
        schedule=_schedule(),
    )


def missed(now: datetime) -> QuerySet[HedgehogFabric]:
    """The fabrics that are overdue: ticks that came or should have come did not take them."""
    return due_since(now, not_missed_since(now))


def not_missed_since(now: datetime) -> datetime:
    """The ticks since then are too few for a fabric that they did not take to be overdue."""
    return now - MISSED_INTERVALS * (_schedule().every or USUAL_INTERVAL)


def _schedule() -> Schedule:
    # By task, not by name: an operator may rename the row or add another.
    rows = list(PeriodicTask.objects.filter(task=TICK_TASK).select_related("interval"))
    enabled = [row for row in rows if row.enabled]
    return Schedule(
        exists=bool(rows),
        enabled=bool(enabled),
        every=min((row.interval.schedule.run_every for row in enabled if row.interval), default=None),
        last_sent_at=max((row.last_run_at for row in rows if row.last_run_at), default=None),
    )


def fleet_reasons(fleet: Fleet) -> tuple[Reason, ...]:
    """What keeps every due or queued fabric from syncing at this moment."""
    return (*hindrances(fleet), *untaken(fleet))


def hindrances(fleet: Fleet) -> Iterator[Reason]:
    """What keeps every due fabric waiting."""
    if fleet.room == 0:
        yield Reason(
            Why.BACKPRESSURE,
            f"{fleet.live_claims:,} syncs are queued or running, which is the most that may be.",
            "Add workers; HEDGEHOG_MAX_LIVE_CLAIMS is the bound.",
        )
    yield from _no_ticks(fleet)
    if fleet.last_tick is not None and fleet.last_tick.status == TickStatus.FAILED:
        yield Reason(
            Why.TICK_FAILED,
            f"The last tick, {at(fleet.last_tick.started_at, fleet.now)}, failed: {_first_error(fleet)}",
            "Mend what the error names; the next tick tries again.",
        )


def _no_ticks(fleet: Fleet) -> Iterator[Reason]:
    now, schedule, sent = fleet.now, fleet.schedule, fleet.schedule.last_sent_at
    if not schedule.exists:
        yield Reason(
            Why.SCHEDULE_MISSING,
            "Nothing sends ticks: the periodic task has been deleted.",
            "Add a periodic task in the admin for netbox_hedgehog.tasks.periodic_fabric_sync_scheduler: every 60"
            " seconds, queue git_sync, expires after 50 seconds.",
        )
    elif not schedule.enabled:
        yield Reason(
            Why.SCHEDULE_DISABLED,
            "Nothing sends ticks: the periodic task is switched off.",
            "Enable it under “Sync schedule” in the admin.",
        )
    elif fleet.ticks_are_late:
        seen = f"The last tick ran {at(fleet.last_tick.started_at, now)}" if fleet.last_tick else "No tick has run yet"
        if fleet.beat_is_sending:
            yield Reason(Why.NO_WORKER, f"{seen}; beat sent one {at(sent, now)}.", _START_A_WORKER)
        else:
            yield Reason(
                Why.NO_BEAT,
                f"{seen}; beat sent {f'none since {at(sent, now)}' if sent else 'none yet'}.",
                "Start beat (celery -A netbox_hedgehog beat), or look at its log.",
            )


def _first_error(fleet: Fleet) -> str:
    errors = fleet.last_tick.errors if fleet.last_tick else []
    return str(errors[0].get("message", "")) if errors else "no error was recorded."


def untaken(fleet: Fleet) -> Iterator[Reason]:
    """What keeps every queued sync waiting."""
    if since := fleet.untaken_since:
        yield Reason(
            Why.NO_WORKER,
            f"Syncs have been queued since {at(since, fleet.now)}, and no worker has begun any since.",
            _START_A_WORKER,
        )
