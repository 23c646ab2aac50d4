"""What a fabric's syncs changed, folded into one record."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from model_bakery import baker

from netbox_hedgehog.models import HedgehogFabric, SyncRecord, SyncRun
from netbox_hedgehog.sync.apply import apply_diff, stored_resources
from netbox_hedgehog.sync.changes import same, with_changes
from netbox_hedgehog.sync.diff import diff
from netbox_hedgehog.sync.history import HistoryError, between, fold, runs_of
from netbox_hedgehog.sync.record import record_of
from netbox_hedgehog.sync.run import run_sync
from tests.support.remote import document
from tests.support.resources import resources, tables

pytestmark = pytest.mark.django_db


def key(entry: dict[str, Any]) -> tuple[str, ...]:
    return (entry["api_version"], entry["kind"], entry["namespace"], entry["name"])


def contents(desired: list[Any]) -> dict[tuple[str, ...], Any]:
    return {each.key: {"labels": each.labels, "annotations": each.annotations, "spec": each.spec} for each in desired}


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(tables, min_size=2, max_size=5))
def test_folded_records_lead_from_the_first_state_to_the_last(db, states):
    fabric = baker.make_recipe("tests.due_fabric")
    records = []
    for state in states:
        change = diff(resources(state), stored_resources(fabric.pk))
        records.append(record_of(change))
        apply_diff(fabric.pk, change, "c0ffee")
    whole = fold(record for record in records[1:] if record)
    state, last = contents(resources(states[0])), contents(resources(states[-1]))
    for entry in whole["deleted"]:
        del state[key(entry)]
    for entry in whole["updated"]:
        assert entry["more_fields"] == 0
        state[key(entry)] = with_changes(state[key(entry)], entry["fields"])
    for entry in whole["created"]:
        assert key(entry) not in state
        state[key(entry)] = last[key(entry)]
    assert state.keys() == last.keys()
    assert all(same(state[name], last[name]) for name in last)


@pytest.fixture
def commits(remote) -> tuple[HedgehogFabric, list[str]]:
    """A fabric after four syncs: a and b; b grows; b is as before, c comes; a goes."""
    fabric = remote.fabric(budget_deletions_percent=100, budget_changes_percent=100)
    ids = []
    for files in (
        {"a.yaml": document("a"), "b.yaml": document("b", ports=1)},
        {"b.yaml": document("b", ports=2)},
        {"b.yaml": document("b", ports=1), "c.yaml": document("c")},
        {"a.yaml": None},
    ):
        ids.append(remote.commit(files))
        run_sync(fabric.pk, worker="test")
    return fabric, ids


def names(record: dict[str, Any]) -> tuple[list[str], list[str], list[str]]:
    created, updated, deleted = (
        [entry["name"] for entry in record[fate]] for fate in ("created", "updated", "deleted")
    )
    return created, updated, deleted


class TestBetween:
    def test_two_commits_it_is_what_the_syncs_after_the_first_changed(self, commits):
        fabric, ids = commits
        assert names(between(fabric, ids[0], ids[1]).record) == ([], ["b"], [])
        assert names(between(fabric, ids[1], ids[2]).record) == (["c"], ["b"], [])

    def test_what_was_undone_is_left_out(self, commits):
        fabric, ids = commits
        assert names(between(fabric, ids[0], ids[3]).record) == (["c"], [], ["a"])

    def test_the_newest_is_meant_where_none_is_given_and_ids_may_be_short(self, commits):
        fabric, ids = commits
        difference = between(fabric, ids[0][:10].upper())
        assert (difference.older.commit, difference.newer.commit, difference.gaps) == (ids[0], ids[3], 0)

    def test_one_commit_and_itself_there_is_nothing(self, commits):
        fabric, ids = commits
        assert names(between(fabric, ids[2], ids[2]).record) == ([], [], [])

    def test_the_wrong_way_round_is_an_error(self, commits):
        fabric, ids = commits
        with pytest.raises(HistoryError, match="the other way round"):
            between(fabric, ids[3], ids[0])

    def test_a_commit_that_was_never_synced_is_an_error(self, commits):
        with pytest.raises(HistoryError, match=r"Commit abc of fabric .* was never synced"):
            between(commits[0], "abc")

    def test_a_failed_sync_of_a_commit_does_not_count(self, commits, remote):
        fabric, ids = commits
        broken = remote.commit({"x.yaml": "kind: ["})
        run_sync(fabric.pk, worker="test")
        assert between(fabric, ids[0]).newer.commit == ids[3]
        with pytest.raises(HistoryError):
            between(fabric, ids[0], broken)

    def test_a_commit_that_came_twice_counts_from_its_last_time(self, commits, remote):
        fabric, ids = commits
        run = SyncRun.objects.filter(commit=ids[1]).get()
        SyncRun.objects.create(fabric=fabric, commit=ids[0], status="unchanged", started_at=run.started_at)
        assert names(between(fabric, ids[0], ids[2]).record) == (["c"], ["b"], [])

    def test_records_that_are_not_kept_are_told(self, commits):
        fabric, ids = commits
        SyncRecord.objects.filter(run__commit=ids[1]).delete()
        assert between(fabric, ids[0]).gaps == 1
        SyncRecord.objects.filter(run__commit=ids[2]).update(
            content={"created": [], "updated": [], "deleted": [], "more": {"created": 7, "updated": 0, "deleted": 0}}
        )
        difference = between(fabric, ids[0])
        assert (difference.gaps, difference.record["more"]["created"]) == (2, 7)


def test_what_was_deleted_and_created_anew_is_both(commits, remote):
    fabric, ids = commits
    remote.commit({"a.yaml": document("a", ports=9)})
    run_sync(fabric.pk, worker="test")
    assert names(between(fabric, ids[2]).record) == (["a"], [], ["a"])


def test_runs_that_began_at_one_moment_are_in_the_order_of_their_writing(commits):
    fabric, ids = commits
    SyncRun.objects.update(started_at="2026-01-01T00:00Z")
    assert [run.commit for run in runs_of(fabric)] == ids[::-1]
    assert names(between(fabric, ids[1], ids[2]).record) == (["c"], ["b"], [])
