"""Encrypt the stored credentials anew with the first key of HEDGEHOG_ENCRYPTION_KEY."""

from __future__ import annotations

from typing import Any, override

from django.core.management.base import BaseCommand, CommandError, CommandParser

from netbox_hedgehog.sync.rotation import Rotation, rotate


class Command(BaseCommand):
    """Can be stopped and started again at any point."""

    help = (
        "Encrypt every stored credential anew with the first key of HEDGEHOG_ENCRYPTION_KEY, in batches."
        " Afterwards the other keys can be taken out. Exit codes: 0 done, 1 a credential fits none of the keys."
    )

    @override
    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--dry-run", action="store_true", help="only count what would be encrypted anew")

    @override
    def handle(self, *args: Any, **options: Any) -> None:
        total = Rotation()
        for batch in rotate(dry_run=options["dry_run"]):
            total += batch
            if options["verbosity"] > 1:
                self.stdout.write(f"{total.renewed:,} so far")
        done = "Would encrypt" if options["dry_run"] else "Encrypted"
        self.stdout.write(
            f"{done} {total.renewed:,} credentials anew; {total.current:,} had the first key already; "
            f"{len(total.unreadable):,} fit none of the keys."
        )
        if total.unreadable:
            raise CommandError(
                "No key fits these; put their former key back, or enter them again:\n" + "\n".join(total.unreadable)
            )
