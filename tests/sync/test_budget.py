from __future__ import annotations

import pytest

from netbox_hedgehog.sync.budget import Budget, Budgets, excesses
from netbox_hedgehog.sync.diff import Replacement, Stored, diff
from tests.support.resources import LEAF

NONE = Budget()


def change(*, stored: int, deleted: int = 0, updated: int = 0, created: int = 0):
    there = [LEAF._replace(name=f"leaf-{n}") for n in range(stored)]
    rows = {each.key: Stored(n, each.content().digest(), each.path, each.line) for n, each in enumerate(there, 1)}
    left = there[deleted:]
    edited = [each._replace(spec={}) for each in left[:updated]]
    new = [LEAF._replace(name=f"new-{n}") for n in range(created)]
    return diff([*edited, *left[updated:], *new], rows)


def held(budget: Budget, *, stored: int, **sizes: int) -> bool:
    return bool(excesses(change(stored=stored, **sizes), {"Switch": stored}, Budgets(budget, {})))


@pytest.mark.parametrize(("deleted", "expected"), [(10, False), (11, True)])
def test_more_deletions_than_the_count_are_too_many(deleted, expected):
    assert held(Budget(deletions=10), stored=1000, deleted=deleted) is expected


@pytest.mark.parametrize(("deleted", "expected"), [(25, False), (26, True)])
def test_a_larger_share_than_the_percentage_is_too_much(deleted, expected):
    assert held(Budget(deletions_percent=25), stored=100, deleted=deleted) is expected


@pytest.mark.parametrize(("deleted", "expected"), [(3, False), (4, True)])
def test_a_handful_is_no_share(deleted, expected):
    assert held(Budget(deletions_percent=25), stored=5, deleted=deleted) is expected


def test_a_count_is_kept_to_the_letter():
    assert held(Budget(deletions=0), stored=1000, deleted=1)


def test_either_limit_alone_is_enough():
    budget = Budget(deletions=100, deletions_percent=50)
    assert held(budget, stored=1000, deleted=101)
    assert held(budget, stored=10, deleted=6)
    assert not held(budget, stored=1000, deleted=100)


def test_updates_and_deletions_count_as_changes_and_creations_as_nothing():
    assert held(Budget(changes=10), stored=1000, deleted=5, updated=6)
    assert not held(Budget(changes=10), stored=1000, deleted=5, updated=5, created=500)
    assert not held(Budget(deletions=0, changes=0), stored=0, created=500)
    assert held(Budget(changes_percent=99), stored=100, updated=100)


def test_a_kind_has_its_own_budget_besides():
    limits = Budgets(NONE, {"Switch": Budget(deletions=0), "VPC": Budget(deletions=0)})
    assert excesses(change(stored=50, deleted=1), {"Switch": 50, "VPC": 9}, limits) == [
        "It would delete 1 of 50 of kind Switch; without approval it may delete at most 0."
    ]


def test_without_limits_everything_may_go():
    assert not held(NONE, stored=1000, deleted=1000)


def test_a_moved_resource_is_no_change():
    moved = LEAF._replace(line=7)
    rows = {LEAF.key: Stored(1, LEAF.content().digest(), LEAF.path, LEAF.line)}
    only_moved = diff([moved], rows)
    assert only_moved.moved == [Replacement(moved, LEAF.content().digest(), 1)]
    assert excesses(only_moved, {"Switch": 1}, Budgets(Budget(deletions=0, changes=0), {})) == []
