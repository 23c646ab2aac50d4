"""The tasks: they take identifiers, call one plain function and return JSON."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from celery import Task, shared_task
from django.utils import timezone

from netbox_hedgehog.conf import conf
from netbox_hedgehog.observability.tracing import continued, span
from netbox_hedgehog.scheduling.figures import count_in_passing
from netbox_hedgehog.scheduling.retention import Pruned, prune
from netbox_hedgehog.scheduling.summary import SummaryDict
from netbox_hedgehog.scheduling.tick import run_tick
from netbox_hedgehog.sync.mirrors import tidy_mirrors
from netbox_hedgehog.sync.result import SyncResult
from netbox_hedgehog.sync.run import run_sync
from netbox_hedgehog.tasks.progress import StatePublisher
from netbox_hedgehog.tasks.publishing import CLAIM_HEADER, BatchedTask
from netbox_hedgehog.tasks.queue import queue_length

# A message must be gone before its claim is: the margin covers the time between claiming and publishing.
_PUBLISH_MARGIN_SECONDS = 60


@shared_task(
    name="netbox_hedgehog.tasks.git_sync_fabric",
    base=BatchedTask,
    bind=True,
    Request="netbox_hedgehog.tasks.receiving:SyncRequest",
    waits_for_database=True,
    expires=conf.queued_claim_seconds - _PUBLISH_MARGIN_SECONDS,
)
def git_sync_fabric(self: Task[[int], SyncResult], fabric_id: int) -> SyncResult:
    """Make the database's copy of one fabric equal to its Git repository.

    Returns ``status`` (succeeded, unchanged, held, failed, skipped), ``fabric_id``, ``commit``, the counts
    ``created``, ``updated``, ``deleted``, ``unchanged``, ``duration_seconds``, when it failed ``error: {code,
    message}`` and when it was skipped ``reason``. A message of the schedule begins only the claim that it was sent
    for, which has ended if another fabric's sync found out that nothing has changed. It never raises for the fabric's
    fault. While it fetches and reads, its state is ``PROGRESS``, with ``{fabric_id, stage, done, total}``, renewed at
    most once a second.
    """
    progress = StatePublisher(self, fabric_id)
    with continued(self.request.headers, "sync", fabric_id=fabric_id, task_id=self.request.id):
        worker = self.request.hostname or "foreground"
        return run_sync(fabric_id, worker=worker, claim=_claim_in(self.request.headers), progress=progress)


def _claim_in(headers: Mapping[str, Any] | None) -> UUID | None:
    claim = (headers or {}).get(CLAIM_HEADER)
    return UUID(claim) if claim else None


@shared_task(name="netbox_hedgehog.tasks.periodic_fabric_sync_scheduler")
def periodic_fabric_sync_scheduler() -> SummaryDict:
    """One tick: hand every due fabric to a worker. Returns the summary that docs/architecture.md describes.

    When everything has been sent, the fleet is counted for all who will look at it.
    """
    with span("tick"):
        summary = run_tick(timezone.now(), git_sync_fabric.delay, git_sync_fabric.batch, queue_length)
    count_in_passing(timezone.now())
    return summary.as_dict()


@shared_task(name="netbox_hedgehog.tasks.prune_history")
def prune_history() -> Pruned:
    """Delete history past retention, and mirrors of this machine that nobody uses. Returns what was deleted."""
    tidy_mirrors()
    return prune(timezone.now())
