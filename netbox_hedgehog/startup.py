"""A wrong set-up keeps workers, beat and the web server from starting; a doubtful one is logged.

Celery runs Django's checks at the start of a worker, but drops what they find; gunicorn runs none.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable
from typing import Any, Final

import structlog
from celery import signals
from django.core import checks
from django.core.checks import CheckMessage, Error, Warning  # noqa: A004 - Django's names
from django.db import connection
from django_celery_beat.schedulers import DatabaseScheduler

from netbox_hedgehog.checks import clocks_agree
from netbox_hedgehog.tasks.queue import QUEUE

MOST_SQLITE_PROCESSES: Final = 4

log = structlog.get_logger(__name__)


def refuse_wrong_setup(*more: CheckMessage) -> None:
    """Log what is wrong or doubtful; end the process if anything is wrong."""
    found = [*checks.run_checks(), *clocks_agree(databases=["default"]), *more]
    connection.close()  # processes that are forked later must not share it
    if _logged(message for message in found if not message.is_silenced()):
        sys.exit(1)


def _logged(messages: Iterable[CheckMessage]) -> bool:
    """Log each, whether any of them is an error."""
    wrong = False
    for message in messages:
        wrong |= message.is_serious()
        say = log.error if message.is_serious() else log.warning
        say(
            "setup.wrong" if message.is_serious() else "setup.doubtful",
            id=message.id,
            found=message.msg,
            helps=message.hint,
        )
    return wrong


def check_worker(instance: Any, **_kwargs: Any) -> None:
    """What only a worker knows, its queues and its processes, beside everything else."""
    more: list[CheckMessage] = []
    if QUEUE not in instance.app.amqp.queues.consume_from:
        more.append(
            Warning(
                f"This worker does not take the queue {QUEUE}: it runs neither ticks nor syncs.",
                hint=f"Leave -Q out, or name {QUEUE} in it; keep it so only if other workers take that queue.",
                id="netbox_hedgehog.W010",
            )
        )
    if connection.vendor == "sqlite" and instance.concurrency > MOST_SQLITE_PROCESSES:
        more.append(
            Warning(
                f"{instance.concurrency} processes write to one SQLite file, and wait for each other.",
                hint=f"Set DATABASE_URL to a PostgreSQL database, or --concurrency to {MOST_SQLITE_PROCESSES} at most.",
                id="netbox_hedgehog.W011",
            )
        )
    refuse_wrong_setup(*more)


def check_beat(sender: Any, **_kwargs: Any) -> None:
    """Also the scheduler that the command line chose, which may be another than the settings'."""
    more: list[CheckMessage] = []
    if not isinstance(sender.scheduler, DatabaseScheduler):
        more.append(
            Error(
                "Celery beat does not use the DatabaseScheduler, so edits in the admin have no effect.",
                hint="Leave out --scheduler.",
                id="netbox_hedgehog.E001",
            )
        )
    refuse_wrong_setup(*more)


def connect() -> None:
    """Look before a worker or beat begins."""
    signals.celeryd_after_setup.connect(check_worker)
    signals.beat_init.connect(check_beat)
