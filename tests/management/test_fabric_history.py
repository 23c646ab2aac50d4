"""The commands fabric_history and fabric_diff."""

from __future__ import annotations

import json
from io import StringIO

import pytest
from django.core.management import CommandError, call_command

from netbox_hedgehog.models import HedgehogFabric, SyncRun
from netbox_hedgehog.sync.run import run_sync
from tests.support.remote import document

pytestmark = pytest.mark.django_db


def said(*command: str) -> str:
    output = StringIO()
    call_command(*command, stdout=output)
    return output.getvalue()


@pytest.fixture
def fabric(remote) -> HedgehogFabric:
    """A fabric of three syncs: two that changed something, one that failed."""
    fabric = remote.fabric(name="Oslo")
    for text in (document("leaf", ports=1), document("leaf", ports=2) + document("spine"), "kind: ["):
        remote.commit({"a.yaml": text})
        run_sync(fabric.pk, worker="test")
    return fabric


@pytest.fixture
def runs(fabric) -> list[SyncRun]:
    return list(SyncRun.objects.order_by("pk"))


class TestHistory:
    def test_it_tells_of_each_sync_the_newest_first(self, runs):
        lines = [line for line in said("fabric_history", "Oslo").splitlines() if "│" in line]
        assert len(lines) == 3
        assert [line.split()[1] for line in lines] == [str(run.pk) for run in reversed(runs)]
        for text in ("succeeded", "manual", runs[1].commit[:12], "+1 ~1 -0"):
            assert text in lines[1]
        assert "manifest.invalid" in lines[0]

    def test_only_so_many_or_only_those_that_changed_something(self, runs):
        assert "manifest.invalid" not in said("fabric_history", "Oslo", "--changed")
        assert len(json.loads(said("fabric_history", "Oslo", "--changed", "--limit", "1", "--json"))) == 1

    @pytest.mark.parametrize("limit", ["0", "-1", "many"])
    def test_a_number_of_syncs_below_one_is_refused_by_the_options_name(self, runs, limit):
        with pytest.raises(CommandError, match="--limit"):
            said("fabric_history", "Oslo", "--limit", limit)

    def test_of_one_sync_it_shows_each_field_with_its_old_and_new_value(self, runs):
        text = said("fabric_history", "Oslo", "--run", str(runs[1].pk))
        assert f"succeeded, commit {runs[1].commit}, " in text
        assert "~ Switch default/leaf  (a.yaml:2)\n    spec.ports: 1 → 2\n" in text
        assert "+ Switch default/spine  (a.yaml:5)" in text

    def test_of_a_failed_one_it_says_why_and_that_nothing_changed(self, runs):
        text = said("fabric_history", "Oslo", "--run", str(runs[2].pk))
        assert "[manifest.invalid] " in text
        assert "It changed nothing." in text

    def test_for_programs_it_is_json(self, runs):
        newest, *_, oldest = json.loads(said("fabric_history", "Oslo", "--json"))
        assert (newest["id"], newest["status"], newest["error"]["code"]) == (runs[2].pk, "failed", "manifest.invalid")
        assert (oldest["commit"], oldest["created"], oldest["error"]) == (runs[0].commit, 1, None)
        document = json.loads(said("fabric_history", "Oslo", "--run", str(runs[0].pk), "--json"))
        assert document["record"]["created"][0]["name"] == "leaf"

    def test_a_sync_of_the_number_zero_is_one_that_is_not_there(self, runs):
        with pytest.raises(CommandError, match="no sync 0"):
            said("fabric_history", "Oslo", "--run", "0")

    def test_another_fabrics_sync_is_not_shown(self, runs, remote):
        remote.fabric(name="Rome")
        with pytest.raises(CommandError, match="has no sync"):
            said("fabric_history", "Rome", "--run", str(runs[0].pk))


class TestDiff:
    def test_it_shows_what_changed_between_two_commits(self, runs):
        assert said("fabric_diff", "Oslo", runs[0].commit[:8]) == (
            "~ Switch default/leaf  (a.yaml:2)\n    spec.ports: 1 → 2\n+ Switch default/spine  (a.yaml:5)\n"
        )

    def test_for_programs_it_is_json(self, runs):
        difference = json.loads(said("fabric_diff", "Oslo", runs[0].commit, runs[1].commit, "--json"))
        assert (difference["older"], difference["newer"]) == (runs[0].commit, runs[1].commit)
        assert (difference["incomplete"], difference["record"]["created"][0]["name"]) == (False, "spine")

    def test_a_commit_that_was_never_synced_is_an_error(self, runs):
        with pytest.raises(CommandError, match="was never synced"):
            said("fabric_diff", "Oslo", runs[2].commit)
