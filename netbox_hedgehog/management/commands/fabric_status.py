"""How the fabrics are, at a glance or for a script."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from datetime import datetime
from typing import Any, override

from django.core.management.base import BaseCommand, CommandParser
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
            "--watch", nargs="?", const=2.0, type=float, metavar="SECONDS", help="show it anew every so often (2)"
        )

    @override
    def handle(self, *args: Any, **options: Any) -> None:
        if options["watch"]:
            self._watch(options)
            return
        fabrics = _chosen(options)
        now = timezone.now()
        if options["json"]:
            self.stdout.write(json.dumps([_as_json(fabric, now) for fabric in fabrics], indent=2))
        else:
            console_of(self, options).print(_page(fabrics, now))
        if any(fabric.sync_status in _BAD for fabric in fabrics):
            raise SystemExit(1)

    def _watch(self, options: dict[str, Any]) -> None:
        console: Console = console_of(self, options)
        try:
            with Live(console=console, auto_refresh=False) as live:
                while True:
                    live.update(_page(_chosen(options), timezone.now()), refresh=True)
                    time.sleep(max(0.1, options["watch"]))
        except KeyboardInterrupt:
            return


def _chosen(options: dict[str, Any]) -> Sequence[HedgehogFabric]:
    rows = with_next_due(fabrics_named(options["names"])).order_by("name")
    return list(rows.filter(sync_status__in=_BAD) if options["bad"] else rows)


def _page(fabrics: Sequence[HedgehogFabric], now: datetime) -> Group:
    """What hinders all of them, the table, and a line that sums up."""
    said = [Text(f"! {reason.sentence}\n  {reason.action}", style="yellow") for reason in fleet_reasons(survey(now))]
    bad = sum(fabric.sync_status in _BAD for fabric in fabrics)
    return Group(*said, _table(fabrics, now), Text(f"{len(fabrics):,} fabrics, {bad:,} failed or held."))


def _table(fabrics: Sequence[HedgehogFabric], now: datetime) -> Table:
    table = Table("Fabric", "State", "Activity", "Last sync", "Next", "Every", "Resources", "Error")
    for fabric in fabrics:
        following = next_due_at(fabric)
        # Text, so that a name or an error with brackets is not read as markup.
        table.add_row(
            Text(fabric.name),
            Text(fabric.get_sync_status_display(), style=_COLOURS.get(SyncStatus(fabric.sync_status), "")),
            Text(fabric.activity(now).label),
            Text(away(fabric.last_sync, now) if fabric.last_sync else "never"),
            Text(_next(following, now)),
            Text(f"{fabric.sync_interval:,} s" if fabric.sync_interval > 0 else "never"),
            Text(f"{fabric.resource_count:,}", justify="right"),
            Text(fabric.sync_error.partition("\n")[0]),
        )
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
