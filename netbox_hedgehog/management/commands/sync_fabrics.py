"""Sync fabrics now, from the command line, or see what that would change."""

from __future__ import annotations

import json
import sys
from typing import Any, Final, override

from celery.result import denied_join_result
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db.models import QuerySet
from django.utils import timezone
from rich.console import Console
from rich.text import Text

from netbox_hedgehog import tasks
from netbox_hedgehog.management.display import Display, display_on
from netbox_hedgehog.management.following import Ended, Names, Since, follow, since
from netbox_hedgehog.management.terminal import WRONG_USE, console_of, fabrics_named
from netbox_hedgehog.models import HedgehogFabric
from netbox_hedgehog.scheduling.claims import LONGEST_OVERDUE_FIRST
from netbox_hedgehog.scheduling.due import HAS_SOURCE, due
from netbox_hedgehog.scheduling.manual import Requested, request_syncs
from netbox_hedgehog.sync.preview import Preview, preview
from netbox_hedgehog.sync.record_text import record_lines

NOT_ALL_WELL: Final = 1
NOT_QUEUED: Final = 3

type Fabrics = list[tuple[int, str]]


class Command(BaseCommand):
    """Queues syncs as “Sync now” does; the work is left to the workers."""

    help = (
        "Queue a sync of each fabric, due or not, and with --wait follow them to their end; or show with --dry-run what"
        " a sync would change, and change nothing. Exit codes: 0 all is well, 1 some failed or were held (or would"
        " be), 2 wrong use, 3 some could not be queued."
    )

    @override
    def add_arguments(self, parser: CommandParser) -> None:
        which = parser.add_argument_group("which fabrics; exactly one of these")
        which.add_argument("names", nargs="*", metavar="NAME", help="a fabric's name")
        which.add_argument("--due", action="store_true", help="those that the next tick would hand to workers")
        which.add_argument("--all", action="store_true", help="all that have a Git source")
        parser.add_argument("--dry-run", action="store_true", help="fetch and compare in this process; queue nothing")
        parser.add_argument("--wait", action="store_true", help="follow the syncs until all have ended")
        parser.add_argument("--json", action="store_true", help="print one JSON document instead of text")

    @override
    def handle(self, *args: Any, **options: Any) -> None:
        fabrics = _chosen(options)
        console = console_of(self, options)
        if options["dry_run"]:
            self._preview(fabrics, console, as_json=options["json"])
        else:
            self._sync(fabrics, console, options)

    def _preview(self, fabrics: Fabrics, console: Console, *, as_json: bool) -> None:
        seen = []
        for fabric_id, name in fabrics:
            seen.append((name, preview(fabric_id)))
            if not as_json:
                _print(console, *seen[-1])
        if as_json:
            self.stdout.write(json.dumps([{"fabric": name, **each.as_json()} for name, each in seen], indent=2))
        if any(each.error or each.excesses for _, each in seen):
            sys.exit(NOT_ALL_WELL)

    def _sync(self, fabrics: Fabrics, console: Console, options: dict[str, Any]) -> None:
        now = timezone.now()
        before = since(now, dict(fabrics) if options["wait"] else {})
        with denied_join_result():  # nobody waits for these results: a subscription to each would need its store
            asked = request_syncs(fabrics, now, tasks.git_sync_fabric.delay)
        ended: list[Ended] = []
        if not options["json"]:
            console.print(_summary(asked))
        if options["wait"]:
            reached = dict(fabrics[: len(asked.queued) + asked.busy])
            ended = self._followed(reached, before, Display() if options["json"] else display_on(console, len(reached)))
        if options["json"]:
            self.stdout.write(json.dumps(_as_json(asked, ended), indent=2))
        if asked.problem:
            raise CommandError(asked.problem, returncode=NOT_QUEUED)
        if not all(each.is_well for each in ended):
            sys.exit(NOT_ALL_WELL)

    def _followed(self, fabrics: Names, before: Since, display: Display) -> list[Ended]:
        try:
            return follow(fabrics, before, display)
        except KeyboardInterrupt:
            self.stderr.write("No longer waiting; the syncs go on. cancel_sync ends them.")
            raise


def _chosen(options: dict[str, Any]) -> Fabrics:
    if [bool(options["names"]), options["due"], options["all"]].count(True) != 1:
        raise CommandError("Name fabrics, or give one of --due and --all.", returncode=WRONG_USE)
    if options["dry_run"] and options["wait"]:
        raise CommandError("--dry-run queues nothing that --wait could wait for.", returncode=WRONG_USE)
    return list(_queryset(options).values_list("pk", "name"))


def _queryset(options: dict[str, Any]) -> QuerySet[HedgehogFabric]:
    if options["due"]:
        return due(timezone.now()).order_by(*LONGEST_OVERDUE_FIRST)
    if options["all"]:
        return HedgehogFabric.objects.filter(HAS_SOURCE).order_by("name")
    return fabrics_named(options["names"]).order_by("name")


def _print(console: Console, name: str, seen: Preview) -> None:
    if seen.error:
        console.print(Text(f"{name}  would fail: {seen.error}", style="red"))
        return
    counts = seen.counts
    sizes = f"{counts.created:,} created, {counts.updated:,} updated, {counts.deleted:,} deleted"
    console.print(Text(f"{name}  commit {seen.commit}  {sizes}, {counts.unchanged:,} unchanged", style="bold"))
    for reason in seen.excesses:
        console.print(Text(f"  would be held: {reason}", style="yellow"))
    for line in record_lines(seen.record) if seen.record else ():
        console.print(Text(f"  {line}"))


def _summary(asked: Requested) -> str:
    under_way = f", {asked.busy:,} queued or syncing already" if asked.busy else ""
    return f"{len(asked.queued):,} queued{under_way}."


def _as_json(asked: Requested, ended: list[Ended]) -> dict[str, Any]:
    document: dict[str, Any] = {"queued": len(asked.queued), "busy": asked.busy, "problem": asked.problem}
    return document | {"fabrics": [each.as_json() for each in ended]}
