from __future__ import annotations

import pytest
from django.contrib.admin.models import LogEntry
from django.urls import reverse
from django.utils import timezone

from netbox_hedgehog import tasks
from netbox_hedgehog.models import HeldChange

LIST = reverse("admin:netbox_hedgehog_heldchange_changelist")


@pytest.fixture
def held(fabric) -> HeldChange:
    gone = {"kind": "Switch", "namespace": "default", "name": "<b>leaf", "path": "a.yaml", "line": 1}
    return HeldChange.objects.create(
        fabric=fabric,
        commit="c0ffee" * 6,
        deleted=8,
        reasons=["It would delete too much."],
        budget={},
        record={"created": [], "updated": [], "deleted": [gone], "more": {}},
        held_at=timezone.now(),
    )


def post(client, held, action):
    return client.post(LIST, {"action": action, "_selected_action": [held.pk], "index": 0}, follow=True)


def test_the_page_shows_why_and_what_and_offers_the_decision(boss, held):
    page = boss.get(reverse("admin:netbox_hedgehog_heldchange_change", args=[held.pk])).content.decode()
    assert "It would delete too much." in page
    assert "- Switch default/&lt;b&gt;leaf" in page
    assert 'value="approve"' in page
    fabric_page = boss.get(reverse("admin:netbox_hedgehog_hedgehogfabric_change", args=[held.fabric_id]))
    assert "It would delete too much." in fabric_page.content.decode()


def test_approving_is_recorded_logged_and_syncs_at_once(boss, held, sent):
    post(boss, held, "approve")
    held.refresh_from_db()
    assert (held.decision, held.decided_by, sent) == ("approved", "boss", [held.fabric_id])
    assert {entry.content_type.model for entry in LogEntry.objects.all()} == {"heldchange", "hedgehogfabric"}
    assert all(held.commit in entry.change_message for entry in LogEntry.objects.all())


def test_an_approval_stands_though_the_broker_is_down(boss, held, monkeypatch):
    def down(_: int) -> None:
        raise ConnectionError("refused")

    monkeypatch.setattr(tasks.git_sync_fabric, "delay", down)
    assert "could not be queued" in post(boss, held, "approve").content.decode()
    held.refresh_from_db()
    assert held.decision == "approved"


def test_rejecting_syncs_nothing(boss, held, sent):
    post(boss, held, "reject")
    held.refresh_from_db()
    assert (held.decision, sent) == ("rejected", [])


def test_what_was_superseded_meanwhile_is_not_decided(boss, held, sent):
    old = held.pk
    held.delete()
    held.pk = None
    held.save()
    boss.post(LIST, {"action": "approve", "_selected_action": [old], "index": 0})
    held.refresh_from_db()
    assert (held.decision, sent) == ("pending", [])


def test_a_viewer_sees_but_does_not_decide(viewer, held, sent):
    page = viewer.get(reverse("admin:netbox_hedgehog_heldchange_change", args=[held.pk])).content.decode()
    assert "Switch default" in page
    assert 'value="approve"' not in page
    for action in ("approve", "reject"):
        post(viewer, held, action)
    held.refresh_from_db()
    assert (held.decision, sent) == ("pending", [])


def test_looking_decides_nothing(boss, held, sent):
    boss.get(LIST, {"action": "approve", "_selected_action": held.pk})
    held.refresh_from_db()
    assert (held.decision, sent) == ("pending", [])


def test_limits_by_kind_are_checked_when_they_are_entered(fabric):
    from django.core.exceptions import ValidationError

    for wrong in ([], {"Switch": 1}, {"Switch": {}}, {"Switch": {"x": 1}}, {"Switch": {"deletions": True}}):
        fabric.budget_by_kind = wrong
        with pytest.raises(ValidationError) as refused:
            fabric.full_clean()
        assert list(refused.value.message_dict) == ["budget_by_kind"]
    fabric.budget_by_kind = {"Switch": {"deletions": 0, "changes_percent": 50}}
    fabric.full_clean()
