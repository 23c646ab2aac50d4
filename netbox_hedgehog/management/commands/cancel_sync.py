"""Cancel syncs that are queued or running."""

from __future__ import annotations

import getpass
from typing import Any, Final, override

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from netbox_hedgehog.management.terminal import fabrics_named
from netbox_hedgehog.scheduling.cancel import cancel

NOTHING_TO_CANCEL: Final = 1


class Command(BaseCommand):
    """Takes their claims away, as “Cancel sync” in the admin does."""

    help = (
        "Cancel the sync of each fabric, queued or running: nothing of it is written, and the fabric is due again after"
        " its interval. Exit codes: 0 all were cancelled, 1 some had none, 2 a name that no fabric has."
    )

    @override
    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("names", nargs="+", metavar="NAME", help="a fabric's name")

    @override
    def handle(self, *args: Any, **options: Any) -> None:
        fabrics = list(fabrics_named(options["names"]).order_by("name").values_list("pk", "name"))
        idle = [name for fabric_id, name in fabrics if not self._cancel(fabric_id, name)]
        if idle:
            raise CommandError(f"No sync is queued or running of {', '.join(idle)}.", returncode=NOTHING_TO_CANCEL)

    def _cancel(self, fabric_id: int, name: str) -> bool:
        cancelled = cancel(fabric_id, getpass.getuser(), timezone.now())
        if cancelled:
            self.stdout.write(f"{name}: cancelled.")
        return cancelled
