"""Celery's own view of a running sync: the state ``PROGRESS``, for whoever watches the task's result."""

from __future__ import annotations

from typing import Any, Final

import structlog
from billiard.exceptions import SoftTimeLimitExceeded
from celery import Task

from netbox_hedgehog.observability.redaction import redact

PROGRESS: Final = "PROGRESS"

log = structlog.get_logger(__name__)


class StatePublisher:
    """Publishes the progress of one task as often as it is called; its meta is ``{fabric_id, stage, done, total}``."""

    def __init__(self, task: Task[Any, Any], fabric_id: int) -> None:
        self._task = task
        self._fabric_id = fabric_id
        request = task.request
        self._publishes = bool(request.id) and not request.is_eager and not request.ignore_result

    def __call__(self, stage: str, done: int, total: int) -> None:
        """Publish one step. A result store that is down is left alone for the rest of the task."""
        if not self._publishes:
            return
        meta = {"fabric_id": self._fabric_id, "stage": stage, "done": done, "total": total}
        try:
            self._task.update_state(state=PROGRESS, meta=meta)
        except SoftTimeLimitExceeded:
            raise
        except Exception as error:  # noqa: BLE001 - whatever the store's client raises: no sync fails for its display
            self._publishes = False
            log.warning("task.progress_not_published", error=redact(error))
