"""The blast-radius budget: how much one sync may delete or change without a person's approval. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from netbox_hedgehog.sync.diff import Diff

# A share says little of a few: half of two resources is one edit. A count that is given is kept to the letter.
HANDFUL: Final = 3


@dataclass(frozen=True, slots=True)
class Budget:
    """The most deletions, and the most changes (updates and deletions), as a number and as a share in percent.

    Exceeding either is too much; None sets no limit.
    """

    deletions: int | None = None
    deletions_percent: int | None = None
    changes: int | None = None
    changes_percent: int | None = None


@dataclass(frozen=True, slots=True)
class Budgets:
    """Of the fabric as a whole, and of single kinds besides."""

    whole: Budget
    by_kind: Mapping[str, Budget]


def excesses(change: Diff, stored: Mapping[str, int], budgets: Budgets) -> list[str]:
    """Which limits ``change`` exceeds, in words; ``stored`` has the number of resources of each kind."""
    deleted = Counter(kind for _, kind, _, _ in change.deleted)
    changed = deleted + Counter(each.resource.kind for each in change.updated)
    found = list(_over(budgets.whole, "resources", deleted.total(), changed.total(), sum(stored.values())))
    for kind, budget in budgets.by_kind.items():
        found += _over(budget, f"of kind {kind}", deleted[kind], changed[kind], stored.get(kind, 0))
    return found


def _over(budget: Budget, what: str, deleted: int, changed: int, stored: int) -> Iterator[str]:
    if _exceeds(deleted, stored, budget.deletions, budget.deletions_percent):
        limit = _limit(budget.deletions, budget.deletions_percent)
        yield f"It would delete {deleted:,} of {stored:,} {what}; without approval it may delete {limit}."
    if _exceeds(changed, stored, budget.changes, budget.changes_percent):
        limit = _limit(budget.changes, budget.changes_percent)
        yield f"It would change or delete {changed:,} of {stored:,} {what}; without approval it may change {limit}."


def _exceeds(count: int, stored: int, most: int | None, percent: int | None) -> bool:
    too_many = most is not None and count > most
    too_large_a_share = percent is not None and count > HANDFUL and count * 100 > stored * percent
    return too_many or too_large_a_share


def _limit(most: int | None, percent: int | None) -> str:
    limits = [] if most is None else [f"{most:,}"]
    if percent is not None:
        limits.append(f"{percent} %")
    return "at most " + " and ".join(limits)
