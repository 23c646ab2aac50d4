"""Changes that exceed their fabric's budget: the budget itself, whether one is held, and the operator's decision."""

from __future__ import annotations

from dataclasses import asdict
from datetime import datetime
from typing import Any

from django.db import transaction

from netbox_hedgehog.conf import conf
from netbox_hedgehog.errors import NeedsOperator
from netbox_hedgehog.models import Decision, HedgehogFabric, HeldChange, budget_problem
from netbox_hedgehog.sync.budget import Budget, Budgets
from netbox_hedgehog.sync.diff import Diff
from netbox_hedgehog.sync.record import record_of


def budgets_of(fabric: HedgehogFabric) -> Budgets:
    """The fabric's own limits where it has them, else those of the settings.

    Raises:
        NeedsOperator: ``sync.budget_invalid`` if the limits by kind are not what they must be.
    """
    if problem := budget_problem(fabric.budget_by_kind):
        raise NeedsOperator("sync.budget_invalid", problem, "Correct the budget by kind on the fabric's page.")
    whole = Budget(
        deletions=_first(fabric.budget_deletions, conf.budget_deletions),
        deletions_percent=_first(fabric.budget_deletions_percent, conf.budget_deletions_percent),
        changes=_first(fabric.budget_changes, conf.budget_changes),
        changes_percent=_first(fabric.budget_changes_percent, conf.budget_changes_percent),
    )
    return Budgets(whole, {kind: Budget(**limits) for kind, limits in fabric.budget_by_kind.items()})


def _first(own: int | None, general: int) -> int:
    return general if own is None else own


def as_json(budgets: Budgets) -> dict[str, Any]:
    """For comparing with the limits that a held change was judged by."""
    return asdict(budgets)


def still_holds(held: HeldChange | None, fabric: HedgehogFabric, source: str) -> bool:
    """Whether what was held needs no second look: rejected, or undecided under the same limits; of the same source."""
    if held is None or held.source != source or held.decision == Decision.APPROVED:
        return False
    return held.decision == Decision.REJECTED or held.budget == as_json(budgets_of(fabric))


def is_approved(held: HeldChange | None, source: str, tree: str, change: Diff) -> bool:
    """Whether a person approved what ``change`` does: the same tree of the same source, doing no more than was seen."""
    if held is None or held.decision != Decision.APPROVED or (held.source, held.tree) != (source, tree):
        return False
    return len(change.deleted) <= held.deleted and len(change.updated) <= held.updated


def held_change(
    fabric: HedgehogFabric, place: tuple[str, str, str], change: Diff, judged: tuple[list[str], Budgets], now: datetime
) -> HeldChange:
    """What waits for a decision; ``place`` is source, commit and tree, ``judged`` the limits and which are exceeded."""
    source, commit, tree = place
    reasons, budgets = judged
    return HeldChange(
        fabric=fabric,
        commit=commit,
        tree=tree,
        source=source,
        reasons=reasons,
        budget=as_json(budgets),
        created=len(change.created),
        updated=len(change.updated),
        deleted=len(change.deleted),
        record=record_of(change),
        held_at=now,
    )


def decide(held_id: int, decision: Decision, by: str, now: datetime) -> int | None:
    """Approve or reject one commit's change; the fabric's id, or None if that change is held no more.

    An approved fabric is due at once, as far as its pace is concerned.
    """
    with transaction.atomic():
        waiting = HedgehogFabric.objects.select_for_update().filter(held_change=held_id).only("pk").first()
        if waiting is None:
            return None
        decided = HeldChange.objects.filter(pk=held_id, fabric=waiting).update(
            decision=decision, decided_by=by[:150], decided_at=now
        )
        if decided and decision == Decision.APPROVED:
            HedgehogFabric.objects.filter(pk=waiting.pk).update(retry_at=None)
        return waiting.pk if decided else None
