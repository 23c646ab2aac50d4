"""The schedule of the tick: show it, change its interval, switch it on or off."""

from __future__ import annotations

import getpass
import json
from argparse import ArgumentTypeError
from typing import Any, override

import structlog
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone
from django_celery_beat.models import PeriodicTask

from netbox_hedgehog.scheduling.fleet import fleet_reasons, survey
from netbox_hedgehog.scheduling.reasons import at
from netbox_hedgehog.scheduling.schedule import (
    Interval,
    ScheduleError,
    in_words,
    next_tick,
    parse_interval,
    set_interval,
    switch,
    tick_task,
)

log = structlog.get_logger(__name__)


class Command(BaseCommand):
    """Edits the same row as the admin; a running beat follows within seconds."""

    help = (
        "Show the schedule by which due fabrics are looked for, set its interval, enable it or disable it."
        " Exit codes: 0 done, 1 refused, with the reason, 2 wrong use."
    )

    @override
    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--every", type=_interval, metavar="INTERVAL", help="such as 30s, 5m, 1h or 1d; a number alone is seconds"
        )
        state = parser.add_mutually_exclusive_group()
        state.add_argument("--enable", action="store_true", help="send ticks")
        state.add_argument("--disable", action="store_true", help="send no ticks; syncs under way end as they would")
        parser.add_argument("--json", action="store_true", help="print one JSON document instead of a sentence")

    @override
    def handle(self, *args: Any, **options: Any) -> None:
        try:
            task = tick_task()
            before = _sentence(task)
            if options["every"]:
                set_interval(task, options["every"])
            if options["enable"] or options["disable"]:
                switch(task, enabled=options["enable"])
        except ScheduleError as error:
            raise CommandError(str(error)) from None
        if _sentence(task) != before:
            log.info("schedule.changed", by=getpass.getuser(), was=before, now=_sentence(task))
        self._show(task, as_json=options["json"])

    def _show(self, task: PeriodicTask, *, as_json: bool) -> None:
        now = timezone.now()
        reasons = fleet_reasons(survey(now))
        following = next_tick(task)
        if as_json:
            self.stdout.write(json.dumps(_as_json(task, [reason.code for reason in reasons]), indent=2))
            return
        ran = f"last sent {at(task.last_run_at, now)}" if task.last_run_at else "never sent"
        then = f", next {at(following, now)}" if following else ""
        self.stdout.write(f"{_sentence(task)}; {ran}{then}; {task.total_run_count:,} sent.")
        for reason in reasons:
            self.stdout.write(f"! {reason.sentence}\n  {reason.action}")


def _interval(text: str) -> Interval:
    try:
        return parse_interval(text)
    except ScheduleError as error:
        raise ArgumentTypeError(error) from None


def _sentence(task: PeriodicTask) -> str:
    return f"{task.name}: {in_words(task)}"


def _as_json(task: PeriodicTask, hindered_by: list[str]) -> dict[str, Any]:
    following = next_tick(task)
    return {
        "name": task.name,
        "enabled": task.enabled,
        "schedule": str(task.scheduler),
        "interval_seconds": task.interval.schedule.run_every.total_seconds() if task.interval else None,
        "last_sent_at": task.last_run_at.isoformat() if task.last_run_at else None,
        "next_at": following.isoformat() if following else None,
        "sent": task.total_run_count,
        "hindered_by": hindered_by,
    }
