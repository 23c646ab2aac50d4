"""How the fabrics are, at a glance or for a script."""

from __future__ import annotations

import json
import time
from argparse import ArgumentTypeError
from collections.abc import Sequence
from contextlib import nullcontext
from datetime import datetime
from functools import partial
from typing import Any, Final, override

from django.core.management.base import BaseCommand, CommandParser
from django.db.models import Case, Count, Q, QuerySet, When
from django.utils import timezone
from rich.console import Console, Group
from rich.live import Live
from rich.table import Table
from rich.text import Text

from netbox_hedgehog.management.terminal import console_of, fabrics_named
from netbox_hedgehog.models import HedgehogFabric, SyncStatus
from netbox_hedgehog.scheduling.due import next_due_at, with_next_due
from netbox_hedgehog.scheduling.fleet import fleet_reasons, survey
from netbox_hedgehog.scheduling.reasons import away

SHORTEST_PAUSE: Final = 0.1
LONGEST_PAUSE: Final = 3600
# Its head and borders, the sums, and the line of the cursor.
_TABLE_LINES: Final = 6
_HEADINGS: Final = ("Fabric", "State", "Activity", "Last sync", "Next", "Every", "Resources", "Error")
# Of a terminal with less columns than this.
_FEW_HEADINGS: Final = ("Fabric", "State", "Last sync", "Error")
_NARROW: Final = 100
_BAD = (SyncStatus.ERROR, SyncStatus.HELD)
_COLOURS = {SyncStatus.IN_SYNC: "green", SyncStatus.ERROR: "red", SyncStatus.HELD: "yellow"}


class Command(BaseCommand):
    """Reads the database, nothing else; exit code 1 if a fabric that is shown has failed or is held."""

    help = (
        "Show the state of fabrics: last sync, next one, resources, what failed. Exit codes: 0 all are well, 1 the last"
        " sync of one of them failed or is held for approval, 2 a name that no fabric has."
    )

    @override
    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("names", nargs="*", metavar="NAME", help="a fabric's name; without any, all fabrics")
        parser.add_argument("--bad", action="store_true", help="only those that failed or are held")
        form = parser.add_mutually_exclusive_group()
        form.add_argument("--json", action="store_true", help="print one JSON document instead of a table")
        form.add_argument(
            "--watch", nargs="?", const=2.0, type=_pause, metavar="SECONDS", help="show it anew every so often (2)"
        )

    @override
    def handle(self, *args: Any, **options: Any) -> None:
        if options["watch"] is not None:
            self._watch(options)
            return
        fabrics = list(_chosen(options).order_by("name"))
        now = timezone.now()
        if options["json"]:
            self.stdout.write(json.dumps([_as_json(fabric, now) for fabric in fabrics], indent=2))
        else:
            sums = Text(_sums(len(fabrics), sum(fabric.sync_status in _BAD for fabric in fabrics)))
            console_of(self, options).print(Group(*_hindrances(now), _table(fabrics, now), sums))
        if any(fabric.sync_status in _BAD for fabric in fabrics):
            raise SystemExit(1)

    def _watch(self, options: dict[str, Any]) -> None:
        """On a terminal in one place, else one after the other, as a log wants it."""
        console: Console = console_of(self, options)
        live = Live(console=console, auto_refresh=False) if console.is_terminal else None
        show = partial(live.update, refresh=True) if live else console.print
        try:
            with live or nullcontext():
                while True:
                    show(_glance(_chosen(options), timezone.now(), console))
                    time.sleep(options["watch"])
        except KeyboardInterrupt:
            return


def _pause(text: str) -> float:
    seconds = float(text)
    if not SHORTEST_PAUSE <= seconds <= LONGEST_PAUSE:
        raise ArgumentTypeError(f"must be from {SHORTEST_PAUSE} to {LONGEST_PAUSE} seconds")
    return seconds


def _chosen(options: dict[str, Any]) -> QuerySet[HedgehogFabric]:
    rows = with_next_due(fabrics_named(options["names"]))
    return rows.filter(sync_status__in=_BAD) if options["bad"] else rows


def _glance(fabrics: QuerySet[HedgehogFabric], now: datetime, console: Console) -> Group:
    """The sums, what hinders all fabrics, and the fabrics: of a terminal, as many as fit, those in trouble first."""
    is_bad = Q(sync_status__in=_BAD)
    sums = fabrics.aggregate(total=Count("pk"), bad=Count("pk", filter=is_bad))
    said = _hindrances(now)
    fit = max(1, console.height - _TABLE_LINES - 2 * len(said))
    most = fit if console.is_terminal else sums["total"]
    first = fabrics.order_by(Case(When(is_bad, then=0), default=1), "name")[:most]
    left_out = f" The first {most:,} of them:" if most < sums["total"] else ""
    return Group(Text(_sums(sums["total"], sums["bad"]) + left_out), *said, _table(list(first), now, console.width))


def _hindrances(now: datetime) -> list[Text]:
    """What hinders all fabrics."""
    return [Text(f"! {reason.sentence}\n  {reason.action}", style="yellow") for reason in fleet_reasons(survey(now))]


def _sums(total: int, bad: int) -> str:
    return f"{total:,} fabrics, {bad:,} failed or held."


def _table(fabrics: Sequence[HedgehogFabric], now: datetime, width: int | None = None) -> Table:
    """With a ``width``, each fabric has one line, and a narrow terminal the columns that matter most."""
    headings = _HEADINGS if width is None or width >= _NARROW else _FEW_HEADINGS
    table = Table(*headings)
    if width is not None:
        table.expand = True  # The error takes what the others leave.
        for column in table.columns:
            column.no_wrap, column.overflow = True, "ellipsis"
        table.columns[0].max_width, table.columns[-1].ratio = width // 3, 1
    for fabric in fabrics:
        # Text, so that a name or an error with brackets is not read as markup.
        cells = {
            "Fabric": Text(fabric.name),
            "State": Text(fabric.get_sync_status_display(), style=_COLOURS.get(SyncStatus(fabric.sync_status), "")),
            "Activity": Text(fabric.activity(now).label),
            "Last sync": Text(away(fabric.last_sync, now) if fabric.last_sync else "never"),
            "Next": Text(_next(next_due_at(fabric), now)),
            "Every": Text(f"{fabric.sync_interval:,} s" if fabric.sync_interval > 0 else "never"),
            "Resources": Text(f"{fabric.resource_count:,}", justify="right"),
            "Error": Text(fabric.sync_error.partition("\n")[0]),
        }
        table.add_row(*(cells[heading] for heading in headings))
    return table


def _next(following: datetime | None, now: datetime) -> str:
    if following is None:
        return "not by schedule"
    return away(following, now) if following > now else f"due {away(following, now)}"


def _as_json(fabric: HedgehogFabric, now: datetime) -> dict[str, Any]:
    following = next_due_at(fabric)
    return {
        "name": fabric.name,
        "status": fabric.status,
        "sync_enabled": fabric.sync_enabled,
        "sync_interval_seconds": fabric.sync_interval,
        "sync_status": fabric.sync_status,
        "activity": fabric.activity(now),
        "last_sync": fabric.last_sync.isoformat() if fabric.last_sync else None,
        "next_due_at": following.isoformat() if following else None,
        "commit": fabric.desired_state_commit,
        "resources": fabric.resource_count,
        "error": fabric.sync_error,
    }
