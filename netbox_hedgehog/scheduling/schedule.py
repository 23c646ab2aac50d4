"""The row in beat's table that sends the tick, as an operator reads and changes it."""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from typing import Final, NamedTuple

from django.db import transaction
from django_celery_beat.models import IntervalSchedule, PeriodicTask

from netbox_hedgehog.conf import YEAR_SECONDS
from netbox_hedgehog.scheduling.fleet import TICK_TASK

SHORTEST: Final = timedelta(seconds=1)
LONGEST: Final = timedelta(seconds=YEAR_SECONDS)

PERIODS: Final = {
    "s": IntervalSchedule.SECONDS,
    "m": IntervalSchedule.MINUTES,
    "h": IntervalSchedule.HOURS,
    "d": IntervalSchedule.DAYS,
}
_INTERVAL: Final = re.compile(r"([0-9]{1,9})\s*([smhd]?)")
# A tick that no worker takes ends before the next is sent, so that none pile up.
_EXPIRES_AFTER: Final = 5 / 6


class ScheduleError(Exception):
    """The schedule cannot be read or changed as asked; says why and what helps."""


class Interval(NamedTuple):
    """A number of beat's units."""

    every: int
    period: str

    @property
    def length(self) -> timedelta:
        """The time between two ticks."""
        return timedelta(**{self.period: self.every})


def bounded_interval(every: int, period: str) -> Interval:
    """An interval that neither lets beat spin nor makes it overflow.

    Raises:
        ScheduleError: it is shorter than a second or longer than a year.
    """
    interval = Interval(every, period)
    try:
        length = interval.length
    except OverflowError:
        length = timedelta.max if every > 0 else timedelta.min
    if length < SHORTEST:
        raise ScheduleError("The shortest interval is 1 second.")
    if length > LONGEST:
        raise ScheduleError("The longest interval is 1 year.")
    return interval


def parse_interval(text: str) -> Interval:
    """``30s``, ``5m``, ``1h``, ``2d``, or a number of seconds.

    Raises:
        ScheduleError: it is something else, or out of bounds.
    """
    found = _INTERVAL.fullmatch(text.strip().lower())
    if not found:
        raise ScheduleError(f"“{text}” is no interval: write a whole number and s, m, h or d, such as 30s or 5m.")
    return bounded_interval(int(found[1]), PERIODS[found[2] or "s"])


def tick_task() -> PeriodicTask:
    """The row that sends the tick.

    Raises:
        ScheduleError: there is none, or more than one.
    """
    # By task, not by name: an operator may have renamed the row.
    rows = list(PeriodicTask.objects.filter(task=TICK_TASK).select_related("interval")[:2])
    if not rows:
        raise ScheduleError(
            "The periodic task has been deleted. Add one in the admin: every 60 seconds, queue git_sync, task "
            f"{TICK_TASK}."
        )
    if len(rows) > 1:
        raise ScheduleError(f"Several periodic tasks send {TICK_TASK}. Edit them in the admin.")
    return rows[0]


def set_interval(task: PeriodicTask, interval: Interval) -> None:
    """Let beat send the tick so often; a running beat follows within seconds.

    The interval rows of beat are shared between tasks, so another row is chosen or made instead of changing one.
    """
    with transaction.atomic():
        rows = IntervalSchedule.objects.filter(every=interval.every, period=interval.period).order_by("pk")
        task.interval = rows.first() or IntervalSchedule.objects.create(every=interval.every, period=interval.period)
        task.crontab = task.solar = task.clocked = None
        if task.expires is None:  # beat allows only one of the two
            task.expire_seconds = max(1, int(interval.length.total_seconds() * _EXPIRES_AFTER))
        _save(task, "interval", "crontab", "solar", "clocked", "expire_seconds")


def switch(task: PeriodicTask, *, enabled: bool) -> None:
    """Let beat send the tick or not; a running beat follows within seconds."""
    task.enabled = enabled
    _save(task, "enabled", "last_run_at")


def _save(task: PeriodicTask, *columns: str) -> None:
    """The other columns stay as they are by now: a running beat counts its runs in them."""
    task.save(update_fields=[*columns, "date_changed"])


def in_words(task: PeriodicTask) -> str:
    """How often, and whether at all: ``every 60 seconds, enabled``."""
    return f"{task.scheduler}, {'enabled' if task.enabled else 'disabled'}"


def next_tick(task: PeriodicTask) -> datetime | None:
    """When beat sends the next tick; None if it sends none or goes by a calendar."""
    if not task.enabled or task.interval is None:
        return None
    # What was never sent, or not since it was switched on, beat counts from the edit.
    since: datetime = task.last_run_at or task.date_changed
    return since + Interval(task.interval.every, task.interval.period).length
