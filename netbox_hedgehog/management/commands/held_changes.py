"""Changes that wait for approval: list, approve, reject."""

from __future__ import annotations

import getpass
import json
from typing import Any, override

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db.models import QuerySet
from django.utils import timezone
from rich.console import Console
from rich.text import Text

from netbox_hedgehog.management.terminal import console_of, fabrics_named
from netbox_hedgehog.models import Decision, HeldChange
from netbox_hedgehog.sync.held import decide
from netbox_hedgehog.sync.record_text import record_lines


class Command(BaseCommand):
    """Decides about the commit that is held at that moment, and says which it was."""

    help = (
        "List the changes that were held because they exceed their fabric's budget, with what they would change."
        " --approve and --reject decide about that one commit; an approved one is applied by the next tick."
        " Exit codes: 0 done, 1 that change is not held, or no more, 2 a name that no fabric has."
    )

    @override
    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("names", nargs="*", metavar="NAME", help="a fabric's name; without any, all fabrics")
        decision = parser.add_mutually_exclusive_group()
        decision.add_argument("--approve", metavar="NAME", help="apply the commit that is held of this fabric")
        decision.add_argument("--reject", metavar="NAME", help="keep it out until another commit comes")
        parser.add_argument(
            "--commit", default="", help="decide only if this commit (or its beginning) is what is held"
        )
        parser.add_argument("--json", action="store_true", help="print one JSON document instead of text")

    @override
    def handle(self, *args: Any, **options: Any) -> None:
        if options["approve"]:
            self._decide(options["approve"], options["commit"], Decision.APPROVED)
        elif options["reject"]:
            self._decide(options["reject"], options["commit"], Decision.REJECTED)
        else:
            self._list(options)

    def _decide(self, name: str, commit: str, decision: Decision) -> None:
        held = _held([name]).first()
        if held is None:
            raise CommandError(f"Nothing is held of fabric “{name}”.")
        if not held.commit.startswith(commit):
            raise CommandError(f"What is held of fabric “{name}” is commit {held.commit}.")
        if decide(held.pk, decision, getpass.getuser(), timezone.now()) is None:
            raise CommandError(f"Commit {held.commit} is held no more: another came meanwhile.")
        self.stdout.write(f"{name}: commit {held.commit} {decision.label}.")

    def _list(self, options: dict[str, Any]) -> None:
        rows = list(_held(options["names"]))
        if options["json"]:
            self.stdout.write(json.dumps([_as_json(held) for held in rows], indent=2))
            return
        console = console_of(self, options)
        for held in rows:
            _print(console, held)
        console.print(f"{len(rows):,} held.")


def _held(names: list[str]) -> QuerySet[HeldChange]:
    rows = HeldChange.objects.select_related("fabric").order_by("fabric__name")
    return rows.filter(fabric__in=fabrics_named(names)) if names else rows


def _as_json(held: HeldChange) -> dict[str, Any]:
    columns = ("commit", "reasons", "created", "updated", "deleted", "record", "decision", "decided_by")
    shown = {name: getattr(held, name) for name in columns}
    return {"fabric": held.fabric.name, "held_at": held.held_at.isoformat(), **shown}


def _print(console: Console, held: HeldChange) -> None:
    console.print(Text(f"{held.fabric.name}  commit {held.commit}  {held.get_decision_display()}", style="bold"))
    for line in (*held.reasons, *record_lines(held.record)):
        console.print(Text(f"  {line}"))
