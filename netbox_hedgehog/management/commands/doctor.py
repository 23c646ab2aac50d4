"""Whether all that a fleet needs is there, and what helps where it is not."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Any, override

from django.core.management.base import BaseCommand, CommandParser
from rich.text import Text

from netbox_hedgehog.health import State, examine
from netbox_hedgehog.management.terminal import console_of

_SIGNS = {State.GOOD: ("ok  ", "green"), State.DOUBTFUL: ("warn", "yellow"), State.BAD: ("BAD ", "red")}


class Command(BaseCommand):
    """Looks from the machine that it runs on; exit code 1 if something is bad."""

    help = (
        "Check database, migrations, clock, cache, broker, workers, schedule, keys and disk, and say what helps where"
        " something is wrong. Exit codes: 0 nothing is bad, 1 something is."
    )
    # A database without its tables is one of the things that are looked for.
    requires_system_checks = ()

    @override
    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--json", action="store_true", help="print one JSON document instead of lines")

    @override
    def handle(self, *args: Any, **options: Any) -> None:
        console = console_of(self, options)
        findings = []
        for finding in examine():
            findings.append(finding)
            if not options["json"]:
                sign, colour = _SIGNS[finding.state]
                console.print(Text(f"{sign}  {finding.part}: {finding.seen}", style=colour))
                if finding.remedy:
                    console.print(Text(f"      {finding.remedy}"))
        if options["json"]:
            self.stdout.write(json.dumps([asdict(finding) for finding in findings], indent=2))
        if any(finding.state == State.BAD for finding in findings):
            raise SystemExit(1)
