"""Check manifests on disk as a sync would."""

from __future__ import annotations

from typing import Any, override

from django.core.management.base import BaseCommand, CommandError, CommandParser

from netbox_hedgehog.conf import conf
from netbox_hedgehog.lint.check import Checks
from netbox_hedgehog.lint.command import FOUND, HELP, WRONG_USAGE, add_arguments, report_of
from netbox_hedgehog.lint.files import UsageError
from netbox_hedgehog.manifests import ForeignRule, ReadingPolicy, Severity
from netbox_hedgehog.sync.source import git_limits, manifest_limits


class Command(BaseCommand):
    """Touches neither database nor broker; limits and rules are those of the settings."""

    help = HELP
    requires_system_checks = ()

    @override
    def add_arguments(self, parser: CommandParser) -> None:
        add_arguments(parser)

    @override
    def handle(self, *args: Any, **options: Any) -> None:
        policy = ReadingPolicy(foreign=ForeignRule(conf.foreign_documents))
        checks = Checks(policy=policy, git_limits=git_limits(), manifest_limits=manifest_limits())
        try:
            report, printed = report_of(options, checks)
        except UsageError as error:
            raise CommandError(str(error), returncode=WRONG_USAGE) from None
        self.stdout.write(printed, ending="")
        if report.has(Severity(options["fail_on"])):
            raise CommandError(report.summary, returncode=FOUND)
        self.stderr.write(report.summary, self.style.SUCCESS)
