"""Write repositories, schema sources and fabrics as a file that `import_fabrics` reads."""

from __future__ import annotations

from collections.abc import Generator, Iterable
from contextlib import closing
from pathlib import Path
from typing import Any, override

from django.core.management.base import BaseCommand, CommandError, CommandParser

from netbox_hedgehog.fleetfile import Written, write
from netbox_hedgehog.management.terminal import WRONG_USE, fabrics_named


class Command(BaseCommand):
    """Reads the database, nothing else."""

    help = (
        "Print repositories, schema sources and fabrics as YAML, with all that an operator sets and nothing that syncs"
        " write; import_fabrics reads it. Credentials are left out: a comment and a line on standard error say which."
        " Exit codes: 0 done, 2 wrong use."
    )

    @override
    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "names", nargs="*", metavar="NAME", help="a fabric's name: it and what it uses; without any, everything"
        )
        parser.add_argument("--output", default="-", metavar="FILE", help="where to; - is standard output (default)")

    @override
    def handle(self, *args: Any, **options: Any) -> None:
        fabrics_named(options["names"])
        # Closed in time when nobody reads on: Django closes the database before the last reference goes.
        with closing(self._texts(options["names"])) as texts:
            if options["output"] == "-":
                for text in texts:
                    self.stdout.write(text, ending="")
            else:
                _save(texts, Path(options["output"]))

    def _texts(self, names: list[str]) -> Generator[str]:
        for written in write(names):
            self._say_what_is_left_out(written)
            yield written.text

    def _say_what_is_left_out(self, written: Written) -> None:
        if written.left_out:
            self.stderr.write(f"{written.kind.title} {written.name}: left out {', '.join(written.left_out)}.")


def _save(texts: Iterable[str], path: Path) -> None:
    try:
        with path.open("w", encoding="utf-8") as file:
            file.writelines(texts)
    except OSError as error:
        raise CommandError(f"{path}: {error.strerror}", returncode=WRONG_USE) from None
