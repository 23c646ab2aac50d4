"""What the chaos's checker finds wrong; that it finds it in a real run was tried by breaking the product."""

from __future__ import annotations

import time

import pytest

from tests.chaos.checker import State, wrong_states
from tests.chaos.clock import MachineClock
from tests.chaos.forge import Forge, documents_at
from tests.support.waiting import eventually

AT = {"c1": {"a": 1, "b": 1}, "c2": {"a": 2, "b": 1}, "c3": {"a": 3, "b": 1}}


def wrong(*states: tuple[object, ...]) -> list[str]:
    numbered = [State(number, "a", *state) for number, state in enumerate(states)]
    return [each.split(":")[0] for each in wrong_states(numbered, AT, {})]


def test_whole_states_in_their_order_are_right():
    assert wrong((1, 1, 7, "c1"), (2, 2, 6, "c2"), (2, 2, 6, "c2"), (3, 3, 7, "c3")) == []


@pytest.mark.parametrize(
    "state",
    [
        pytest.param((1, 2, 7, "c2"), id="resources of two revisions"),
        pytest.param((1, 1, 6, "c1"), id="one is missing"),
        pytest.param((2, 2, 7, "c2"), id="one too many"),
        pytest.param((1, 1, 7, "c2"), id="the commit of another revision"),
        pytest.param((1, 1, 7, "unknown"), id="a commit that never was"),
        pytest.param((None, None, 0, "c1"), id="nothing left"),
    ],
)
def test_a_state_of_halves_is_found(state):
    assert wrong(state) == ["half applied"]


def test_a_state_that_is_older_than_the_one_before_is_found():
    assert wrong((2, 2, 6, "c2"), (1, 1, 7, "c1"), (2, 2, 6, "c2")) == ["back in time"]


def test_the_forge_knows_what_each_commit_holds_of_each_fabric(tmp_path):
    with Forge(tmp_path, "secret", servers=1, repositories=2, fabrics=4) as forge:
        forge.change("fabric-000")
        assert forge.revisions == {"fabric-000": 2, "fabric-001": 1, "fabric-002": 1, "fabric-003": 1}
        assert list(forge.revisions_at.values())[-1] == {"fabric-000": 2, "fabric-002": 1}
    assert len(documents_at(1)) - len(documents_at(2)) == 1


def test_the_machines_clock_goes_and_never_faster_than_a_wall_clock():
    began = time.monotonic()
    with MachineClock() as clock:
        eventually(lambda: clock() > 0.5, "half a second")
        assert clock() <= time.monotonic() - began
        assert clock.stalled_seconds() >= 0
