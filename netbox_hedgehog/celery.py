"""The Celery app: everything it needs is in Django's settings under ``CELERY_``."""

from __future__ import annotations

import logging.config
import os
from time import monotonic
from typing import Any, Final

from celery import Celery, Task
from celery.signals import setup_logging, task_postrun, task_prerun, worker_process_shutdown
from django.db import close_old_connections
from structlog.contextvars import bind_contextvars, unbind_contextvars

from netbox_hedgehog.observability.tracing import flush
from netbox_hedgehog.timers import ForgetsCancelledTimers

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "netbox_hedgehog.settings")

TRUSTED_SECONDS: Final = 5.0
"""For so long, connections to the database that worked are taken to work still."""

_last_checked = -TRUSTED_SECONDS

app = Celery("netbox_hedgehog")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()
app.steps["worker"].add(ForgetsCancelledTimers)


@setup_logging.connect
def use_project_logging(**_kwargs: Any) -> None:
    """Keep Celery's own logging set-up out, so that every line passes the redacting handler."""
    from django.conf import settings  # noqa: PLC0415 - settings must not load when the app module is imported

    logging.config.dictConfig(settings.LOGGING)


@task_prerun.connect
def name_the_task_on_its_log_lines(task_id: str, **_kwargs: Any) -> None:
    """Put the task's id on every line of the thread that runs it."""
    bind_contextvars(task_id=task_id)


@task_prerun.connect
def keep_database_connections_that_work(task: Task[Any, Any], **_kwargs: Any) -> None:
    """Reuse the thread's connections as Django does between requests; Celery would open new ones for each task.

    That took a third of an unchanged sync's processor time, in PostgreSQL, which starts a process for each. Tasks that
    have ``waits_for_database``, because they begin anew when it does not answer, do not ask each time whether it does.
    """
    global _last_checked  # noqa: PLW0603 - one of a process
    if task.request.is_eager:  # the caller's transaction may be open
        return
    if monotonic() - _last_checked >= TRUSTED_SECONDS or not getattr(task, "waits_for_database", False):
        close_old_connections()
        _last_checked = monotonic()


@task_postrun.connect
def forget_the_task(**_kwargs: Any) -> None:
    """The next lines of this thread are not this task's."""
    unbind_contextvars("task_id")


@worker_process_shutdown.connect
def send_the_last_spans(**_kwargs: Any) -> None:
    """A pool process ends without what Python runs at exit."""
    flush()
