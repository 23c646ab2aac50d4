"""A sync reads only what changed, and the result is that of reading everything."""

from __future__ import annotations

from itertools import count

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from netbox_hedgehog.git import discard_mirror
from netbox_hedgehog.models import HedgehogFabric
from netbox_hedgehog.sync import reading
from netbox_hedgehog.sync.run import run_sync
from netbox_hedgehog.sync.source import mirror_root, source_of
from tests.support.remote import Remote, document

pytestmark = pytest.mark.django_db

THREE = {"a.yaml": document("a"), "b.yaml": document("b"), "c.yaml": document("c")}


@pytest.fixture
def fabric(remote) -> HedgehogFabric:
    """Three files of one switch each, synced."""
    remote.commit(THREE)
    fabric = remote.fabric(budget_deletions_percent=100, budget_changes_percent=100)
    run_sync(fabric.pk, worker="test")
    return fabric


@pytest.fixture
def files_read(fabric, monkeypatch) -> list[str]:
    """The paths that syncs after the first one read, in their order."""
    paths: list[str] = []

    def noted(repository, file, limits):
        paths.append(file.path)
        return read(repository, file, limits)

    read = reading.read_manifest
    monkeypatch.setattr(reading, "read_manifest", noted)
    return paths


def stored(fabric: HedgehogFabric) -> dict[str, tuple[str, dict[str, object]]]:
    """The place and the spec of each resource by its name."""
    rows = fabric.resources.values_list("name", "source_path", "source_line", "spec")
    return {name: (f"{path}:{line}", spec) for name, path, line, spec in rows}


def test_only_files_that_changed_are_read(remote, fabric, files_read):
    remote.commit({"b.yaml": document("b", role="spine"), "d/d.yaml": document("d"), "README.yaml": "# nothing"})
    result = run_sync(fabric.pk, worker="test")
    assert sorted(files_read) == ["README.yaml", "b.yaml", "d/d.yaml"]
    assert (result["created"], result["updated"], result["deleted"], result["unchanged"]) == (1, 1, 0, 2)
    assert stored(fabric)["b"] == ("b.yaml:2", {"role": "spine"})


def test_files_that_are_gone_cost_no_reading(remote, fabric, files_read):
    remote.commit({"a.yaml": None})
    assert run_sync(fabric.pk, worker="test")["deleted"] == 1
    assert (files_read, set(stored(fabric))) == ([], {"b", "c"})


def test_a_resource_may_move_between_files_that_changed(remote, fabric, files_read):
    remote.commit({"a.yaml": None, "z.yaml": document("a")})
    assert run_sync(fabric.pk, worker="test")["status"] == "unchanged"
    assert (files_read, stored(fabric)["a"][0]) == (["z.yaml"], "z.yaml:2")


def test_the_last_good_sync_is_what_changes_are_counted_from(remote, fabric, files_read):
    remote.commit({"b.yaml": "kind: ["})
    assert run_sync(fabric.pk, worker="test")["status"] == "failed"
    remote.commit({"b.yaml": document("b"), "c.yaml": document("c", role="leaf")})
    files_read.clear()
    assert run_sync(fabric.pk, worker="test")["updated"] == 1
    assert files_read == ["c.yaml"]


@pytest.mark.parametrize("path", ["0.yaml", "z.yaml"])
def test_an_identity_that_an_unchanged_file_has_is_refused_as_if_all_were_read(remote, fabric, path):
    remote.commit({path: document("b")})
    run_sync(fabric.pk, worker="test")
    fabric.refresh_from_db()
    first, second = sorted([path, "b.yaml"])
    assert f"{second}:2" in fabric.sync_error
    assert f"Switch default/b is already defined at {first}:2" in fabric.sync_error


def test_another_version_of_an_object_in_an_unchanged_file_is_refused(remote, fabric):
    remote.commit({"z.yaml": document("b").replace("v1beta1", "v1alpha2")})
    assert run_sync(fabric.pk, worker="test")["status"] == "failed"


def test_the_last_resource_is_not_deleted_because_its_file_alone_was_looked_at(remote, fabric):
    remote.commit(dict.fromkeys(("a.yaml", "b.yaml")))
    assert run_sync(fabric.pk, worker="test")["deleted"] == 2
    remote.commit({"c.yaml": "# nothing any more"})
    assert run_sync(fabric.pk, worker="test")["error"]["code"] == "sync.directory_emptied"
    assert set(stored(fabric)) == {"c"}


def test_an_ignore_file_that_changes_is_followed_at_once(remote, fabric, files_read):
    remote.commit({".hedgehogignore": "/b.yaml\n"})
    assert run_sync(fabric.pk, worker="test")["deleted"] == 1
    remote.commit({".hedgehogignore": "c.*\n"})
    assert run_sync(fabric.pk, worker="test")["created"] == 1
    assert (files_read, set(stored(fabric))) == (["b.yaml"], {"a", "b"})
    remote.commit({".hedgehogignore": "b[\n"})
    assert run_sync(fabric.pk, worker="test")["error"]["code"] == "git.ignore_invalid"
    assert set(stored(fabric)) == {"a", "b"}


class TestEverythingIsRead:
    def test_when_the_mirror_was_made_anew(self, remote, fabric, files_read):
        discard_mirror(mirror_root(), source_of(fabric))
        remote.commit({"b.yaml": document("b", role="spine")})
        assert run_sync(fabric.pk, worker="test")["updated"] == 1
        assert files_read == list(THREE)

    def test_when_the_limits_are_others_though_nothing_moved(self, fabric, files_read, settings):
        settings.HEDGEHOG_GIT_MAX_FILES = 49_999
        assert run_sync(fabric.pk, worker="test")["status"] == "unchanged"
        assert files_read == list(THREE)

    def test_when_this_program_is_another_version(self, fabric, files_read, monkeypatch):
        monkeypatch.setattr(reading, "_VERSION", "0.0.0.other")
        assert run_sync(fabric.pk, worker="test")["status"] == "unchanged"
        assert files_read == list(THREE)

    def test_when_the_directory_is_another(self, fabric, files_read):
        HedgehogFabric.objects.update(gitops_directory="./")
        assert run_sync(fabric.pk, worker="test")["status"] == "unchanged"
        assert files_read == list(THREE)

    def test_when_more_files_changed_than_are_worth_asking_about(self, remote, fabric, files_read, monkeypatch):
        monkeypatch.setattr(reading, "_MOST_CHANGED_FILES", 1)
        remote.commit({"a.yaml": None, "b.yaml": document("b", role="spine")})
        assert run_sync(fabric.pk, worker="test")["status"] == "succeeded"
        assert files_read == ["b.yaml", "c.yaml"]

    def test_when_more_names_changed_than_are_worth_asking_about(self, remote, fabric, files_read, monkeypatch):
        monkeypatch.setattr(reading, "_MOST_CHANGED_NAMES", 1)
        remote.commit({"b.yaml": document("b") + document("d")})
        assert run_sync(fabric.pk, worker="test")["created"] == 1
        assert files_read == ["b.yaml", *list(THREE)]


# Few names in few files, so that identities meet, move, vanish and come back.
edits = st.dictionaries(
    st.sampled_from(["a.yaml", "b.yaml", "d/c.yaml"]),
    st.lists(st.tuples(st.sampled_from("uvwxyz"), st.integers(0, 2)), max_size=3),
    min_size=1,
)
numbers = count()


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(edits, min_size=2, max_size=6))
def test_after_any_edits_the_database_is_what_reading_everything_gives(remote, history):
    remote = Remote(remote.server, f"{next(numbers)}.git")
    fabric = remote.fabric(budget_deletions_percent=100, budget_changes_percent=100)
    tree: dict[str, list[tuple[str, int]]] = {}
    last_good: dict[str, tuple[str, dict[str, object]]] = {}
    for edit in history:
        tree |= edit
        remote.commit({path: "".join(document(name, role=role) for name, role in edit[path]) for path in edit})
        result = run_sync(fabric.pk, worker="test")
        names = [name for each in tree.values() for name, _ in each]
        if len(set(names)) < len(names) or (last_good and not names):
            assert result["status"] == "failed"
        else:
            now = {
                name: (f"{path}:{2 + 3 * number}", {"role": role})
                for path, each in tree.items()
                for number, (name, role) in enumerate(each)
            }
            assert (result["created"], result["deleted"]) == (len(now.keys() - last_good), len(last_good.keys() - now))
            assert result["created"] + result["updated"] + result["unchanged"] == len(now)
            last_good = now
        assert stored(fabric) == last_good
