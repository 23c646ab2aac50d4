"""The syncs of one fabric, and what each changed."""

from __future__ import annotations

import json
from argparse import ArgumentTypeError
from collections.abc import Sequence
from typing import Any, override

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone
from rich.table import Table
from rich.text import Text

from netbox_hedgehog.management.terminal import console_of, fabrics_named
from netbox_hedgehog.models import SyncRecord, SyncRun
from netbox_hedgehog.scheduling.reasons import at
from netbox_hedgehog.sync.history import runs_of
from netbox_hedgehog.sync.record_text import record_lines


class Command(BaseCommand):
    """Reads the history, which is kept for HEDGEHOG_KEEP_RUNS_DAYS."""

    help = (
        "List the last syncs of a fabric, the newest first: commit, outcome, how many resources changed, what failed."
        " --run shows what one of them changed, field by field."
        " Exit codes: 0 done, 1 the fabric has no such sync, 2 a name that no fabric has."
    )

    @override
    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("name", metavar="NAME", help="a fabric's name")
        parser.add_argument("--limit", type=_at_least_one, default=20, metavar="N", help="at most so many syncs (20)")
        parser.add_argument("--changed", action="store_true", help="only those that changed something")
        parser.add_argument("--run", type=int, metavar="ID", help="what this sync changed")
        parser.add_argument("--json", action="store_true", help="print one JSON document instead of a table")

    @override
    def handle(self, *args: Any, **options: Any) -> None:
        runs = runs_of(fabrics_named([options["name"]]).get())
        if options["run"] is not None:
            self._show_run(runs.filter(pk=options["run"]).first(), options)
            return
        if options["changed"]:
            runs = runs.filter(record__isnull=False)
        shown = list(runs[: options["limit"]])
        if options["json"]:
            self.stdout.write(json.dumps([_as_json(run) for run in shown], indent=2))
        else:
            console_of(self, options).print(_table(shown))

    def _show_run(self, run: SyncRun | None, options: dict[str, Any]) -> None:
        if run is None:
            raise CommandError(
                f"Fabric “{options['name']}” has no sync {options['run']}. Leave --run out to list them."
            )
        record = SyncRecord.objects.filter(run=run).values_list("content", flat=True).first()
        if options["json"]:
            self.stdout.write(json.dumps(_as_json(run) | {"record": record}, indent=2))
            return
        self.stdout.write(
            f"{run.get_status_display()}, commit {run.commit or 'unknown'}, {at(run.started_at, timezone.now())}"
        )
        if run.error_code:
            self.stdout.write(f"[{run.error_code}] {run.error_message}\n{run.error_remedy}")
        for line in record_lines(record) if record else ["It changed nothing."]:
            self.stdout.write(line)


def _at_least_one(text: str) -> int:
    number = int(text)
    if number < 1:
        raise ArgumentTypeError("must be 1 or more")
    return number


def _table(runs: Sequence[SyncRun]) -> Table:
    table = Table("Sync", "Started", "Outcome", "By", "Commit", "Changes", "Took", "Error")
    now = timezone.now()
    for run in runs:
        # Text, so that an error with brackets is not read as markup.
        table.add_row(
            str(run.pk),
            at(run.started_at, now),
            run.get_status_display(),
            run.get_trigger_display(),
            run.commit[:12],
            f"+{run.created} ~{run.updated} -{run.deleted}" if run.created or run.updated or run.deleted else "",
            f"{run.duration_seconds:.2f} s",
            Text(run.error_code),
        )
    return table


def _as_json(run: SyncRun) -> dict[str, Any]:
    columns = (
        "status",
        "trigger",
        "commit",
        "created",
        "updated",
        "deleted",
        "unchanged",
        "duration_seconds",
        "worker",
    )
    shown = {name: getattr(run, name) for name in columns}
    return {
        "id": run.pk,
        "started_at": run.started_at.isoformat(),
        **shown,
        "error": run.error_as_json(),
    }
