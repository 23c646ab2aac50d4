"""One look at a repository serves all its fabrics that wait: where nothing has changed no sync of their own is needed.

A tick sends a message for each due fabric. The first that a worker takes learns the repository's head, and nearly
always nothing has changed for the others either. They are recorded here, many in one transaction, and their messages
find that their claims have ended.
"""

from __future__ import annotations

from datetime import datetime
from typing import Final
from uuid import UUID

import structlog
from django.db import DatabaseError, InterfaceError, transaction
from django.db.models import Case, Value, When
from django.utils import timezone

from netbox_hedgehog.errors import SyncError
from netbox_hedgehog.git import GitSource, Mirror, directory_tree
from netbox_hedgehog.models import HedgehogFabric, RunStatus, SchemaMode, SyncRun, Trigger
from netbox_hedgehog.scheduling.among import Among
from netbox_hedgehog.scheduling.due import is_claimed, source_fingerprint
from netbox_hedgehog.sync.outcome import SUCCESS, Run
from netbox_hedgehog.sync.policy import policy_of
from netbox_hedgehog.sync.reading import reading_rules
from netbox_hedgehog.sync.source import source_of

MOST: Final = 200
"""How many fabrics one transaction records: whoever wants one of its rows waits for its end."""

log = structlog.get_logger(__name__)


def settle_others(run: Run, source: GitSource, commit: str, mirror: Mirror | None = None) -> None:
    """Record the fabrics that wait for the same look at the same repository as ``run``, if they have not changed.

    ``commit`` is what ``source`` stands for; with a ``mirror`` that has it, those count as unchanged, too, whose
    directory is as it was. Whoever is in doubt is left to a sync of its own. Never raises for the database.
    """
    global _fruitless  # noqa: PLW0603 - one look, replaced as a whole
    look = (run.fabric.git_repository_id, run.fabric.claimed_at, mirror is not None)
    if run.fabric.claim_trigger != Trigger.SCHEDULE or look == _fruitless:
        return
    try:
        with transaction.atomic():
            settled = _settle(run, source, commit, mirror)
    except (DatabaseError, InterfaceError) as error:
        log.warning("sync.others_not_settled", error=str(error))
        return
    if settled:
        log.info("sync.others_unchanged", fabrics=settled, commit=commit[:12])
    else:
        _fruitless = look


_fruitless: tuple[int | None, datetime | None, bool] | None = None
"""The last look that settled nobody: where thousands share a repository and all have changed, one such is enough."""


def _settle(run: Run, source: GitSource, commit: str, mirror: Mirror | None) -> int:
    now = timezone.now()
    others = _waiting(run, now)
    # They were read together with their repository: what was asked is still what they are to be synced from.
    if not others or source_of(others[0]) != source:
        return 0
    runs = [_run_of(run, other, now) for other in others if _is_unchanged(other, run.wanted_at, commit, mirror)]
    if not runs:
        return 0
    HedgehogFabric.objects.filter(Among(each.fabric.pk for each in runs)).update(
        **SUCCESS,
        desired_state_commit=commit,
        last_sync=Case(*(When(pk=each.fabric.pk, then=Value(each.as_of)) for each in runs)),
    )
    SyncRun.objects.bulk_create(
        each.history(now, RunStatus.UNCHANGED, commit=commit, unchanged=each.fabric.resource_count) for each in runs
    )
    return len(runs)


def _waiting(run: Run, now: datetime) -> list[HedgehogFabric]:
    """Fabrics that the same tick has claimed, that nobody has begun, and that depend on their repository alone."""
    return list(
        HedgehogFabric.objects.select_related("git_repository")
        .annotate(source=source_fingerprint())
        .filter(
            is_claimed(now),
            git_repository=run.fabric.git_repository_id,
            claim_trigger=Trigger.SCHEDULE,
            claimed_at=run.fabric.claimed_at,
            claim_started_at=None,
            due_at__isnull=False,
            held_change=None,
            schema_mode=SchemaMode.OFF,
        )
        .order_by()
        .select_for_update(skip_locked=True, of=("self",))[:MOST]
    )


def _is_unchanged(fabric: HedgehogFabric, since: datetime, commit: str, mirror: Mirror | None) -> bool:
    source: str = fabric.source  # type: ignore[attr-defined]  # annotated
    try:
        if fabric.synced_source != reading_rules(source, policy_of(fabric, since).rules):
            return False
        if fabric.desired_state_commit == commit:
            return True
        return mirror is not None and fabric.desired_state_tree == directory_tree(
            mirror, commit, fabric.gitops_directory
        )
    except SyncError:
        return False


def _run_of(run: Run, fabric: HedgehogFabric, now: datetime) -> Run:
    """The sync that ``fabric`` is spared: under the claim of the tick, by the worker of ``run``, in no time."""
    claim: UUID = fabric.claim_token  # type: ignore[assignment]  # it is claimed
    return Run(fabric, fabric.source, claim, run.worker, now)  # type: ignore[attr-defined]  # annotated
