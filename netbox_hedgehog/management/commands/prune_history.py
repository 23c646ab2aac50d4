"""Delete history past retention."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, override

from django.core.management.base import BaseCommand, CommandParser
from django.utils import timezone

from netbox_hedgehog.scheduling.retention import SYNC_RUNS, TICKS, History, batches, limits


class Command(BaseCommand):
    """The scheduled task does this too, for half a minute each time; this command catches up at once."""

    help = (
        "Delete sync runs older than HEDGEHOG_KEEP_RUNS_DAYS or beyond HEDGEHOG_KEEP_RUNS_COUNT, and scheduler runs"
        " older than HEDGEHOG_KEEP_TICKS_DAYS or beyond HEDGEHOG_KEEP_TICKS_COUNT, in batches. Kept: each fabric's"
        " newest run and newest failure, and the newest and newest failed tick. Exit code: 0 done."
    )

    @override
    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--dry-run", action="store_true", help="only count what would be deleted")

    @override
    def handle(self, *args: Any, **options: Any) -> None:
        runs_before, ticks_before = limits(timezone.now())
        self._prune("sync runs", SYNC_RUNS, runs_before, options)
        self._prune("scheduler runs", TICKS, ticks_before, options)

    def _prune(self, what: str, history: History, before: datetime, options: dict[str, Any]) -> None:
        total = 0
        for deleted in batches(history, before, dry_run=options["dry_run"]):
            total += deleted
            if deleted and options["verbosity"] > 1:
                self.stdout.write(f"{total:,} {what} so far")
        done = "Would delete" if options["dry_run"] else "Deleted"
        self.stdout.write(f"{done} {total:,} {what} from before {before.astimezone(UTC):%Y-%m-%d %H:%M} UTC.")
