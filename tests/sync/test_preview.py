from __future__ import annotations

import json
from typing import Any

import pytest

from netbox_hedgehog.models import HedgehogFabric, HeldChange
from netbox_hedgehog.scheduling import claims
from netbox_hedgehog.sync import preview as preview_module
from netbox_hedgehog.sync.preview import preview
from netbox_hedgehog.sync.run import run_sync
from tests.support.databases import everything_stored
from tests.support.remote import document

pytestmark = pytest.mark.django_db


@pytest.fixture
def synced(remote):
    files = {f"{name}.yaml": document(name, ports=1) for name in ("gone", "grows", "stays")}
    remote.commit(files)
    fabric = remote.fabric()
    run_sync(fabric.pk, worker="test")
    fabric.refresh_from_db()
    return fabric


@pytest.fixture
def edited(remote, synced):
    edits = {"gone.yaml": None, "grows.yaml": document("grows", ports=2), "new.yaml": document("new")}
    return remote.commit(edits)


def test_it_says_what_a_sync_would_change_field_by_field(synced, edited):
    seen = preview(synced.pk)
    assert (seen.commit, seen.excesses, seen.error) == (edited, (), None)
    assert (seen.counts.created, seen.counts.updated, seen.counts.deleted, seen.counts.unchanged) == (1, 1, 1, 1)
    (grows,) = seen.record["updated"]
    assert grows["fields"] == [{"field": ["spec", "ports"], "old": 1, "new": 2}]
    assert [entry["name"] for entry in seen.record["created"] + seen.record["deleted"]] == ["new", "gone"]


def test_the_sync_then_does_exactly_that(synced, edited):
    seen = preview(synced.pk)
    result = run_sync(synced.pk, worker="test")
    assert [result[name] for name in ("commit", "created", "updated", "deleted", "unchanged")] == [
        seen.commit,
        *(getattr(seen.counts, name) for name in ("created", "updated", "deleted", "unchanged")),
    ]
    assert synced.sync_runs.first().record.content == json.loads(json.dumps(seen.record))


@pytest.mark.parametrize(
    "change",
    [
        {"grows.yaml": document("grows", ports=2)},
        {"grows.yaml": "kind: [unclosed"},
        {"gone.yaml": None, "grows.yaml": None, "stays.yaml": None},
        {"README.md": "nothing"},
    ],
    ids=["an edit", "a broken manifest", "an emptied directory", "no manifest"],
)
def test_it_writes_nothing(remote, synced, change):
    remote.commit(change)
    before = everything_stored()
    preview(synced.pk)
    assert everything_stored() == before


def test_what_is_compared_would_show_a_write(synced):
    before = everything_stored()
    HedgehogFabric.objects.update(description="written")
    assert everything_stored() != before


def test_an_error_is_told_with_its_code_and_what_helps(remote, synced):
    commit = remote.commit({"grows.yaml": "kind: [unclosed"})
    seen = preview(synced.pk)
    assert (seen.commit, seen.error.code) == (commit, "manifest.invalid")
    assert seen.as_json()["error"]["remedy"]


def test_nothing_to_do_is_told_with_the_number_of_resources(synced):
    seen = preview(synced.pk)
    assert (seen.counts.unchanged, seen.counts.total, seen.record) == (3, 3, None)


class TestOfTooLargeAChange:
    @pytest.fixture
    def large(self, remote, synced):
        HedgehogFabric.objects.update(budget_deletions=0)
        return remote.commit({"gone.yaml": None})

    def test_says_that_it_would_be_held(self, synced, large):
        (reason,) = preview(synced.pk).excesses
        assert "delete 1 of 3" in reason

    def test_that_is_approved_would_be_applied(self, synced, large):
        run_sync(synced.pk, worker="test")
        HeldChange.objects.update(decision="approved")
        assert preview(synced.pk).excesses == ()


def test_a_running_sync_does_not_keep_anybody_from_looking(synced, edited, now):
    assert claims.begin(synced.pk, now, synced.sync_runs.first().token, "elsewhere")
    assert preview(synced.pk).counts.created == 1


class TestWhileSyncsEnd:
    @pytest.fixture
    def interfere(self, synced, remote, monkeypatch):
        """Let a sync of another commit end while the preview compares, so many times."""

        def start(times: int) -> None:
            compare = preview_module.plan_of
            left = iter(range(times))

            def overtaken(*arguments: Any) -> Any:
                for number in left:
                    remote.commit({f"more-{number}.yaml": document(f"more-{number}")})
                    run_sync(synced.pk, worker="test")
                    break
                return compare(*arguments)

            monkeypatch.setattr(preview_module, "plan_of", overtaken)

        return start

    def test_it_looks_again(self, synced, edited, interfere):
        interfere(1)
        seen = preview(synced.pk)
        assert (seen.counts.unchanged, seen.counts.total, seen.record) == (4, 4, None)

    def test_it_gives_up_in_the_end(self, synced, edited, monkeypatch):
        different = iter(range(99))
        monkeypatch.setattr(preview_module, "_basis", lambda _: next(different))
        assert preview(synced.pk).error.code == "sync.preview_overtaken"


def test_no_secret_is_shown(remote, synced):
    remote.commit({"grows.yaml": document("grows", ports=1, password="hunter2-canary")})
    seen = preview(synced.pk)
    assert seen.counts.updated == 1
    assert "hunter2-canary" not in json.dumps(seen.as_json())


def test_of_no_fabric_there_is_none():
    with pytest.raises(HedgehogFabric.DoesNotExist):
        preview(12345)
