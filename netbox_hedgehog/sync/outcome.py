"""The one place that writes how a sync ended: fabric columns, history row and the end of the claim, together."""

from __future__ import annotations

import random
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Any, Final, NamedTuple
from uuid import UUID

from django.db import transaction

from netbox_hedgehog.conf import conf
from netbox_hedgehog.errors import ContentProblem, NeedsOperator, RetryLater, SyncError
from netbox_hedgehog.models import (
    Decision,
    HedgehogFabric,
    HeldChange,
    RunStatus,
    SyncRecord,
    SyncRun,
    SyncStatus,
    Trigger,
    composed,
)
from netbox_hedgehog.models.composed import ComposedUpdate
from netbox_hedgehog.scheduling import claims
from netbox_hedgehog.scheduling.backoff import delay_seconds
from netbox_hedgehog.scheduling.cancel import was_cancelled
from netbox_hedgehog.sync.record import Record
from netbox_hedgehog.sync.result import Outcome

CADENCE_SLACK: Final = timedelta(seconds=5)

SUCCESS: Final[dict[str, Any]] = claims.FREE | {
    "sync_status": SyncStatus.IN_SYNC,
    "sync_error": "",
    "consecutive_failures": 0,
    "retry_at": None,
    "failed_source": "",
}
"""What every success writes, besides what it found."""

_JITTER = random.Random()  # noqa: S311 - spreads load, guards nothing


@dataclass(frozen=True, slots=True)
class Run:
    """A sync that has begun: which fabric, from which source (its fingerprint), under which claim, since when."""

    fabric: HedgehogFabric
    source: str
    token: UUID
    worker: str
    started_at: datetime

    @property
    def held(self) -> HeldChange | None:
        """The change that is held, as it was when the sync began."""
        return getattr(self.fabric, "held_change", None)

    @property
    def wanted_at(self) -> datetime:
        """Since when this sync is wanted: what was pushed before must be seen. One tick's fabrics all have the same."""
        return self.fabric.claimed_at or self.started_at

    @property
    def as_of(self) -> datetime:
        """The moment that counts as the sync's time: when it was claimed, for the sake of the cadence.

        Counted from its end, a fabric with the tick's own interval would miss every other tick. And ticks come a
        few milliseconds early as often as late, so a fabric that was claimed soon after it fell due is put up to
        :data:`CADENCE_SLACK` earlier, though never before it was due.
        """
        claimed_at, last_sync = self.fabric.claimed_at, self.fabric.last_sync
        if claimed_at is None or last_sync is None:
            return claimed_at or self.started_at
        interval = timedelta(seconds=self.fabric.sync_interval)
        due = last_sync + interval
        if not timedelta(0) <= claimed_at - due <= interval + CADENCE_SLACK:
            return claimed_at
        return max(due, claimed_at - CADENCE_SLACK)

    def history(self, now: datetime, status: RunStatus, **fields: Any) -> SyncRun:
        """The history row of this run, ending now."""
        return SyncRun(
            fabric=self.fabric,
            trigger=self.fabric.claim_trigger or Trigger.MANUAL,
            status=status,
            started_at=self.started_at,
            duration_seconds=(now - self.started_at).total_seconds(),
            worker=self.worker,
            token=self.token,
            **fields,
        )


class Basis(NamedTuple):
    """What the stored resources are equal to: a tree, and a digest of its source and of the rules of reading it."""

    tree: str
    rules: str


def record_success(run: Run, now: datetime, basis: Basis, outcome: Outcome, record: Record | None = None) -> None:
    """Write success; inside the transaction that applied the diff, so that both stand or fall together.

    Raises:
        RetryLater: ``sync.cancelled``, or ``sync.claim_lost`` when another sync may have taken over.
    """
    written = _SUCCEED.execute(
        fabric_id=run.fabric.pk,
        token=run.token,
        as_of=run.as_of,
        commit=outcome.commit,
        tree=basis.tree,
        resources=outcome.counts.total,
        rules=basis.rules,
    )
    if not written:
        raise claim_lost(run)
    if run.held:
        HeldChange.objects.filter(fabric=run.fabric).delete()
    history = run.history(now, outcome.status, commit=outcome.commit, **asdict(outcome.counts))
    history.save(force_insert=True)
    if record:
        SyncRecord(run=history, content=record).save(force_insert=True)


_SUCCEED: Final = ComposedUpdate(
    lambda: HedgehogFabric.objects.filter(pk=composed.number("fabric_id"), claim_token=composed.uuid("token")),
    **SUCCESS,
    last_sync=composed.moment("as_of"),
    desired_state_commit=composed.text("commit"),
    desired_state_tree=composed.text("tree"),
    resource_count=composed.number("resources"),
    synced_source=composed.text("rules"),
)


def record_held(run: Run, now: datetime, outcome: Outcome, held: HeldChange | None = None) -> None:
    """Write that the fabric waits for a decision, and look again after its interval; ``held`` is what is new.

    Raises:
        RetryLater: ``sync.cancelled``, or ``sync.claim_lost`` when another sync may have taken over.
    """
    with transaction.atomic():
        mine = HedgehogFabric.objects.select_for_update().filter(pk=run.fabric.pk, claim_token=run.token)
        if not mine:
            raise claim_lost(run)
        if held:
            HeldChange.objects.filter(fabric=run.fabric).delete()
            held.save(force_insert=True)
        approved = HeldChange.objects.filter(fabric=run.fabric, decision=Decision.APPROVED).exists()
        mine.update(
            **claims.FREE,
            sync_status=SyncStatus.HELD,
            sync_error="",
            consecutive_failures=0,
            retry_at=None if approved else now + timedelta(seconds=_pace_seconds(run.fabric)),
            failed_source=run.source,
        )
        run.history(now, outcome.status, commit=outcome.commit, **asdict(outcome.counts)).save(force_insert=True)


def record_failure(run: Run, now: datetime, error: SyncError, commit: str) -> None:
    """Write failure and when to try again; the last good state of the resources stays as it is.

    The failures of a source that was changed since do not count. A sync that lost its claim leaves no row of its own:
    whoever freed the claim has recorded it as lost.
    """
    failures = 1 + (run.fabric.consecutive_failures if run.fabric.failed_source == run.source else 0)
    with transaction.atomic():
        mine = HedgehogFabric.objects.filter(pk=run.fabric.pk, claim_token=run.token).update(
            **claims.FREE,
            sync_status=SyncStatus.ERROR,
            sync_error=str(error),
            consecutive_failures=failures,
            retry_at=now + timedelta(seconds=_wait_seconds(run.fabric, error, failures)),
            failed_source=run.source,
        )
        if mine:
            run.history(
                now,
                RunStatus.FAILED,
                commit=commit,
                error_code=error.code,
                error_message=error.message,
                error_remedy=error.remedy,
            ).save(force_insert=True)


def claim_lost(run: Run) -> RetryLater:
    """The error of a sync that may no longer write, because somebody cancelled it or another may have taken over."""
    if was_cancelled(run.fabric.pk, run.token):
        return RetryLater(
            "sync.cancelled",
            "This sync was cancelled; nothing was written.",
            "Nothing to do: the fabric is due again after its interval. “Sync now” does not wait.",
        )
    return RetryLater(
        "sync.claim_lost",
        "This sync lost its claim before it could write; nothing was written.",
        "Nothing to do: the fabric is due again. If it recurs, look at the database's and the worker's load.",
    )


def _pace_seconds(fabric: HedgehogFabric) -> int:
    """Until another look at the repository; the fabric's own interval, within what a back-off may be."""
    return min(max(fabric.sync_interval, 0), conf.backoff_max_seconds)


def _wait_seconds(fabric: HedgehogFabric, error: SyncError, failures: int) -> float:
    if isinstance(error, ContentProblem):
        return _pace_seconds(fabric)
    is_stalled = isinstance(error, NeedsOperator)  # no time mends it: trying is never more frequent than syncing
    return delay_seconds(
        failures,
        base_seconds=conf.backoff_base_seconds,
        max_seconds=conf.backoff_max_seconds,
        jitter=_JITTER,
        least_seconds=max(fabric.sync_interval, 0) if is_stalled else 0,
    )
