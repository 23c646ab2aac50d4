"""What changed in one fabric between two commits."""

from __future__ import annotations

import json
from typing import Any, override

from django.core.management.base import BaseCommand, CommandError, CommandParser

from netbox_hedgehog.management.terminal import fabrics_named
from netbox_hedgehog.sync.history import Difference, HistoryError, between
from netbox_hedgehog.sync.record_text import record_lines


class Command(BaseCommand):
    """Joins the records of the syncs in between; asks neither Git nor a worker."""

    help = (
        "Show what the syncs of a fabric changed between two commits, resource by resource: + created, ~ updated with"
        " each field's old and new value, - deleted. fabric_history lists the commits."
        " Exit codes: 0 done, 1 no such commits on record, 2 a name that no fabric has."
    )

    @override
    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("name", metavar="NAME", help="a fabric's name")
        parser.add_argument("older", metavar="OLDER", help="a commit that was synced, or the beginning of its id")
        parser.add_argument("newer", metavar="NEWER", nargs="?", default="", help="a later one; left out: the newest")
        parser.add_argument("--json", action="store_true", help="print one JSON document instead of lines")

    @override
    def handle(self, *args: Any, **options: Any) -> None:
        fabric = fabrics_named([options["name"]]).get()
        try:
            difference = between(fabric, options["older"], options["newer"])
        except HistoryError as error:
            raise CommandError(str(error)) from None
        if options["json"]:
            self.stdout.write(json.dumps(_as_json(difference), indent=2))
            return
        for line in record_lines(difference.record):
            self.stdout.write(line)
        if difference.gaps:
            self.stdout.write(f"… {difference.gaps} of the syncs in between changed more than is on record.")


def _as_json(difference: Difference) -> dict[str, Any]:
    return {
        "older": difference.older.commit,
        "newer": difference.newer.commit,
        "record": difference.record,
        "incomplete": difference.gaps > 0,
    }
