"""Whether a sync from a repository would work, and what it would find."""

from __future__ import annotations

import json
import sys
from typing import Any, Final, override

from django.core.management.base import BaseCommand, CommandError, CommandParser
from rich.console import Console
from rich.text import Text

from netbox_hedgehog.errors import NeedsOperator, SyncError
from netbox_hedgehog.management.terminal import WRONG_USE, console_of
from netbox_hedgehog.models import GitRepository
from netbox_hedgehog.sync.probe import ConnectionReport, check_connection, trust_host_key

NEEDS_OPERATOR: Final = 1
RETRY_LATER: Final = 3


class Command(BaseCommand):
    """Takes the path of a sync, from this machine, and writes nothing but the mirror."""

    help = (
        "Connect to a repository as a sync would, from this machine: say the head of its ref and how many manifests"
        " its directories hold. Exit codes: 0 it works, 1 somebody has to mend something, 2 wrong use,"
        " 3 it may work later by itself."
    )

    @override
    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("name", metavar="NAME", help="the repository's name")
        parser.add_argument("--ref", default="", help="a branch, tag or commit instead of the repository's own")
        parser.add_argument(
            "--directory", action="append", default=[], help="count here instead of in the fabrics' directories"
        )
        parser.add_argument(
            "--trust-host-key",
            action="store_true",
            help="store the key of an SSH server that is not among the known hosts: trust on first use",
        )
        parser.add_argument("--json", action="store_true", help="print one JSON document instead of text")

    @override
    def handle(self, *args: Any, **options: Any) -> None:
        repository = GitRepository.objects.filter(name=options["name"]).first()
        if repository is None:
            raise CommandError(f"There is no repository “{options['name']}”.", returncode=WRONG_USE)
        report = _tested(repository, options)
        if options["trust_host_key"] and report.host_key:
            trusted = report.host_key
            if not trust_host_key(repository, trusted):
                raise CommandError("The known hosts were edited meanwhile; nothing was stored.", returncode=RETRY_LATER)
            self.stderr.write(f"Trusted from now on: {trusted.strip()}")
            repository.refresh_from_db()
            report = _tested(repository, options)
        if options["json"]:
            self.stdout.write(json.dumps(report.as_json(), indent=2))
        else:
            _print(console_of(self, options), report)
        if report.failures:
            sys.exit(_exit_code(report.failures))


def _tested(repository: GitRepository, options: dict[str, Any]) -> ConnectionReport:
    return check_connection(repository, ref=options["ref"], directories=options["directory"])


def _exit_code(failures: list[SyncError]) -> int:
    return NEEDS_OPERATOR if any(isinstance(error, NeedsOperator) for error in failures) else RETRY_LATER


def _print(console: Console, report: ConnectionReport) -> None:
    if report.error:
        _print_error(console, report.error)
    else:
        console.print(Text(f"{report.ref}  commit {report.commit}  ({report.duration_seconds:.2f} s)"))
    if report.host_key:
        console.print(Text(f"Its known_hosts line: {report.host_key.strip()}"), soft_wrap=True)
    for each in report.directories:
        if each.error:
            _print_error(console, each.error)
        else:
            console.print(Text(f"{each.directory}  {each.manifests:,} manifests"))


def _print_error(console: Console, error: SyncError) -> None:
    console.print(Text(f"{error.code}: {error.message}", style="red"))
    console.print(Text(error.remedy))
