"""System checks: settings that would break a promise fail `manage.py check`, and keep processes from starting.

docs/deployment.md lists them all. What Django checks itself, such as DEBUG and the strength of SECRET_KEY, is not here.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from django.conf import settings
from django.core.cache import DEFAULT_CACHE_ALIAS
from django.core.checks import CheckMessage, Error, Tags, Warning, register  # noqa: A004 - Django's name
from django.db import DatabaseError, InterfaceError

from netbox_hedgehog.conf import conf
from netbox_hedgehog.health import MOST_SKEW, clock_skew
from netbox_hedgehog.tasks.queue import QUEUE

SHORTEST_ENCRYPTION_KEY: Final = 32
FEWEST_CHARACTERS: Final = 8
RABBITMQ_CONSUMER_TIMEOUT_SECONDS: Final = 1800
"""RabbitMQ's default ``consumer_timeout``."""

_OF_ONE_PROCESS: Final = ("LocMemCache", "DummyCache")


@register(Tags.compatibility)
def schedule_lives_in_the_database(**_kwargs: Any) -> list[CheckMessage]:
    """An operator's edit must reach beat, and nothing in code may write over it."""
    problems: list[CheckMessage] = []
    if not settings.CELERY_BEAT_SCHEDULER.endswith(":DatabaseScheduler"):
        problems.append(
            Error(
                "Celery beat does not use the DatabaseScheduler, so edits in the admin have no effect.",
                hint="Remove the override of CELERY_BEAT_SCHEDULER.",
                id="netbox_hedgehog.E001",
            )
        )
    if getattr(settings, "CELERY_BEAT_SCHEDULE", None):
        problems.append(
            Error(
                "CELERY_BEAT_SCHEDULE has entries, which overwrite the operator's schedule at each start of beat.",
                hint="Remove it; the schedule lives in the database.",
                id="netbox_hedgehog.E002",
            )
        )
    return problems


@register(Tags.compatibility)
def time_limits_form_a_chain(**_kwargs: Any) -> list[CheckMessage]:
    """Each time limit ends before the one around it, so that the inner error is the one reported."""
    problems: list[CheckMessage] = []
    if conf.git_timeout_seconds >= conf.sync_time_limit_seconds:
        problems.append(
            Error(
                "HEDGEHOG_GIT_TIMEOUT_SECONDS must be below HEDGEHOG_SYNC_TIME_LIMIT_SECONDS.",
                hint="Otherwise a hanging Git server ends as a killed task instead of a clear error.",
                id="netbox_hedgehog.E003",
            )
        )
    if conf.git_connect_timeout_seconds > conf.git_timeout_seconds:
        problems.append(
            Error(
                "HEDGEHOG_GIT_CONNECT_TIMEOUT_SECONDS must not exceed HEDGEHOG_GIT_TIMEOUT_SECONDS.",
                hint="Lower the first, or raise the second.",
                id="netbox_hedgehog.E004",
            )
        )
    if conf.backoff_base_seconds > conf.backoff_max_seconds:
        problems.append(
            Error(
                "HEDGEHOG_BACKOFF_BASE_SECONDS must not exceed HEDGEHOG_BACKOFF_MAX_SECONDS.",
                hint="Lower the first, or raise the second.",
                id="netbox_hedgehog.E005",
            )
        )
    return problems


@register(Tags.compatibility)
def processes_share_the_cache(**_kwargs: Any) -> list[CheckMessage]:
    """Web, workers and beat are processes of their own, also on one machine."""
    backend = str(settings.CACHES[DEFAULT_CACHE_ALIAS]["BACKEND"])
    if not backend.endswith(_OF_ONE_PROCESS):
        return []
    return [
        Error(
            f"The cache ({backend}) is one process's own: each would hold the tick's lock for itself.",
            hint="Use Redis or Valkey: remove the override of CACHES, and set CACHE_URL or REDIS_URL.",
            id="netbox_hedgehog.E007",
        )
    ]


@register(Tags.compatibility)
def messages_reach_the_workers(**_kwargs: Any) -> list[CheckMessage]:
    """Who publishes and who consumes must mean the same broker and the same queue."""
    problems: list[CheckMessage] = []
    if settings.CELERY_TASK_DEFAULT_QUEUE != QUEUE:
        problems.append(
            Error(
                f"CELERY_TASK_DEFAULT_QUEUE is not {QUEUE}, the queue that the schedule's rows name.",
                hint="Remove the override: ticks and syncs would wait in different queues.",
                id="netbox_hedgehog.E008",
            )
        )
    if settings.CELERY_BROKER_URL.startswith("memory:"):
        problems.append(
            Error(
                "The broker (memory://) is one process's own: no worker would get a message.",
                hint="Set CELERY_BROKER_URL or REDIS_URL to a Redis, Valkey or RabbitMQ server.",
                id="netbox_hedgehog.E010",
            )
        )
    return problems


@register(Tags.compatibility)
def messages_are_delivered_once_while_they_are_worked_on(**_kwargs: Any) -> list[CheckMessage]:
    """A reserved message stays unacknowledged until its claim has ended, or until its sync has.

    Brokers give it to another worker before that if their own limit is shorter. The claims make that harmless, but
    each such message costs a task that is skipped; RabbitMQ also closes the worker's channel.
    """
    longest = conf.queued_claim_seconds + settings.CELERY_TASK_TIME_LIMIT
    if settings.CELERY_BROKER_URL.startswith("amqp"):
        if longest < RABBITMQ_CONSUMER_TIMEOUT_SECONDS:
            return []
        return [
            Warning(
                f"A message may stay unacknowledged for {longest} s; RabbitMQ closes the channel after 1,800 s.",
                hint="Raise consumer_timeout in rabbitmq.conf above it and silence this check, or lower"
                " HEDGEHOG_QUEUED_CLAIM_SECONDS or HEDGEHOG_SYNC_TIME_LIMIT_SECONDS.",
                id="netbox_hedgehog.W009",
            )
        ]
    if settings.CELERY_BROKER_TRANSPORT_OPTIONS.get("visibility_timeout", 3600) > longest:
        return []
    return [
        Error(
            f"The broker delivers a message again that is still worked on: it may take {longest} s.",
            hint="Remove the override of CELERY_BROKER_TRANSPORT_OPTIONS, or raise its visibility_timeout above that.",
            id="netbox_hedgehog.E009",
        )
    ]


@register(Tags.compatibility)
def results_are_kept_for_a_while(**_kwargs: Any) -> list[CheckMessage]:
    """Flower and whoever waits for a task read its result; nobody deletes one that does not expire."""
    if settings.CELERY_RESULT_BACKEND and settings.CELERY_RESULT_EXPIRES:
        return []
    return [
        Warning(
            "Results of tasks are not kept, or are kept for ever.",
            hint="Remove the overrides of CELERY_RESULT_BACKEND and CELERY_RESULT_EXPIRES.",
            id="netbox_hedgehog.W004",
        )
    ]


@register(Tags.compatibility)
def queue_and_cache_are_apart(**_kwargs: Any) -> list[CheckMessage]:
    """``cache.clear()`` empties the whole Redis database, and with it a queue that is kept there."""
    if settings.CACHES[DEFAULT_CACHE_ALIAS].get("LOCATION") != settings.CELERY_BROKER_URL:
        return []
    return [
        Warning(
            "Broker and cache share one Redis database: clearing the cache empties the queue.",
            hint="Let CACHE_URL end in another number than CELERY_BROKER_URL, such as /1.",
            id="netbox_hedgehog.W005",
        )
    ]


@register(Tags.database)
def clocks_agree(databases: Sequence[str] | None = None, **_kwargs: Any) -> list[CheckMessage]:
    """Leases and due times compare the clocks of all machines. A database that is away is not a wrong set-up."""
    if "default" not in (databases or ()):
        return []
    try:
        skew = clock_skew()
    except (DatabaseError, InterfaceError):
        return []
    if skew <= MOST_SKEW:
        return []
    return [
        Warning(
            f"This machine's clock differs from the database's by {skew.total_seconds():.0f} s.",
            hint="Let NTP or chrony set the clocks of all machines: a claim that is alive may look expired.",
            id="netbox_hedgehog.W007",
        )
    ]


@register(Tags.database, deploy=True)
def database_serves_many(**_kwargs: Any) -> list[CheckMessage]:
    """SQLite is a file: workers of other machines cannot reach it, and those of one wait for each other."""
    if settings.DATABASES["default"]["ENGINE"] != "django.db.backends.sqlite3":
        return []
    return [
        Warning(
            "The database is SQLite, which serves one machine with a few workers.",
            hint="Set DATABASE_URL to a PostgreSQL database.",
            id="netbox_hedgehog.W006",
        )
    ]


@register(Tags.security)
def credentials_directory_is_one_place(**_kwargs: Any) -> list[CheckMessage]:
    """A relative path would mean another directory for each process."""
    if not conf.credentials_dir or Path(conf.credentials_dir).is_absolute():
        return []
    return [
        Error(
            "HEDGEHOG_CREDENTIALS_DIR must be an absolute path.",
            hint="Begin it with a slash; it is the same directory on every machine.",
            id="netbox_hedgehog.E006",
        )
    ]


@register(Tags.security, deploy=True)
def keys_are_the_operators_own(**_kwargs: Any) -> list[CheckMessage]:
    """Generated keys differ between machines: sessions would end and credentials could not be read elsewhere."""
    problems: list[CheckMessage] = [
        Warning(
            f"{name} is not set; a random one from the data directory is used.",
            hint=f"Set {name} or {name}_FILE to the same value on every machine.",
            id=f"netbox_hedgehog.W{number:03}",
        )
        for number, name in enumerate(("SECRET_KEY", "HEDGEHOG_ENCRYPTION_KEY"), start=1)
        if not (os.environ.get(name) or os.environ.get(f"{name}_FILE"))
    ]
    keys = settings.HEDGEHOG_ENCRYPTION_KEYS
    if any(len(key) < SHORTEST_ENCRYPTION_KEY or len(set(key)) < FEWEST_CHARACTERS for key in keys):
        problems.append(
            Warning(
                f"HEDGEHOG_ENCRYPTION_KEY has a key of less than {SHORTEST_ENCRYPTION_KEY} characters, or of less than"
                f" {FEWEST_CHARACTERS} different ones.",
                hint="Use a long random text: who copies the database can try short ones quickly.",
                id="netbox_hedgehog.W003",
            )
        )
    if settings.SECRET_KEY in keys:
        problems.append(
            Warning(
                "SECRET_KEY is also a key of HEDGEHOG_ENCRYPTION_KEY.",
                hint="Use two: who changes the one because it leaked would lose what the other protects.",
                id="netbox_hedgehog.W008",
            )
        )
    return problems
