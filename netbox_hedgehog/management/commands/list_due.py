"""Which fabrics are due, and why the others are not."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import asdict
from datetime import datetime
from typing import Any, override

from django.core.management.base import BaseCommand, CommandParser
from django.utils import timezone
from rich.console import Console
from rich.table import Table
from rich.text import Text

from netbox_hedgehog.management.terminal import console_of, fabrics_named
from netbox_hedgehog.scheduling.explain import Answer, explain
from netbox_hedgehog.scheduling.fleet import fleet_reasons, survey
from netbox_hedgehog.scheduling.reasons import Reason, Why


class Command(BaseCommand):
    """Asks the scheduler; changes nothing."""

    help = (
        "List the fabrics that are due now, in the order in which the next tick takes them, and why others are not."
        " Exit codes: 0 done, 2 a name that no fabric has."
    )

    @override
    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("names", nargs="*", metavar="NAME", help="a fabric's name; without any, all fabrics")
        parser.add_argument("--all", action="store_true", help="also those that are merely not due yet")
        parser.add_argument("--json", action="store_true", help="print one JSON document instead of a table")

    @override
    def handle(self, *args: Any, **options: Any) -> None:
        now = timezone.now()
        fleet = survey(now)
        answers = explain(fabrics_named(options["names"]).order_by("name"), now, fleet)
        shown = answers if options["all"] or options["names"] else [one for one in answers if not _merely_waits(one)]
        shown.sort(key=lambda one: (not one.is_due, one.position or 0))
        if options["json"]:
            self.stdout.write(_as_json(now, fleet_reasons(fleet), shown))
        else:
            _print(console_of(self, options), fleet_reasons(fleet), shown, answers)


def _merely_waits(answer: Answer) -> bool:
    """Whether all is well and its time has not come."""
    return {reason.code for reason in answer.reasons} == {Why.NOT_YET}


def _as_json(now: datetime, of_all: Iterable[Reason], answers: Iterable[Answer]) -> str:
    document = {
        "now": now.isoformat(),
        "fleet": [asdict(reason) for reason in of_all],
        "fabrics": [asdict(answer) for answer in answers],
    }
    return json.dumps(document, indent=2)


def _print(console: Console, of_all: tuple[Reason, ...], shown: list[Answer], answers: list[Answer]) -> None:
    for reason in of_all:
        console.print(Text(f"! {reason.sentence}\n  {reason.action}", style="yellow"))
    if shown:
        console.print(_table(shown, hide=set(of_all)))
    due = sum(answer.is_due for answer in answers)
    hidden = len(answers) - len(shown)
    more = f", {hidden:,} not due yet (--all lists them)" if hidden else ""
    console.print(f"{due:,} due now, {len(shown) - due:,} not{more}.")


def _table(answers: Iterable[Answer], *, hide: set[Reason]) -> Table:
    """One row for each reason; ``hide`` names those already said for all."""
    table = Table("Fabric", "Due", "Why", "What helps")
    for answer in answers:
        said = [reason for reason in answer.reasons if reason not in hide]
        for number, reason in enumerate(said):
            name, due = (answer.name, "now" if answer.is_due else "no") if number == 0 else ("", "")
            # Text, so that a name or an error with brackets is not read as markup.
            table.add_row(Text(name), Text(due), Text(reason.sentence), Text(reason.action))
    return table
