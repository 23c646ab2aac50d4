"""Whether what this installation needs is there and works, part by part, each with what helps."""

from __future__ import annotations

import shutil
import uuid
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any, Final, NamedTuple

from celery import current_app
from django.core.cache import cache
from django.db import connection
from django.db.migrations.executor import MigrationExecutor
from django.utils import timezone
from django_celery_beat.models import PeriodicTask

from netbox_hedgehog.conf import conf
from netbox_hedgehog.observability.redaction import redact
from netbox_hedgehog.pulse import FRESH_SECONDS, workers_seen
from netbox_hedgehog.scheduling.fleet import fleet_reasons, survey
from netbox_hedgehog.scheduling.retention import PRUNE_TASK
from netbox_hedgehog.sync.rotation import rotate
from netbox_hedgehog.sync.source import mirror_root
from netbox_hedgehog.tasks.queue import BROKER_SECONDS, QUEUE

MOST_SKEW: Final = timedelta(seconds=5)
"""Leases and due times compare the clocks of workers and database."""

_WORKER_SECONDS: Final = 2.0
_NAMED: Final = 5


class State(StrEnum):
    """How a part is."""

    GOOD = "good"
    DOUBTFUL = "doubtful"
    BAD = "bad"


@dataclass(frozen=True, slots=True)
class Finding:
    """What was seen of one part, and what helps where it is not good."""

    part: str
    state: State
    seen: str
    remedy: str = ""


class Look(NamedTuple):
    """How one part is looked at, and what helps where it does not even answer."""

    part: str
    look: Callable[[], Finding]
    remedy: str

    def finding(self) -> Finding:
        """What is seen of the part; what fails while it is looked at is bad."""
        try:
            return self.look()
        except Exception as error:  # noqa: BLE001 - whatever a driver raises means that its server is not usable
            reason = redact(error).strip().partition("\n")[0] or type(error).__name__
            return Finding(self.part, State.BAD, f"It does not answer: {reason}", self.remedy)


def examine(looks: Iterable[Look] | None = None) -> Iterator[Finding]:
    """Look at one part after the other, by default at all that a person wants to know of.

    It takes about five seconds where nothing answers. Nothing is changed but a key in the cache, for a moment.
    """
    for look in ALL if looks is None else looks:
        yield look.finding()


def _database() -> Finding:
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")
    return Finding("database", State.GOOD, f"{connection.display_name} {_version()} answers.")


def _version() -> str:
    return ".".join(str(part) for part in connection.get_database_version())


def _migrations() -> Finding:
    executor = MigrationExecutor(connection)
    missing = executor.migration_plan(executor.loader.graph.leaf_nodes())
    if missing:
        return Finding("migrations", State.BAD, f"{len(missing)} are not applied.", "Run manage.py migrate.")
    return Finding("migrations", State.GOOD, "All are applied.")


def _clock() -> Finding:
    skew = clock_skew()
    if skew > MOST_SKEW:
        return Finding(
            "clock",
            State.BAD,
            f"This machine's differs from the database's by {skew.total_seconds():.0f} s.",
            "Let NTP or chrony set the clocks of all machines.",
        )
    return Finding("clock", State.GOOD, f"It agrees with the database's within {MOST_SKEW.seconds} s.")


def clock_skew() -> timedelta:
    """By how much this machine's clock and the database's differ."""
    return abs(datetime.now(UTC) - _database_now())


def _database_now() -> datetime:
    if connection.vendor == "sqlite":  # in this very process
        return datetime.now(UTC)
    with connection.cursor() as cursor:
        cursor.execute("SELECT clock_timestamp()")
        now: datetime = cursor.fetchone()[0]
    return now


def _cache() -> Finding:
    key, value = f"hedgehog:health:{uuid.uuid4()}", uuid.uuid4().hex
    cache.set(key, value, timeout=10)
    kept = cache.get(key) == value
    cache.delete(key)
    if not kept:
        return Finding("cache", State.BAD, "It does not keep what is put into it.", "Look at its memory limit and log.")
    return Finding("cache", State.GOOD, "It keeps what is put into it.")


def _broker() -> Finding:
    with current_app.connection_for_write() as broker:
        broker.ensure_connection(max_retries=0, timeout=BROKER_SECONDS)
        return Finding("broker", State.GOOD, f"{broker.as_uri(include_password=False)} answers.")


def _workers() -> Finding:
    queues: dict[str, Any] = current_app.control.inspect(timeout=_WORKER_SECONDS).active_queues() or {}
    takers = sorted(name for name, known in queues.items() if any(queue["name"] == QUEUE for queue in known))
    if takers:
        return Finding("workers", State.GOOD, f"{len(takers)} take the queue {QUEUE}: {', '.join(takers)}.")
    seen = f"{len(queues)} answer, but none takes the queue {QUEUE}." if queues else "None answers."
    return Finding("workers", State.BAD, seen, f"Start one: celery -A netbox_hedgehog worker -Q {QUEUE}.")


def _workers_seen() -> Finding:
    """By what they told the cache: in no time, and up to a minute late, where :func:`_workers` asks and waits."""
    takers = [name for name, sign in workers_seen().items() if QUEUE in sign["queues"]]
    if takers:
        return Finding("workers", State.GOOD, f"{len(takers)} that take the queue {QUEUE} told of themselves lately.")
    return Finding(
        "workers",
        State.BAD,
        f"None that takes the queue {QUEUE} told of itself within {FRESH_SECONDS:.0f} s.",
        f"Start one: celery -A netbox_hedgehog worker -Q {QUEUE}.",
    )


def _schedule() -> Finding:
    reasons = fleet_reasons(survey(timezone.now()))
    if not reasons:
        return Finding("schedule", State.GOOD, "Ticks come as they should.")
    return Finding(
        "schedule",
        State.BAD,
        " ".join(reason.sentence for reason in reasons),
        " ".join(dict.fromkeys(reason.action for reason in reasons)),
    )


def _history() -> Finding:
    if PeriodicTask.objects.filter(task=PRUNE_TASK, enabled=True).exists():
        return Finding("history", State.GOOD, "The schedule prunes it.")
    return Finding(
        "history",
        State.DOUBTFUL,
        "Nothing prunes it, so it grows: the periodic task is switched off or has been deleted.",
        f"Enable it under “Periodic tasks” in the admin, or add it: {PRUNE_TASK}, every 5 minutes, queue {QUEUE}.",
    )


def _keys() -> Finding:
    unreadable = [name for batch in rotate(dry_run=True) for name in batch.unreadable]
    if unreadable:
        return Finding(
            "keys",
            State.BAD,
            f"{len(unreadable)} stored credentials fit none of the keys: {', '.join(unreadable[:_NAMED])}.",
            "Put the key that they were stored with into HEDGEHOG_ENCRYPTION_KEY, or enter them anew.",
        )
    return Finding("keys", State.GOOD, "All stored credentials can be decrypted.")


def _disk() -> Finding:
    root = mirror_root()
    root.mkdir(mode=0o700, parents=True, exist_ok=True)
    probe = root / f".health-{uuid.uuid4().hex}"
    probe.touch()
    probe.unlink()
    free = shutil.disk_usage(root).free
    said = f"{free / 1024**3:,.1f} GiB are free for mirrors."
    if free < conf.git_min_free_bytes:
        return Finding(
            "disk", State.BAD, said, "Make room, or lower HEDGEHOG_GIT_MIN_FREE_BYTES: fetches are refused until then."
        )
    if free < 2 * conf.git_min_free_bytes:
        return Finding(
            "disk", State.DOUBTFUL, said, "Make room soon: below HEDGEHOG_GIT_MIN_FREE_BYTES none is fetched."
        )
    return Finding("disk", State.GOOD, said)


_DATABASE: Final = Look("database", _database, "Start it, or correct DATABASE_URL.")
_MIGRATIONS: Final = Look("migrations", _migrations, "Run manage.py migrate.")
_CACHE: Final = Look("cache", _cache, "Start it, or correct CACHE_URL.")
_BROKER: Final = Look("broker", _broker, "Start it, or correct CELERY_BROKER_URL.")
_SCHEDULE: Final = Look("schedule", _schedule, "Mend the database first.")

ALL: Final = (
    _DATABASE,
    _MIGRATIONS,
    Look("clock", _clock, "Mend the database first."),
    _CACHE,
    _BROKER,
    Look("workers", _workers, "Mend the broker first."),
    _SCHEDULE,
    Look("history", _history, "Mend the database first."),
    Look("keys", _keys, "Mend the database first."),
    Look("disk", _disk, "Make the data directory (HEDGEHOG_DATA_DIR) writable for this user."),
)
NEEDED_BY_PAGES: Final = (_DATABASE, _MIGRATIONS, _CACHE, _BROKER)
"""What requests to the web server speak to."""
NEEDED_BY_FLEET: Final = (*NEEDED_BY_PAGES, Look("workers", _workers_seen, "Mend the cache first."), _SCHEDULE)
"""What fabrics stay fresh by; each look is one question."""
NEEDED_BY_PROCESSES: Final = (_DATABASE, _BROKER)
"""What workers and beat wait for, however long it takes."""
