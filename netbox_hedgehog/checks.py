"""System checks: settings that would break a promise fail `manage.py check`."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, Final

from django.conf import settings
from django.core.checks import CheckMessage, Error, Tags, Warning, register  # noqa: A004 - Django's name

from netbox_hedgehog.conf import conf

SHORTEST_ENCRYPTION_KEY: Final = 32


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
                id="netbox_hedgehog.E004",
            )
        )
    if conf.backoff_base_seconds > conf.backoff_max_seconds:
        problems.append(
            Error(
                "HEDGEHOG_BACKOFF_BASE_SECONDS must not exceed HEDGEHOG_BACKOFF_MAX_SECONDS.",
                id="netbox_hedgehog.E005",
            )
        )
    return problems


@register(Tags.security)
def credentials_directory_is_one_place(**_kwargs: Any) -> list[CheckMessage]:
    """A relative path would mean another directory for each process."""
    if not conf.credentials_dir or Path(conf.credentials_dir).is_absolute():
        return []
    return [Error("HEDGEHOG_CREDENTIALS_DIR must be an absolute path.", id="netbox_hedgehog.E006")]


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
    if any(len(key) < SHORTEST_ENCRYPTION_KEY for key in settings.HEDGEHOG_ENCRYPTION_KEYS):
        problems.append(
            Warning(
                f"HEDGEHOG_ENCRYPTION_KEY has a key of less than {SHORTEST_ENCRYPTION_KEY} characters.",
                hint="Use a long random text: who copies the database can try short ones quickly.",
                id="netbox_hedgehog.W003",
            )
        )
    return problems
