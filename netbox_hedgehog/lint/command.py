"""The command line of the checks, with or without Django around it.

Exit codes: 0 clean, 1 something is at least as bad as ``--fail-on``, 2 the command was used wrongly.
"""

from __future__ import annotations

import sys
from argparse import ArgumentParser
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

from netbox_hedgehog.lint.check import Checks, lint
from netbox_hedgehog.lint.files import UsageError
from netbox_hedgehog.lint.output import OUTPUTS
from netbox_hedgehog.lint.report import Report
from netbox_hedgehog.manifests import ForeignRule, Severity

HELP: Final = (
    "Check manifests as a sync would, without a database: text, identity, references between resources, and with"
    " --schemas the fields of each kind. Exit code: 0 clean, 1 something was found, 2 wrong usage."
)
FOUND: Final = 1
WRONG_USAGE: Final = 2


def add_arguments(parser: ArgumentParser) -> None:
    """The arguments, the same in both surroundings."""
    parser.add_argument("paths", nargs="+", metavar="PATH", help="a fabric's GitOps directory, or single files")
    parser.add_argument(
        "--schemas",
        action="append",
        default=[],
        metavar="PATH",
        help="a folder or file of CustomResourceDefinitions to check against; may be repeated",
    )
    parser.add_argument(
        "--no-references",
        action="store_false",
        dest="references",
        help="skip the checks between resources: for files that are only a part of a fabric",
    )
    parser.add_argument(
        "--foreign",
        choices=[rule.value for rule in ForeignRule],
        help="what documents are that are no Hedgehog resources: nothing, a warning or an error",
    )
    parser.add_argument("--namespace", metavar="NAME", help="the namespace of manifests that name none")
    parser.add_argument("--format", choices=list(OUTPUTS), default="text", help="how to print what was found")
    parser.add_argument(
        "--fail-on",
        choices=[severity.value for severity in Severity],
        default=Severity.ERROR.value,
        help="the least that makes the command fail; default: error",
    )


def report_of(options: Mapping[str, Any], checks: Checks) -> tuple[Report, str]:
    """The report, and how it is printed.

    Raises:
        UsageError: see :func:`netbox_hedgehog.lint.check.lint`.
    """
    changes: dict[str, Any] = {}
    if options["foreign"]:
        changes["foreign"] = ForeignRule(options["foreign"])
    if options["namespace"]:
        changes["default_namespace"] = options["namespace"]
    policy = replace(checks.policy, **changes)
    checks = replace(checks, schemas=options["schemas"], references=options["references"], policy=policy)
    report = lint(options["paths"], checks)
    return report, OUTPUTS[options["format"]](report, Severity(options["fail_on"]))


def main(arguments: Sequence[str]) -> int:
    """Run without Django; returns the exit code."""
    parser = ArgumentParser(prog="netbox-hedgehog lint_manifests", description=HELP)
    add_arguments(parser)
    options = vars(parser.parse_args(arguments))
    try:
        report, printed = report_of(options, Checks())
    except UsageError as error:
        parser.error(str(error))
    sys.stdout.write(printed)
    sys.stderr.write(f"{report.summary}\n")
    return FOUND if report.has(Severity(options["fail_on"])) else 0
