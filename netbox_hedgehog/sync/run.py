"""One fabric's sync: ordered steps, and one exit that always records the outcome."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import asdict
from datetime import datetime
from functools import partial
from time import monotonic
from typing import Final
from uuid import UUID, uuid4

import structlog
from billiard.exceptions import SoftTimeLimitExceeded
from django.db import DatabaseError, InterfaceError, transaction
from django.utils import timezone

from netbox_hedgehog.conf import conf
from netbox_hedgehog.errors import InternalFault, RetryLater, SyncError
from netbox_hedgehog.git import GitSource, Mirror, directory_tree, head_of, mirror_at
from netbox_hedgehog.manifests import Finding
from netbox_hedgehog.models import HedgehogFabric, HeldChange, RunStatus, composed
from netbox_hedgehog.models.composed import ComposedSelect
from netbox_hedgehog.observability.logs import bound
from netbox_hedgehog.observability.tracing import span, tell
from netbox_hedgehog.scheduling import claims
from netbox_hedgehog.scheduling.cancel import drop_message
from netbox_hedgehog.scheduling.due import source_fingerprint
from netbox_hedgehog.sync.apply import apply_diff, keys_checked_meanwhile
from netbox_hedgehog.sync.checks import findings_may_change, findings_of, with_stored
from netbox_hedgehog.sync.findings import has_dropped_findings, store_findings, store_findings_of_reading
from netbox_hedgehog.sync.garbage import collected_afterwards
from netbox_hedgehog.sync.healing import healing
from netbox_hedgehog.sync.heartbeat import Heartbeat
from netbox_hedgehog.sync.held import held_change, is_approved, still_holds
from netbox_hedgehog.sync.outcome import Basis, Run, claim_lost, record_failure, record_held, record_success
from netbox_hedgehog.sync.patience import once_the_database_answers
from netbox_hedgehog.sync.plan import Plan, plan_of
from netbox_hedgehog.sync.policy import FabricPolicy, policy_of
from netbox_hedgehog.sync.progress import Listener, Teller
from netbox_hedgehog.sync.reading import Reading, read_tree, reading_rules
from netbox_hedgehog.sync.record import record_of
from netbox_hedgehog.sync.result import Counts, Outcome, SyncResult
from netbox_hedgehog.sync.source import mirror_root, source_of
from netbox_hedgehog.sync.together import settle_others

_EVENTS: Final = {status: f"sync.{status}" for status in RunStatus}

log = structlog.get_logger(__name__)


# Not with the source of definitions: most fabrics have none, and its columns would be a third of the row.
_FABRIC: Final = ComposedSelect(
    lambda: (
        HedgehogFabric.objects.select_related("git_repository", "held_change")
        .annotate(source=source_fingerprint())
        .filter(pk=composed.number("fabric_id"))
        .order_by()
    )
)


def run_sync(fabric_id: int, *, worker: str, claim: UUID | None = None, progress: Listener | None = None) -> SyncResult:
    """Sync one fabric now. Whatever happens is recorded and returned; nothing is raised for the fabric's fault.

    With a ``claim`` only if that still waits to be begun: its fabric may have been found unchanged with another's sync.
    ``progress`` is called with (stage, done, total) while something is received, indexed or read, at most once a
    second; an error that it raises fails the sync.
    """
    started = monotonic()
    with bound(fabric_id=fabric_id):
        try:
            outcome = _sync(fabric_id, worker, claim, progress)
        except (DatabaseError, InterfaceError) as error:
            log.warning("sync.not_recorded", error=str(error))
            outcome = Outcome(RunStatus.FAILED, error=_classified(error))
        tell(status=outcome.status.value, commit=outcome.commit, error_code=outcome.error and outcome.error.code)
        return outcome.as_result(fabric_id, monotonic() - started)


def _sync(fabric_id: int, worker: str, claim: UUID | None, progress: Listener | None) -> Outcome:
    token = uuid4()
    started_at = once_the_database_answers(partial(_begin, fabric_id, token, worker, claim))
    if started_at is None:
        return _skipped(fabric_id, claim)
    fabrics = _FABRIC.execute(fabric_id=fabric_id)
    if not fabrics:  # deleted since it began
        return _skipped(fabric_id, None)
    fabric = fabrics[0]
    run = Run(fabric, fabric.source, token, worker, started_at)
    with bound(fabric=fabric.name, run=str(token)), Heartbeat(fabric_id, token) as heartbeat, collected_afterwards():
        attempt = _Attempt(run, heartbeat, Teller(token, progress))
        try:
            return attempt.execute()
        except BaseException as error:
            failure = _classified(error)
            log.warning("sync.failed", code=failure.code, error=failure.message, remedy=failure.remedy)
            record_failure(run, timezone.now(), failure, attempt.commit)
            if not isinstance(error, Exception):
                raise
            return Outcome(RunStatus.FAILED, attempt.commit, error=failure)


def _begin(fabric_id: int, token: UUID, worker: str, claim: UUID | None) -> datetime | None:
    """When the sync began; None if it may not."""
    now = timezone.now()
    return now if claims.begin(fabric_id, now, token, worker, claim) else None


class _Attempt:
    """The steps between begin and record; remembers the commit as soon as it is known, also for failures."""

    def __init__(self, run: Run, heartbeat: Heartbeat, tell: Teller) -> None:
        self.run = run
        self._heartbeat = heartbeat
        self._tell = tell
        self.commit = ""
        self._rules = ""

    def execute(self) -> Outcome:
        """Fetch, read and reconcile; stop as soon as nothing is left to do."""
        fabric = self.run.fabric
        source = source_of(fabric)
        with span("git.head"):
            self.commit = head_of(mirror_root(), source, self.run.wanted_at)
        policy = policy_of(fabric, self.run.wanted_at)
        self._rules = reading_rules(self.run.source, policy.rules)
        if self._is_current() and self.commit == fabric.desired_state_commit:
            outcome = self._unchanged(fabric.desired_state_tree)
            settle_others(self.run, source, self.commit)
            return outcome
        held = self.run.held if still_holds(self.run.held, fabric, self.run.source) else None
        if held and self.commit == held.commit:
            return self._held()
        with ExitStack() as stack:
            with span("git.fetch", commit=self.commit):
                mirror = stack.enter_context(mirror_at(mirror_root(), source, self.commit, progress=self._progressed))
            return self._compare(mirror, source, held, policy)

    def _compare(self, mirror: Mirror, source: GitSource, held: HeldChange | None, policy: FabricPolicy) -> Outcome:
        """Go by the directory's tree: as it was, or to be read."""
        fabric = self.run.fabric
        with healing(source):
            tree = directory_tree(mirror, self.commit, fabric.gitops_directory)
        settle_others(self.run, source, self.commit, mirror)
        if self._is_current() and tree == fabric.desired_state_tree:
            return self._unchanged(tree)
        if held and tree == held.tree:
            return self._held()
        since = fabric.desired_state_tree if self._is_current() and not has_dropped_findings(fabric.pk) else ""
        if not policy.is_whole:
            self._rules = ""  # what is read now is to be read again when the definitions are back
        with span("read"):
            reading = read_tree(mirror, tree, fabric, source, since, policy=policy.reading, tell=self._progressed)
        with span("reconcile"):
            return self._reconcile(reading)

    def _progressed(self, stage: str, done: int, total: int) -> None:
        """Tell how far it is, and stop when nothing of it may be written any more."""
        if self._heartbeat.lost:
            raise claim_lost(self.run)
        self._tell(stage, done, total)

    def _is_current(self) -> bool:
        """Whether the stored resources come from this same source, read by the same rules.

        A failure in between has not touched them.
        """
        return self.run.fabric.synced_source == self._rules

    def _unchanged(self, tree: str) -> Outcome:
        outcome = Outcome(RunStatus.UNCHANGED, self.commit, Counts(unchanged=self.run.fabric.resource_count))
        with transaction.atomic():
            record_success(self.run, timezone.now(), Basis(tree, self._rules), outcome)
        return _logged(outcome)

    def _held(self, new: HeldChange | None = None) -> Outcome:
        outcome = Outcome(RunStatus.HELD, self.commit, Counts(unchanged=self.run.fabric.resource_count))
        record_held(self.run, timezone.now(), outcome, new)
        return _logged(outcome)

    def _to_hold(self, tree: str, plan: Plan) -> HeldChange | None:
        """What to hold, if this changes more than is allowed without approval and was not approved."""
        run = self.run
        if not plan.excesses or is_approved(run.held, run.source, tree, plan.change):
            return None
        judged = (plan.excesses, plan.budgets)
        return held_change(run.fabric, (run.source, self.commit, tree), plan.change, judged, timezone.now())

    def _reconcile(self, reading: Reading) -> Outcome:
        fabric = self.run.fabric
        with transaction.atomic():
            # The row lock keeps every other sync from taking the claim until this one has committed.
            if not HedgehogFabric.objects.select_for_update().filter(pk=fabric.pk, claim_token=self.run.token):
                raise claim_lost(self.run)
            plan = plan_of(fabric, reading)
            if held := self._to_hold(reading.tree, plan):
                return self._held(held)
            record = record_of(plan.change)
            is_checked = reading.paths is None or findings_may_change(fabric.pk, plan.change, reading.paths)
            apply_diff(fabric.pk, plan.change, self.commit)
            if is_checked:
                store_findings(fabric.pk, self._findings(reading))
            store_findings_of_reading(fabric.pk, reading.manifests.findings, reading.paths)
            outcome = Outcome(_status_of(plan.counts), self.commit, plan.counts)
            record_success(self.run, timezone.now(), Basis(reading.tree, self._rules), outcome, record)
        return _logged(outcome)

    def _findings(self, reading: Reading) -> list[Finding]:
        resources = reading.manifests.resources
        if reading.paths is not None:
            return findings_of(with_stored(self.run.fabric.pk, resources))
        with keys_checked_meanwhile():
            return findings_of(resources)


def _status_of(counts: Counts) -> RunStatus:
    return RunStatus.SUCCEEDED if counts.created or counts.updated or counts.deleted else RunStatus.UNCHANGED


def _logged(outcome: Outcome) -> Outcome:
    counts = {name: count for name, count in asdict(outcome.counts).items() if count}
    log.info(_EVENTS[outcome.status], commit=outcome.commit[:12], **counts)
    return outcome


def _classified(error: BaseException) -> SyncError:
    if isinstance(error, SyncError):
        return error
    if isinstance(error, SoftTimeLimitExceeded):
        return RetryLater(
            "sync.timeout",
            f"The sync did not end within {conf.sync_time_limit_seconds} s.",
            "Check the Git server's speed and the repository's size; HEDGEHOG_SYNC_TIME_LIMIT_SECONDS is the limit.",
        )
    if isinstance(error, DatabaseError | InterfaceError):
        return RetryLater("database.error", str(error), "Check the database; nothing was written.")
    log.error("sync.internal_error", exc_info=error)
    return InternalFault(
        "internal.error",
        f"{type(error).__name__}: {error}",
        "This is a defect: please report it with the worker's log. It is retried.",
    )


def _skipped(fabric_id: int, claim: UUID | None) -> Outcome:
    """Why a sync could not begin; a message for a fabric that left the schedule also ends its claim."""
    if claim and not claims.is_queued_as(fabric_id, claim):
        # Nothing to tell an operator: where many fabrics share a repository most messages end so.
        log.debug("sync.skipped", reason="claim_has_ended")
        return Outcome(RunStatus.SKIPPED, reason="claim_has_ended")
    if claims.withdraw(fabric_id):
        reason = "no_longer_scheduled"
    elif drop_message(fabric_id, timezone.now()):
        reason = "cancelled"
    elif HedgehogFabric.objects.filter(pk=fabric_id).exists():
        reason = "already_running"
    else:
        reason = "fabric_does_not_exist"
    log.info("sync.skipped", reason=reason)
    return Outcome(RunStatus.SKIPPED, reason=reason)
