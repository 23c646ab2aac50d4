from __future__ import annotations

import json
from datetime import timedelta

import pytest
from django.utils import timezone

from netbox_hedgehog.models import Activity, FabricResource, GitRepository, HedgehogFabric, RunStatus, SyncRun
from netbox_hedgehog.sync.run import run_sync
from netbox_hedgehog.tasks import git_sync_fabric
from tests.support.remote import WIRING, document

pytestmark = pytest.mark.django_db

COUNTS = ("created", "updated", "deleted", "unchanged")


def sync(fabric: HedgehogFabric) -> dict[str, object]:
    result = run_sync(fabric.pk, worker="test")
    fabric.refresh_from_db()
    return dict(result)


def counts(result: dict[str, object]) -> tuple[object, ...]:
    return tuple(result[name] for name in COUNTS)


def names(fabric: HedgehogFabric) -> list[str]:
    return sorted(fabric.resources.values_list("name", flat=True))


class TestResult:
    def test_it_has_the_shape_of_the_contract_and_is_json(self, remote):
        commit = remote.commit({"a.yaml": document("leaf-1")})
        fabric = remote.fabric()
        result = json.loads(json.dumps(sync(fabric)))
        assert isinstance(result.pop("duration_seconds"), float)
        assert result == {
            "status": "succeeded",
            "fabric_id": fabric.pk,
            "commit": commit,
            "created": 1,
            "updated": 0,
            "deleted": 0,
            "unchanged": 0,
        }

    def test_a_failed_one_says_why(self, remote):
        remote.commit({"a.yaml": "kind: [unclosed"})
        fabric = remote.fabric()
        result = json.loads(json.dumps(sync(fabric)))
        assert set(result) == {"status", "fabric_id", "commit", *COUNTS, "duration_seconds", "error"}
        assert (result["status"], result["error"]["code"]) == ("failed", "manifest.invalid")
        assert set(result["error"]) == {"code", "message"}

    def test_a_skipped_one_says_why(self):
        result = json.loads(json.dumps(run_sync(12345, worker="test")))
        assert set(result) == {"status", "fabric_id", "commit", *COUNTS, "duration_seconds", "reason"}
        assert (result["status"], result["reason"]) == ("skipped", "fabric_does_not_exist")

    def test_the_task_returns_the_same(self, remote):
        remote.commit({"a.yaml": document("leaf-1")})
        result = git_sync_fabric.apply([remote.fabric().pk]).get()
        assert (result["status"], result["created"]) == ("succeeded", 1)

    def test_of_a_fabric_that_is_deleted_as_it_begins_is_skipped(self, monkeypatch):
        monkeypatch.setattr("netbox_hedgehog.scheduling.claims.begin", lambda *_: True)
        assert run_sync(12345, worker="test")["reason"] == "fabric_does_not_exist"


class TestReconciling:
    def test_every_document_becomes_a_resource_with_its_place(self, remote):
        text = document("leaf-1", metadata={"labels": {"rack": "a"}, "annotations": {"note": "b"}}, role="leaf")
        remote.commit({"switches/all.yaml": text + document("leaf-2"), "servers.json": document("s", "Server")[4:]})
        fabric = remote.fabric()
        assert counts(sync(fabric)) == (3, 0, 0, 0)
        resource = fabric.resources.get(name="leaf-1")
        assert (resource.api_version, resource.kind, resource.namespace) == (WIRING, "Switch", "default")
        assert (resource.labels, resource.annotations, resource.spec) == (
            {"rack": "a"},
            {"note": "b"},
            {"role": "leaf"},
        )
        assert (resource.source_path, fabric.resource_count) == ("switches/all.yaml", 3)
        assert fabric.resources.get(name="leaf-2").source_line > resource.source_line

    def test_the_next_commit_creates_updates_and_deletes_what_it_says(self, remote):
        remote.commit({"a.yaml": document("gone"), "b.yaml": document("stays"), "c.yaml": document("grows", ports=1)})
        fabric = remote.fabric()
        sync(fabric)
        commit = remote.commit({"a.yaml": None, "c.yaml": document("grows", ports=2), "d.yaml": document("new")})
        assert counts(sync(fabric)) == (1, 1, 1, 1)
        assert names(fabric) == ["grows", "new", "stays"]
        assert fabric.resources.get(name="grows").spec == {"ports": 2}
        assert (fabric.desired_state_commit, fabric.resource_count) == (commit, 3)

    def test_a_resource_that_moved_keeps_its_row_and_counts_as_unchanged(self, remote):
        remote.commit({"a.yaml": document("leaf-1")})
        fabric = remote.fabric()
        sync(fabric)
        pk = fabric.resources.get().pk
        remote.commit({"a.yaml": None, "b.yaml": document("leaf-0") + document("leaf-1")})
        assert counts(sync(fabric)) == (1, 0, 0, 1)
        moved = fabric.resources.get(name="leaf-1")
        assert (moved.pk, moved.source_path, moved.source_line) == (pk, "b.yaml", 5)

    def test_a_commit_that_only_moves_is_unchanged_and_yet_recorded(self, remote):
        remote.commit({"a.yaml": document("leaf-1")})
        fabric = remote.fabric()
        sync(fabric)
        commit = remote.commit({"a.yaml": None, "b.yaml": document("leaf-1")})
        assert sync(fabric)["status"] == "unchanged"
        assert (fabric.resources.get().source_path, fabric.desired_state_commit) == ("b.yaml", commit)

    def test_a_forced_push_is_followed(self, remote):
        remote.commit({"a.yaml": document("old"), "b.yaml": document("kept")})
        fabric = remote.fabric()
        sync(fabric)
        commit = remote.rewrite_history({"b.yaml": document("kept"), "c.yaml": document("new")})
        assert counts(sync(fabric)) == (1, 0, 1, 1)
        assert fabric.desired_state_commit == commit

    def test_two_fabrics_of_one_repository_have_each_their_own_directory(self, remote):
        remote.commit({"one/a.yaml": document("a"), "two/b.yaml": document("b"), "two/c.yaml": document("c")})
        one = remote.fabric("/one")
        two = remote.fabric("two/", git_repository=one.git_repository)
        sync(one)
        fetches = remote.server.fetches
        sync(two)
        assert (names(one), names(two)) == (["a"], ["b", "c"])
        assert remote.server.fetches == fetches, "the mirror that the first one fetched has everything"

    def test_the_same_resource_may_stand_in_two_fabrics(self, remote):
        remote.commit({"one/a.yaml": document("leaf"), "two/a.yaml": document("leaf")})
        for directory in ("one", "two"):
            sync(remote.fabric(directory, git_repository__name=directory))
        assert FabricResource.objects.filter(name="leaf").count() == 2

    def test_a_repository_that_is_empty_from_the_start_is_in_sync_with_nothing(self, remote):
        remote.commit({"README.md": "nothing yet"})
        fabric = remote.fabric()
        assert sync(fabric)["status"] == "unchanged"
        assert (fabric.sync_status, fabric.resource_count) == ("in_sync", 0)


class TestUnchanged:
    def test_an_unmoved_head_needs_no_fetch(self, remote):
        remote.commit({"a.yaml": document("leaf-1")})
        fabric = remote.fabric()
        sync(fabric)
        fetches = remote.server.fetches
        result = sync(fabric)
        assert (result["status"], counts(result)) == ("unchanged", (0, 0, 0, 1))
        assert remote.server.fetches == fetches

    @pytest.mark.parametrize("broken", [False, True])
    def test_two_hundred_fabrics_of_one_repository_cost_one_round_trip_per_tick(self, remote, broken):
        remote.commit({"a.yaml": document("leaf-1")})
        repository = remote.fabric().git_repository
        fabrics = [remote.fabric(git_repository=repository) for _ in range(200)]
        sync(fabrics[0])
        same = ("synced_source", "desired_state_commit", "desired_state_tree")
        HedgehogFabric.objects.update(**{name: getattr(fabrics[0], name) for name in same})
        remote.server.status = 503 if broken else None
        tick = timezone.now()
        HedgehogFabric.objects.update(claimed_at=tick, claim_expires_at=tick + timedelta(hours=1))
        before = remote.server.requests
        assert {sync(fabric)["status"] for fabric in fabrics} == {"failed" if broken else "unchanged"}
        assert remote.server.requests == before + 1

    def test_a_commit_elsewhere_in_the_repository_changes_nothing_here(self, remote):
        remote.commit({"one/a.yaml": document("a")})
        fabric = remote.fabric("/one")
        sync(fabric)
        commit = remote.commit({"two/b.yaml": "kind: [broken"})
        result = sync(fabric)
        assert (result["status"], counts(result)) == ("unchanged", (0, 0, 0, 1))
        assert fabric.desired_state_commit == commit

    def test_it_counts_as_a_sync(self, remote):
        remote.commit({"a.yaml": document("leaf-1")})
        fabric = remote.fabric()
        sync(fabric)
        HedgehogFabric.objects.update(last_sync=None, sync_status="error", sync_error="x", consecutive_failures=3)
        before = timezone.now()
        sync(fabric)
        assert fabric.last_sync >= before
        assert (fabric.sync_status, fabric.sync_error, fabric.consecutive_failures) == ("in_sync", "", 0)
        assert SyncRun.objects.first().status == RunStatus.UNCHANGED

    def test_another_directory_is_read_though_the_head_is_the_same(self, remote):
        remote.commit({"one/a.yaml": document("a"), "two/a.yaml": document("a"), "two/b.yaml": document("b")})
        fabric = remote.fabric("/one")
        sync(fabric)
        HedgehogFabric.objects.update(gitops_directory="/two")
        assert counts(sync(fabric)) == (1, 0, 0, 1)

    def test_another_branch_is_read_though_its_tree_was_never_seen_to_change(self, remote):
        first = remote.commit({"a.yaml": document("a")})
        remote.commit({"b.yaml": document("b")})
        fabric = remote.fabric()
        sync(fabric)
        GitRepository.objects.update(branch=first)
        assert counts(sync(fabric)) == (0, 0, 1, 1)


class TestRecord:
    def test_a_success_is_written_into_the_fabric_and_the_history(self, remote):
        commit = remote.commit({"a.yaml": document("leaf-1")})
        fabric = remote.fabric(sync_error="[old] error", retry_at=timezone.now(), consecutive_failures=2)
        before = timezone.now()
        sync(fabric)
        assert (fabric.sync_status, fabric.sync_error, fabric.desired_state_commit) == ("in_sync", "", commit)
        assert (fabric.consecutive_failures, fabric.retry_at, fabric.failed_source) == (0, None, "")
        assert before <= fabric.last_sync <= timezone.now()
        assert fabric.activity(timezone.now()) == Activity.IDLE
        run = SyncRun.objects.get()
        assert (run.fabric, run.status, run.commit, run.created) == (fabric, RunStatus.SUCCEEDED, commit, 1)
        assert (run.worker, run.trigger) == ("test", "manual")
        assert run.duration_seconds >= 0
        assert run.token

    def test_a_sync_of_the_schedule_counts_from_when_its_tick_claimed_it(self, remote):
        remote.commit({"a.yaml": document("leaf-1")})
        claimed_at = timezone.now() - timedelta(seconds=30)
        fabric = remote.fabric(
            claim_trigger="schedule", claimed_at=claimed_at, claim_expires_at=timezone.now() + timedelta(seconds=60)
        )
        sync(fabric)
        assert fabric.last_sync == claimed_at
        assert SyncRun.objects.get().trigger == "schedule"


def test_a_commit_can_be_followed_instead_of_a_branch(remote):
    first = remote.commit({"a.yaml": document("a")})
    remote.commit({"b.yaml": document("b")})
    fabric = remote.fabric(git_repository__branch=first)
    assert sync(fabric)["commit"] == first
    assert names(fabric) == ["a"]
