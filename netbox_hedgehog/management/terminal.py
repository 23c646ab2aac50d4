"""What the commands share: a console on the command's own output, and fabrics by their names."""

from __future__ import annotations

from difflib import get_close_matches
from typing import IO, Any, Final, cast, override

from django.core.management.base import BaseCommand, CommandError
from django.db.models import QuerySet
from rich.console import Console

from netbox_hedgehog.models import HedgehogFabric

# Comparing a wrong name with more names than these takes longer than a person waits.
NAMES_COMPARED: Final = 10_000
# Into a pipe or a file, where 80 columns would only break lines that grep is to find.
PIPED_WIDTH: Final = 200
# As argparse has it; 1 is for what a command found.
WRONG_USE: Final = 2


class _Console(Console):
    """One that lets the command line decide how it ends when nobody reads any more."""

    @override
    def on_broken_pipe(self) -> None:
        raise BrokenPipeError


def console_of(command: BaseCommand, options: dict[str, Any]) -> Console:
    """A console that writes where the command was told to, with colours only where they are wanted."""
    output = cast("IO[str]", command.stdout)
    width = None if output.isatty() else PIPED_WIDTH
    return _Console(file=output, width=width, no_color=options["no_color"] or None, highlight=False)


def fabrics_named(names: list[str]) -> QuerySet[HedgehogFabric]:
    """The fabrics with these names; all fabrics when there are no names.

    Raises:
        CommandError: naming each name that no fabric has, with one that is close; with the exit code of wrong use.
    """
    if not names:
        return HedgehogFabric.objects.all()
    known = set(HedgehogFabric.objects.filter(name__in=names).values_list("name", flat=True))
    unknown = [name for name in names if name not in known]
    if unknown:
        raise CommandError("\n".join(_unknown(name) for name in unknown), returncode=WRONG_USE)
    return HedgehogFabric.objects.filter(name__in=names)


def _unknown(name: str) -> str:
    candidates = HedgehogFabric.objects.order_by("name").values_list("name", flat=True)[:NAMES_COMPARED]
    close = get_close_matches(name, list(candidates), n=1)
    return f"There is no fabric “{name}”." + (f" Did you mean “{close[0]}”?" if close else "")
