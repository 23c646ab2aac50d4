"""What a reading would do to a fabric: the diff, its counts, and the limits it exceeds. Reads, never writes."""

from __future__ import annotations

from dataclasses import dataclass

from netbox_hedgehog.errors import ContentProblem
from netbox_hedgehog.manifests import problems_error
from netbox_hedgehog.models import HedgehogFabric
from netbox_hedgehog.sync.apply import count_by_kind, stored_resources
from netbox_hedgehog.sync.budget import Budgets, excesses
from netbox_hedgehog.sync.diff import Diff, diff
from netbox_hedgehog.sync.held import budgets_of
from netbox_hedgehog.sync.reading import Reading
from netbox_hedgehog.sync.result import Counts


@dataclass(frozen=True, slots=True)
class Plan:
    """What is to be written, and ``excesses``: which of the ``budgets`` forbid it without approval, in words."""

    change: Diff
    counts: Counts
    budgets: Budgets
    excesses: list[str]


def plan_of(fabric: HedgehogFabric, reading: Reading) -> Plan:
    """Compare what was read with what is stored.

    Raises:
        ContentProblem: ``manifest.invalid`` if a manifest cannot be read; ``sync.directory_emptied`` if nothing is
            left of resources that are stored.
        NeedsOperator: ``sync.budget_invalid``.
    """
    manifests = reading.manifests
    if manifests.problems:
        raise problems_error(manifests.problems, manifests.total_problems)
    stored = count_by_kind(fabric.pk)
    change = diff(manifests.resources, stored_resources(fabric.pk, reading.paths))
    counts = _counts(change, sum(stored.values()))
    if stored and not counts.total:
        raise _emptied(fabric, counts.deleted)
    budgets = budgets_of(fabric)
    return Plan(change, counts, budgets, excesses(change, stored, budgets))


def _counts(change: Diff, stored: int) -> Counts:
    created, updated, deleted = len(change.created), len(change.updated), len(change.deleted)
    return Counts(created, updated, deleted, unchanged=stored - updated - deleted)


def _emptied(fabric: HedgehogFabric, stored: int) -> ContentProblem:
    return ContentProblem(
        "sync.directory_emptied",
        f"{fabric.gitops_directory} holds no Hedgehog resource any more, but {stored} are stored. Nothing was deleted.",
        "Check the GitOps directory and the last commits. To give the fabric up on purpose, delete it here.",
    )
