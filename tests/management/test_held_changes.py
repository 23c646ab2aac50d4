from __future__ import annotations

import io
import json

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone
from model_bakery import baker

from netbox_hedgehog.models import HeldChange

pytestmark = pytest.mark.django_db

COMMIT = "c0ffee" * 6


def run(*arguments: str, **options: object) -> str:
    output = io.StringIO()
    call_command("held_changes", *arguments, stdout=output, no_color=True, **options)
    return output.getvalue()


@pytest.fixture
def held() -> HeldChange:
    gone = {"kind": "Switch", "namespace": "default", "name": "leaf", "path": "a.yaml", "line": 1}
    return HeldChange.objects.create(
        fabric=baker.make_recipe("tests.due_fabric", name="east", retry_at=timezone.now()),
        commit=COMMIT,
        held_at=timezone.now(),
        budget={},
        reasons=["It would delete too much."],
        record={"created": [], "updated": [], "deleted": [gone], "more": {"deleted": 7}},
    )


def test_it_lists_what_waits_with_why_and_what(held):
    assert [line.strip() for line in run().splitlines()] == [
        f"east  commit {COMMIT}  waits for a decision",
        "It would delete too much.",
        "- Switch default/leaf  (a.yaml:1)",
        "- … and 7 more deleted",
        "1 held.",
    ]
    (row,) = json.loads(run("east", "--json"))
    assert (row["fabric"], row["commit"], row["record"]) == ("east", COMMIT, held.record)


def test_approving_makes_the_fabric_due(held):
    assert COMMIT in run("--approve", "east", "--commit", "c0ffee")
    held.refresh_from_db()
    held.fabric.refresh_from_db()
    assert (held.decision, held.fabric.retry_at) == ("approved", None)
    assert held.decided_by


def test_rejecting_keeps_its_pace(held):
    run("--reject", "east")
    held.refresh_from_db()
    held.fabric.refresh_from_db()
    assert held.decision == "rejected"
    assert held.fabric.retry_at


def test_another_commit_than_the_one_named_is_not_decided(held):
    with pytest.raises(CommandError, match=COMMIT):
        run("--approve", "east", "--commit", "beef")
    held.refresh_from_db()
    assert held.decision == "pending"


def test_of_a_fabric_that_waits_for_nothing_it_says_so():
    baker.make_recipe("tests.due_fabric", name="west")
    with pytest.raises(CommandError, match="Nothing is held"):
        run("--approve", "west")
    with pytest.raises(CommandError, match="There is no fabric"):
        run("--reject", "nowhere")
