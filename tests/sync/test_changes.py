from __future__ import annotations

import copy

import pytest
from hypothesis import given
from hypothesis import strategies as st

from netbox_hedgehog.sync.changes import changes_between, folded, same, with_changes

scalars = st.none() | st.booleans() | st.integers(-2, 2) | st.floats(allow_nan=False) | st.text("ab", max_size=2)
# Few keys and short lists, so that two values often share fields.
values = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("abc"), inner, max_size=3),
    max_leaves=8,
)


@given(values, values)
def test_the_changes_applied_to_the_old_value_give_the_new_one(old, new):
    before = copy.deepcopy(old)
    assert same(with_changes(old, changes_between(old, new)), new)
    assert same(old, before), "it changes a copy"


@given(values, values)
def test_there_is_no_change_exactly_when_the_values_are_the_same(old, new):
    assert (list(changes_between(old, new)) == []) == same(old, new)


@given(values, values, values)
def test_two_steps_folded_lead_to_the_same_value(first, second, third):
    steps = [*changes_between(first, second), *changes_between(second, third)]
    assert same(with_changes(first, folded(steps)), third)


@given(values, values)
def test_there_and_back_along_the_same_fields_is_nothing(first, second):
    there = list(changes_between(first, second))
    assert folded([*there, *changes_between(second, first)]) == []


def test_each_change_names_the_smallest_field():
    old = {"spec": {"ports": [{"name": "a", "speed": 10}, {"name": "b"}], "role": "leaf"}}
    new = {"spec": {"ports": [{"name": "a", "speed": 25}], "role": "leaf", "asn": 65000}}
    assert list(changes_between(old, new)) == [
        {"field": ["spec", "asn"], "new": 65000},
        {"field": ["spec", "ports", 0, "speed"], "old": 10, "new": 25},
        {"field": ["spec", "ports", 1], "old": {"name": "b"}},
    ]


@pytest.mark.parametrize(("one", "other"), [(1, True), (1, 1.0), (0, None), ([], {}), ("1", 1)])
def test_what_only_looks_alike_differs(one, other):
    assert list(changes_between([one], [other])) == [{"field": [0], "old": one, "new": other}]
