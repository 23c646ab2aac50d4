from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone
from model_bakery import baker

from netbox_hedgehog.models import GitRepository, HedgehogFabric, RunStatus, SyncRun
from netbox_hedgehog.scheduling import claims
from netbox_hedgehog.scheduling.cancel import cancel
from netbox_hedgehog.scheduling.due import due
from netbox_hedgehog.scheduling.explain import why_not
from netbox_hedgehog.scheduling.manual import request_sync
from netbox_hedgehog.sync import run
from netbox_hedgehog.sync.run import run_sync
from tests.baker_recipes import INTERVAL, NOW, TOKEN, WORKER
from tests.support.remote import document

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize("state", ["claimed", "running"])
def test_a_claim_is_taken_away_and_it_is_recorded_who_did_it(state):
    fabric = baker.make_recipe(f"tests.{state}_fabric")
    assert cancel(fabric.pk, "boss", NOW)
    fabric.refresh_from_db()
    assert (fabric.activity(NOW), fabric.claim_token) == ("idle", None)
    row = SyncRun.objects.get()
    assert (row.status, row.error_code, row.token) == (RunStatus.CANCELLED, "sync.cancelled", TOKEN)
    assert "Cancelled by boss" in row.error_message


def test_the_outcome_of_the_last_finished_sync_stays():
    fabric = baker.make_recipe("tests.running_fabric")
    before = (fabric.sync_status, fabric.last_sync, fabric.consecutive_failures)
    cancel(fabric.pk, "boss", NOW)
    fabric.refresh_from_db()
    assert (fabric.sync_status, fabric.last_sync, fabric.consecutive_failures) == before


@pytest.mark.parametrize("state", ["due", "lost"])
def test_without_a_live_claim_there_is_nothing_to_cancel(state):
    fabric = baker.make_recipe(f"tests.{state}_fabric")
    assert not cancel(fabric.pk, "boss", NOW)
    assert not SyncRun.objects.exists()


def test_who_held_the_claim_can_neither_renew_nor_release_it():
    fabric = baker.make_recipe("tests.running_fabric")
    cancel(fabric.pk, "boss", NOW)
    assert not claims.renew(fabric.pk, NOW, TOKEN)
    assert not claims.release([fabric.pk], TOKEN)


class TestAfterwards:
    @pytest.fixture
    def fabric(self):
        fabric = baker.make_recipe("tests.claimed_fabric", claim_trigger="manual")
        cancel(fabric.pk, "boss", NOW)
        return fabric

    def test_it_is_due_again_after_its_own_interval(self, fabric):
        assert not due(NOW + INTERVAL - timedelta(microseconds=1)).exists()
        assert due(NOW + INTERVAL).exists()

    def test_the_reason_is_told(self, fabric):
        (reason,) = why_not(fabric.pk, NOW)
        assert (reason.code, "was cancelled" in reason.sentence) == ("not_due_yet", True)

    def test_a_changed_source_is_tried_at_once(self, fabric):
        GitRepository.objects.update(branch="other")
        assert due(NOW).exists()

    def test_its_message_begins_nothing(self, fabric):
        assert not claims.begin(fabric.pk, NOW, TOKEN, WORKER)

    def test_a_message_that_outlived_the_claim_would_have_expired_with_it(self, fabric):
        assert claims.begin(fabric.pk, NOW + timedelta(days=1), TOKEN, WORKER)

    def test_sync_now_does_not_wait(self, fabric):
        assert request_sync(fabric.pk, NOW, lambda _: None)
        assert claims.begin(fabric.pk, NOW, TOKEN, WORKER)


class TestOfASync:
    @pytest.fixture
    def fabric(self, remote):
        remote.commit({"a.yaml": document("leaf")})
        return remote.fabric()

    @pytest.mark.parametrize("step", ["head_of", "read_tree"])
    def test_between_any_stages_nothing_is_written(self, fabric, monkeypatch, step):
        original = getattr(run, step)

        def cancelled_meanwhile(*arguments, **options):
            monkeypatch.setattr(run, step, original)
            cancel(fabric.pk, "boss", HedgehogFabric.objects.get().claim_started_at)
            return original(*arguments, **options)

        monkeypatch.setattr(run, step, cancelled_meanwhile)
        result = run_sync(fabric.pk, worker="test")
        assert (result["status"], result["error"]["code"]) == ("failed", "sync.cancelled")
        assert (fabric.resources.count(), fabric.sync_runs.get().status) == (0, "cancelled")
        fabric.refresh_from_db()
        assert (fabric.sync_status, fabric.sync_error, fabric.last_sync) == ("never_synced", "", None)

    def test_a_fetch_is_left_when_the_claim_is_known_to_be_gone(self, fabric, monkeypatch, remote):
        monkeypatch.setattr("netbox_hedgehog.sync.heartbeat.Heartbeat.lost", True)
        assert run_sync(fabric.pk, worker="test")["error"]["code"] == "sync.claim_lost"
        assert fabric.resources.count() == 0

    def test_of_whom_the_queued_message_arrives_is_skipped_once(self, fabric):
        request_sync(fabric.pk, timezone.now(), lambda _: None)
        cancel(fabric.pk, "boss", timezone.now())
        assert run_sync(fabric.pk, worker="test")["reason"] == "cancelled"
        assert run_sync(fabric.pk, worker="test")["status"] == "succeeded"
