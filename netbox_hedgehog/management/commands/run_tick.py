"""One tick in the foreground."""

from __future__ import annotations

import json
from typing import Any, Final, override

from django.core.management.base import BaseCommand, CommandError, CommandParser
from rich.console import Console
from rich.table import Table
from rich.text import Text

from netbox_hedgehog import tasks
from netbox_hedgehog.management.terminal import console_of
from netbox_hedgehog.models import TickStatus
from netbox_hedgehog.scheduling.summary import SummaryDict

EXIT_CODES: Final[dict[str, int]] = {TickStatus.FAILED: 1, TickStatus.SKIPPED: 3}
_VERBS: Final[dict[str, str]] = {TickStatus.FAILED: "failed", TickStatus.SKIPPED: "was skipped"}


class Command(BaseCommand):
    """Does what beat's message makes a worker do; the syncs themselves are left to the workers."""

    help = (
        "Run one tick of the scheduler now, in this process, and print its summary. Exit codes: 0 completed or partial,"
        " 1 failed, 3 skipped because another tick is running."
    )

    @override
    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--json", action="store_true", help="print the summary as JSON")

    @override
    def handle(self, *args: Any, **options: Any) -> None:
        summary = tasks.periodic_fabric_sync_scheduler()
        if options["json"]:
            self.stdout.write(json.dumps(summary, indent=2))
        else:
            _print(console_of(self, options), summary)
        status = summary["status"]
        if status in EXIT_CODES:
            why = summary.get("reason", "").replace("_", " ") or "see the errors of its summary"
            raise CommandError(f"The tick {_VERBS[status]}: {why}.", returncode=EXIT_CODES[status])


def _print(console: Console, summary: SummaryDict) -> None:
    table = Table("Tick", summary["status"])
    table.add_row("fabrics on the schedule", f"{summary['fabrics_checked']:,}")
    table.add_row("due", f"{summary['fabrics_due']:,}")
    table.add_row("handed to workers", f"{summary['syncs_triggered']:,}")
    for reason, count in sorted(summary["syncs_skipped"].items()):
        table.add_row(f"skipped: {reason.replace('_', ' ')}", f"{count:,}")
    table.add_row("took", f"{summary['duration_seconds']:.3f} s")
    console.print(table)
    for error in summary["errors"]:
        console.print(Text(f"{error['fabric'] or 'tick'}: [{error['code']}] {error['message']}", style="red"))
