"""Whether a worker or beat of this machine is alive, for the probe of an orchestrator."""

from __future__ import annotations

from pathlib import Path
from typing import Any, override

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from netbox_hedgehog.alive import DEAD, HELP, add_arguments, pulse
from netbox_hedgehog.health import NEEDED_BY_PROCESSES, State, examine


class Command(BaseCommand):
    """Looks at the process's file, and at what it needs if that is old: restarting it brings no broker back."""

    help = HELP
    requires_system_checks = ()

    @override
    def add_arguments(self, parser: CommandParser) -> None:
        add_arguments(parser)

    @override
    def handle(self, *args: Any, **options: Any) -> None:
        alive, sentence = pulse(Path(settings.DATA_DIR), options["role"], options["name"])
        if not alive:
            away = [finding.part for finding in examine(NEEDED_BY_PROCESSES) if finding.state == State.BAD]
            if not away:
                raise CommandError(sentence, returncode=DEAD)
            sentence = f"{sentence} It waits: {' and '.join(away)} not answering, which no restart mends."
        self.stdout.write(sentence)
