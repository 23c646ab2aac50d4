"""Fabrics of one repository that wait for the same look at it are served by the first sync that takes it."""

from __future__ import annotations

from datetime import timedelta
from uuid import uuid4

import pytest
from django.db import DatabaseError
from django.utils import timezone

from netbox_hedgehog.models import GitRepository, HedgehogFabric, HeldChange, SyncRun
from netbox_hedgehog.scheduling import claims
from netbox_hedgehog.scheduling.cancel import cancel
from netbox_hedgehog.scheduling.manual import request_sync
from netbox_hedgehog.sync import together
from netbox_hedgehog.sync.result import SyncResult
from netbox_hedgehog.sync.run import run_sync
from tests.support.remote import document

pytestmark = pytest.mark.django_db

DIRECTORIES = ("a", "b", "c")


@pytest.fixture(autouse=True)
def _no_look_before(monkeypatch) -> None:
    monkeypatch.setattr(together, "_fruitless", None)


@pytest.fixture
def fabrics(remote) -> list[HedgehogFabric]:
    """Three fabrics in directories of one repository, synced, of whom all are due."""
    remote.commit({f"{name}/switch.yaml": document(name) for name in DIRECTORIES})
    repository = GitRepository.objects.create(name="shared", url=remote.url)
    fabrics = [remote.fabric(f"/{name}", git_repository=repository) for name in DIRECTORIES]
    for fabric in fabrics:
        assert run_sync(fabric.pk, worker="test")["status"] == "succeeded"
    HedgehogFabric.objects.update(last_sync=timezone.now() - timedelta(seconds=310))
    SyncRun.objects.all().delete()
    return fabrics


@pytest.fixture
def tick(fabrics):
    """Claims everything that is due, as a tick does; the token."""

    def tick():
        token = uuid4()
        now = timezone.now()
        claims.confirm([claim.fabric_id for claim in claims.take_due(now, token, 100)], now, token)
        return token

    return tick


def sync(fabric: HedgehogFabric, claim=None) -> SyncResult:
    return run_sync(fabric.pk, worker="worker-1", claim=claim)


def statuses() -> dict[str, str]:
    return {run.fabric.gitops_directory: run.status for run in SyncRun.objects.select_related("fabric")}


def test_where_nothing_has_changed_the_first_sync_records_all(remote, fabrics, tick):
    claim = tick()
    requests = remote.server.requests
    assert sync(fabrics[0], claim)["status"] == "unchanged"
    assert remote.server.requests == requests + 1
    assert statuses() == {"/a": "unchanged", "/b": "unchanged", "/c": "unchanged"}
    for fabric in fabrics[1:]:
        run = fabric.sync_runs.get()
        assert (run.trigger, run.worker, run.token, run.unchanged) == ("schedule", "worker-1", claim, 1)
        fabric.refresh_from_db()
        assert (fabric.activity(timezone.now()), fabric.claim_token) == ("idle", None)
        assert (fabric.sync_status, fabric.desired_state_commit) == ("in_sync", run.commit)


def test_the_others_keep_their_cadence(fabrics, tick):
    HedgehogFabric.objects.filter(pk=fabrics[1].pk).update(last_sync=timezone.now() - timedelta(seconds=302))
    before = HedgehogFabric.objects.get(pk=fabrics[1].pk).last_sync
    sync(fabrics[0], tick())
    assert HedgehogFabric.objects.get(pk=fabrics[1].pk).last_sync == before + timedelta(seconds=300)


def test_their_messages_begin_nothing(remote, fabrics, tick):
    claim = tick()
    sync(fabrics[0], claim)
    remote.commit({"b/switch.yaml": document("b", more="news")})
    assert sync(fabrics[1], claim) | {"duration_seconds": 0} == {
        "status": "skipped",
        "reason": "claim_has_ended",
        "fabric_id": fabrics[1].pk,
        "commit": "",
        "created": 0,
        "updated": 0,
        "deleted": 0,
        "unchanged": 0,
        "duration_seconds": 0,
    }
    assert sync(fabrics[1])["updated"] == 1  # whoever asks without a claim gets a sync


def test_a_commit_to_one_directory_is_left_to_its_own_fabric(remote, fabrics, tick):
    commit = remote.commit({"b/switch.yaml": document("b", more="news")})
    claim = tick()
    assert sync(fabrics[0], claim)["status"] == "unchanged"
    assert statuses() == {"/a": "unchanged", "/c": "unchanged"}
    assert HedgehogFabric.objects.get(pk=fabrics[2].pk).desired_state_commit == commit
    assert sync(fabrics[1], claim)["updated"] == 1


def test_the_fabric_that_changed_serves_the_others_too(remote, fabrics, tick):
    remote.commit({"a/switch.yaml": document("a", more="news")})
    assert sync(fabrics[0], tick())["updated"] == 1
    assert statuses() == {"/a": "succeeded", "/b": "unchanged", "/c": "unchanged"}


def test_a_directory_that_is_gone_is_told_by_its_own_sync(remote, fabrics, tick):
    remote.commit({"b/switch.yaml": None})
    claim = tick()
    sync(fabrics[0], claim)
    assert statuses() == {"/a": "unchanged", "/c": "unchanged"}
    assert sync(fabrics[1], claim)["error"]["code"] == "git.directory_not_found"


@pytest.mark.parametrize(
    "change",
    [
        pytest.param({"default_namespace": "other"}, id="read by other rules"),
        pytest.param({"schema_mode": "warn"}, id="checked against definitions"),
        pytest.param({"synced_source": ""}, id="never read from this source"),
        pytest.param({"sync_enabled": False}, id="disabled since"),
        pytest.param({"claim_trigger": "manual"}, id="asked for by a person"),
        pytest.param({"claim_started_at": timezone.now()}, id="begun by another worker"),
        pytest.param({"claim_expires_at": timezone.now()}, id="its claim is over"),
        pytest.param({"claimed_at": timezone.now() + timedelta(seconds=60)}, id="of a later tick"),
        pytest.param({"claim_expires_at": None}, id="not claimed"),
    ],
)
def test_who_wants_more_than_that_look_is_left_alone(fabrics, tick, change):
    claim = tick()
    HedgehogFabric.objects.filter(pk=fabrics[1].pk).update(**change)
    before = HedgehogFabric.objects.values().get(pk=fabrics[1].pk)
    sync(fabrics[0], claim)
    assert statuses() == {"/a": "unchanged", "/c": "unchanged"}
    assert HedgehogFabric.objects.values().get(pk=fabrics[1].pk) == before


def test_who_waits_for_a_decision_is_left_alone(fabrics, tick):
    claim = tick()
    HeldChange.objects.create(
        fabric=fabrics[1], commit="c" * 40, tree="t" * 40, reasons=[], budget={}, record={}, held_at=timezone.now()
    )
    sync(fabrics[0], claim)
    assert statuses() == {"/a": "unchanged", "/c": "unchanged"}


def test_fabrics_of_other_repositories_are_left_alone(fabrics, tick, remote):
    HedgehogFabric.objects.filter(pk=fabrics[1].pk).update(
        git_repository=GitRepository.objects.create(name="another", url=remote.url)
    )
    sync(fabrics[0], tick())
    assert statuses() == {"/a": "unchanged", "/c": "unchanged"}


def test_a_repository_that_was_edited_meanwhile_is_looked_at_anew(fabrics, tick, monkeypatch):
    claim = tick()
    original = together._waiting

    def edited_meanwhile(*arguments):
        GitRepository.objects.update(branch="other")
        return original(*arguments)

    monkeypatch.setattr(together, "_waiting", edited_meanwhile)
    sync(fabrics[0], claim)
    assert statuses() == {"/a": "unchanged"}


def test_what_a_person_asked_for_serves_nobody_else(fabrics, tick):
    HedgehogFabric.objects.filter(pk=fabrics[0].pk).update(sync_enabled=False)
    tick()
    assert request_sync(fabrics[0].pk, timezone.now(), sync_of(fabrics[0]))
    assert statuses() == {"/a": "unchanged"}


def sync_of(fabric: HedgehogFabric):
    return lambda _id: sync(fabric)


def test_a_message_of_the_schedule_that_was_cancelled_begins_nothing_and_a_later_one_does(fabrics, tick):
    claim = tick()
    assert cancel(fabrics[1].pk, "boss", timezone.now())
    assert sync(fabrics[1], claim)["reason"] == "claim_has_ended"
    assert sync(fabrics[1])["status"] == "unchanged"


def test_a_message_whose_fabric_was_claimed_anew_begins_nothing(fabrics, tick):
    old = tick()
    claims.release([fabric.pk for fabric in fabrics], old)
    new = tick()
    assert sync(fabrics[0], old)["reason"] == "claim_has_ended"
    assert sync(fabrics[0], new)["status"] == "unchanged"


def test_a_message_of_the_schedule_for_a_fabric_that_left_it_frees_it(fabrics, tick):
    claim = tick()
    HedgehogFabric.objects.update(sync_enabled=False)
    assert sync(fabrics[0], claim)["reason"] == "no_longer_scheduled"
    assert HedgehogFabric.objects.get(pk=fabrics[0].pk).claim_token is None


def test_a_failure_to_record_the_others_does_not_touch_the_sync_itself(fabrics, tick, monkeypatch, operator_log):
    def fail(*_arguments):
        raise DatabaseError("disk full")

    claim = tick()
    monkeypatch.setattr(together, "_waiting", fail)
    assert sync(fabrics[0], claim)["status"] == "unchanged"
    assert statuses() == {"/a": "unchanged"}
    assert "sync.others_not_settled" in operator_log.getvalue()


def test_one_look_that_helped_nobody_is_enough_for_a_repository(remote, fabrics, tick, monkeypatch):
    remote.commit({f"{name}/switch.yaml": document(name, more="news") for name in DIRECTORIES})
    claim = tick()
    looks: list[object] = []
    original = together._waiting
    monkeypatch.setattr(together, "_waiting", lambda *arguments: looks.append(1) or original(*arguments))
    assert [sync(fabric, claim)["updated"] for fabric in fabrics] == [1, 1, 1]
    assert len(looks) == 1


def test_no_more_are_recorded_at_once_than_others_can_wait_for(fabrics, tick, monkeypatch):
    monkeypatch.setattr(together, "MOST", 1)
    claim = tick()
    sync(fabrics[0], claim)
    assert len(statuses()) == 2


def test_their_resources_and_findings_stay(fabrics, tick):
    before = [list(rows.values()) for rows in (fabrics[1].resources, fabrics[1].findings)]
    sync(fabrics[0], tick())
    assert [list(rows.values()) for rows in (fabrics[1].resources, fabrics[1].findings)] == before
