"""A sync that would delete or change more than its fabric's budget waits for a person."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone
from model_bakery import baker

from netbox_hedgehog.models import Decision, HedgehogFabric, HeldChange, SyncRun
from netbox_hedgehog.scheduling.due import due
from netbox_hedgehog.scheduling.explain import why_not
from netbox_hedgehog.sync import run as module
from netbox_hedgehog.sync.held import decide
from netbox_hedgehog.sync.run import run_sync
from tests.support.remote import document

pytestmark = pytest.mark.django_db

TEN = {f"{n}.yaml": document(f"leaf-{n}") for n in range(10)}
EIGHT_LESS = {f"{n}.yaml": None for n in range(8)}


def sync(fabric: HedgehogFabric) -> dict[str, object]:
    result = run_sync(fabric.pk, worker="test")
    fabric.refresh_from_db()
    return dict(result)


def decided(fabric: HedgehogFabric, decision: Decision) -> int | None:
    return decide(HeldChange.objects.get(fabric=fabric).pk, decision, "boss", timezone.now())


@pytest.fixture
def fabric(remote):
    """Has ten resources."""
    remote.commit(TEN)
    fabric = remote.fabric()
    sync(fabric)
    return fabric


@pytest.fixture
def held(remote, fabric):
    """A commit deletes eight of the ten."""
    remote.commit(EIGHT_LESS)
    sync(fabric)
    return fabric


class TestHolding:
    def test_a_commit_that_deletes_too_much_is_held_and_nothing_is_written(self, remote, fabric):
        before = (fabric.last_sync, fabric.desired_state_commit)
        commit = remote.commit(EIGHT_LESS)
        result = sync(fabric)
        assert (result["status"], result["commit"], result["deleted"], result["unchanged"]) == ("held", commit, 0, 10)
        assert "error" not in result
        assert (fabric.sync_status, fabric.sync_error, fabric.resources.count()) == ("held", "", 10)
        assert (fabric.last_sync, fabric.desired_state_commit) == before
        assert fabric.claim_token is None
        assert SyncRun.objects.first().status == "held"

    def test_the_operator_sees_why_and_what(self, held):
        row = HeldChange.objects.get()
        assert row.reasons == [
            "It would delete 8 of 10 resources; without approval it may delete at most 100 and 30 %."
        ]
        assert (row.created, row.updated, row.deleted, row.decision) == (0, 0, 8, "pending")
        assert len(row.record["deleted"]) == 8
        assert "held" in [reason.code for reason in why_not(held.pk, timezone.now())]

    def test_the_first_sync_never_is(self, remote):
        remote.commit({f"{n}.yaml": document(f"leaf-{n}") for n in range(50)})
        fabric = remote.fabric(budget_deletions=0, budget_changes=0)
        assert sync(fabric)["status"] == "succeeded"

    def test_a_directory_that_is_emptied_stays_an_error(self, remote, fabric):
        remote.commit(dict.fromkeys(TEN) | {"README.md": "gone"})
        assert sync(fabric)["error"]["code"] == "sync.directory_emptied"

    def test_a_fabrics_own_limits_win_over_the_settings(self, remote, fabric, settings):
        HedgehogFabric.objects.update(budget_deletions_percent=80)
        remote.commit(EIGHT_LESS)
        assert sync(fabric)["status"] == "succeeded"

    def test_one_kind_can_be_guarded_alone(self, remote, fabric):
        HedgehogFabric.objects.update(budget_by_kind={"Switch": {"deletions": 0}})
        remote.commit({"0.yaml": None})
        assert sync(fabric)["status"] == "held"

    def test_limits_by_kind_that_make_no_sense_fail_the_sync_instead_of_being_ignored(self, remote, fabric):
        HedgehogFabric.objects.update(budget_by_kind={"Switch": {"deletions": "none"}})
        remote.commit({"0.yaml": None})
        assert sync(fabric)["error"]["code"] == "sync.budget_invalid"


class TestWhileHeld:
    def test_it_is_not_read_again_and_not_due_before_its_interval(self, held, monkeypatch):
        monkeypatch.setattr(module, "mirror_at", None)
        now = timezone.now()
        HedgehogFabric.objects.update(last_sync=now - timedelta(days=1))
        assert not due(now).filter(pk=held.pk).exists()
        assert due(now + timedelta(seconds=held.sync_interval)).filter(pk=held.pk).exists()
        assert sync(held)["status"] == "held"
        assert SyncRun.objects.count() == 3

    def test_a_commit_elsewhere_leaves_it_as_it_is(self, remote):
        remote.commit({f"one/{name}": text for name, text in TEN.items()})
        fabric = remote.fabric("/one")
        sync(fabric)
        remote.commit({f"one/{name}": None for name in EIGHT_LESS})
        sync(fabric)
        pk = HeldChange.objects.get().pk
        remote.commit({"two/a.yaml": document("a")})
        assert sync(fabric)["status"] == "held"
        assert HeldChange.objects.get().pk == pk

    def test_a_newer_commit_is_judged_anew(self, remote, held):
        remote.commit({f"{n}.yaml": document(f"leaf-{n}") for n in range(7)})
        result = sync(held)
        assert (result["status"], result["deleted"], held.sync_status) == ("succeeded", 1, "in_sync")
        assert not HeldChange.objects.exists()

    def test_a_commit_that_takes_it_back_ends_it(self, remote, held):
        remote.commit(TEN)
        assert sync(held)["status"] == "unchanged"
        assert (held.sync_status, HeldChange.objects.exists()) == ("in_sync", False)

    def test_a_larger_budget_ends_it(self, held):
        HedgehogFabric.objects.update(budget_deletions_percent=90)
        assert sync(held)["status"] == "succeeded"


class TestDeciding:
    def test_what_is_approved_is_applied_at_once_whatever_its_size(self, held):
        now = timezone.now()
        HedgehogFabric.objects.update(last_sync=now - timedelta(days=1))
        assert decided(held, Decision.APPROVED) == held.pk
        assert due(now).filter(pk=held.pk).exists()
        result = sync(held)
        assert (result["status"], result["deleted"], held.resources.count()) == ("succeeded", 8, 2)
        assert not HeldChange.objects.exists()

    def test_an_approval_is_for_one_commit_only(self, remote, held):
        seen = HeldChange.objects.get()
        decided(held, Decision.APPROVED)
        remote.commit({"8.yaml": None})
        assert sync(held)["status"] == "held"
        now_held = HeldChange.objects.get()
        assert (now_held.decision, now_held.deleted) == ("pending", 9)
        assert decide(seen.pk, Decision.APPROVED, "boss", timezone.now()) is None
        assert HeldChange.objects.get().decision == "pending"

    def test_an_approval_does_not_cover_another_source(self, remote, held):
        decided(held, Decision.APPROVED)
        held.git_repository.username = "other"
        held.git_repository.save()
        assert sync(held)["status"] == "held"

    def test_an_approval_does_not_cover_more_than_was_seen(self, held):
        decided(held, Decision.APPROVED)
        for n in range(3):
            baker.make(
                "netbox_hedgehog.FabricResource", fabric=held, kind="Switch", name=f"late-{n}", source_path="1.yaml"
            )
        assert sync(held)["status"] == "held"
        assert HeldChange.objects.get().deleted == 11

    def test_what_is_rejected_stays_out_whatever_the_budget_until_another_commit(self, remote, held):
        decided(held, Decision.REJECTED)
        HedgehogFabric.objects.update(budget_deletions_percent=100)
        assert (sync(held)["status"], held.resources.count()) == ("held", 10)
        remote.commit({"9.yaml": None})
        assert (sync(held)["status"], held.resources.count()) == ("succeeded", 1)

    def test_an_approval_that_arrives_while_a_sync_ends_as_held_is_not_paced(self, held, monkeypatch):
        def approve_first(*arguments: object) -> None:
            decided(held, Decision.APPROVED)
            record_held(*arguments)

        record_held = module.record_held
        monkeypatch.setattr(module, "record_held", approve_first)
        sync(held)
        assert held.retry_at is None

    def test_who_decided_and_when_is_kept(self, held):
        decided(held, Decision.REJECTED)
        row = HeldChange.objects.get()
        assert (row.decision, row.decided_by) == ("rejected", "boss")
        assert row.decided_at
