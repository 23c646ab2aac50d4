"""Make repositories, schema sources and fabrics as files describe them."""

from __future__ import annotations

import getpass
import json
import sys
from pathlib import Path
from typing import Any, Final, override

import structlog
from django.contrib.auth import get_user_model
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import IntegrityError
from django.utils import timezone
from rich.console import Console
from rich.text import Text

from netbox_hedgehog.fleetfile import MAX_BYTES, Change, Entry, Plan, Prune, apply, doubled, make_plan, read
from netbox_hedgehog.management.terminal import WRONG_USE, console_of
from netbox_hedgehog.manifests import Problem

IN_ERROR: Final = 1
WOULD_CHANGE: Final = 3
# More of these tell nobody anything; --json has them all.
MOST_PROBLEMS: Final = 100
_LONGEST_VALUE: Final = 60
_SIGNS: Final = {
    "create": ("+", "green"),
    "update": ("~", "yellow"),
    "disable": ("~", "yellow"),
    "delete": ("-", "red"),
}

log = structlog.get_logger(__name__)


class Command(BaseCommand):
    """All of the files or nothing, in one transaction; only columns that differ are written."""

    help = (
        "Create and update repositories, schema sources and fabrics as YAML files describe them. What is right already"
        " is left alone, and so are fields that a file leaves out. Everything is checked before anything is written."
        " Exit codes: 0 done, or nothing to do; 1 the files are in error, and nothing was written; 2 wrong use;"
        " 3 with --dry-run: something would change."
    )

    @override
    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("files", nargs="+", metavar="FILE", help="YAML or JSON; - is standard input")
        parser.add_argument("--dry-run", action="store_true", help="show what would change, field by field")
        parser.add_argument(
            "--prune",
            choices=[Prune.DISABLE.value, Prune.DELETE.value],
            default=Prune.NOTHING.value,
            help="what becomes of that which no file describes: disable ends the scheduled syncs of such fabrics;"
            " delete removes such fabrics, with their resources and history, and such sources and repositories",
        )
        parser.add_argument("--yes", action="store_true", help="do not ask before pruning")
        parser.add_argument("--user", metavar="NAME", help="put the changes on record in the admin under this user")
        parser.add_argument("--json", action="store_true", help="print one JSON document instead of text")

    @override
    def handle(self, *args: Any, **options: Any) -> None:
        user_id = _user_id(options["user"])
        entries, problems = _read(options["files"])
        plan = make_plan(entries, Prune(options["prune"]), timezone.now())
        plan.problems = sorted([*problems, *doubled(entries), *plan.problems], key=lambda each: (each.path, each.line))
        if not entries and not plan.problems:
            raise CommandError("The files describe nothing.", returncode=IN_ERROR)
        console = console_of(self, options)
        if not options["json"] and not plan.problems:
            _print(console, plan)
        written = bool(plan) and not plan.problems and not options["dry_run"]
        if written:
            self._confirm(plan, options)
            _apply(plan, user_id)
        self._report(plan, console, options, written=written)

    def _confirm(self, plan: Plan, options: dict[str, Any]) -> None:
        pruned = len(plan.disabled) + len(plan.deleted)
        if not pruned or options["yes"]:
            return
        if options["json"] or "-" in options["files"] or not sys.stdin.isatty():
            raise CommandError(
                "--prune needs --yes where nobody can be asked; nothing was written.", returncode=WRONG_USE
            )
        answer = input(f"Really {options['prune']} {pruned:,} that no file describes? [yes/no] ")
        if answer.strip().lower() not in {"y", "yes"}:
            raise CommandError("Nothing was written.", returncode=IN_ERROR)

    def _report(self, plan: Plan, console: Console, options: dict[str, Any], *, written: bool) -> None:
        if options["json"]:
            self.stdout.write(json.dumps(_as_json(plan, options, written=written), indent=2))
        elif plan.problems:
            _print_problems(console, plan.problems)
        else:
            console.print(Text(_summary(plan, written=written)))
        if plan.problems:
            sys.exit(IN_ERROR)
        if written and options["user"] is None:
            self.stderr.write("Not on record in the admin's history: that needs --user NAME.")
        if options["dry_run"] and plan:
            sys.exit(WOULD_CHANGE)


def _user_id(name: str | None) -> int | None:
    if name is None:
        return None
    users = get_user_model()
    pk: int | None = users.objects.filter(**{users.USERNAME_FIELD: name}).values_list("pk", flat=True).first()
    if pk is None:
        raise CommandError(f"There is no user “{name}”.", returncode=WRONG_USE)
    return pk


def _read(files: list[str]) -> tuple[list[Entry], list[Problem]]:
    entries: list[Entry] = []
    problems: list[Problem] = []
    for file in files:
        more, wrong = read(_content(file), "standard input" if file == "-" else file)
        entries.extend(more)
        problems.extend(wrong)
    return entries, problems


def _content(file: str) -> bytes:
    """No more than is ever read, and one byte, at which the reader sees that it is too much."""
    try:
        if file == "-":
            return sys.stdin.buffer.read(MAX_BYTES + 1)
        with Path(file).open("rb") as opened:
            return opened.read(MAX_BYTES + 1)
    except OSError as error:
        raise CommandError(f"{file}: {error.strerror}", returncode=WRONG_USE) from None


def _apply(plan: Plan, user_id: int | None) -> None:
    try:
        apply(plan, user_id)
    except IntegrityError:
        raise CommandError(
            "Somebody else made or used one of these meanwhile; nothing was written. Import again.", returncode=IN_ERROR
        ) from None
    counts = {verb: len(changes) for verb, changes in plan.changes()}
    log.info("fleet.imported", by=getpass.getuser(), user_id=user_id, **counts)


def _print(console: Console, plan: Plan) -> None:
    for verb, changes in plan.changes():
        sign, colour = _SIGNS[verb]
        for change in changes:
            console.print(Text(f"{sign} {change.kind.title} {change.name}", style=colour), soft_wrap=True)
            for line in _lines(change):
                console.print(Text(f"    {line}"), soft_wrap=True)


def _lines(change: Change) -> list[str]:
    return [f"{name}: {_shown(before)} → {_shown(after)}" for name, (before, after) in change.fields.items()]


def _shown(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=True)
    return text if len(text) <= _LONGEST_VALUE else f"{text[: _LONGEST_VALUE - 1]}…"


def _print_problems(console: Console, problems: list[Problem]) -> None:
    for problem in problems[:MOST_PROBLEMS]:
        console.print(Text(str(problem), style="red"), soft_wrap=True)
    if len(problems) > MOST_PROBLEMS:
        console.print(Text(f"… and {len(problems) - MOST_PROBLEMS:,} more"))
    count = f"{len(problems):,} problem{'' if len(problems) == 1 else 's'}"
    console.print(Text(f"{count}; nothing was written."))


def _summary(plan: Plan, *, written: bool) -> str:
    counts = [f"{len(changes):,} to {verb}" for verb, changes in plan.changes() if changes]
    said = ", ".join([*counts, f"{plan.unchanged:,} unchanged"])
    return f"{said}: done." if written else f"{said}; nothing was written."


def _as_json(plan: Plan, options: dict[str, Any], *, written: bool) -> dict[str, Any]:
    return {
        "written": written,
        **{f"{verb}d": [change.as_json() for change in changes] for verb, changes in plan.changes()},
        "unchanged": plan.unchanged,
        "problems": [
            {"file": each.path, "line": each.line, "field": each.field, "message": each.message}
            for each in plan.problems
        ],
        "on_record": written and options["user"] is not None,
    }
