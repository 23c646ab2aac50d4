"""Whatever a repository turns into: a sync follows it, or says what is wrong and leaves the last good state."""

from __future__ import annotations

import pygit2
import pytest
from pygit2.enums import FileMode, ObjectType

from netbox_hedgehog.models import GitRepository, HedgehogFabric
from netbox_hedgehog.sync import reading
from netbox_hedgehog.sync.result import SyncResult
from netbox_hedgehog.sync.run import run_sync
from tests.support.git_server import commit_files
from tests.support.packs import closure, instead, pack_of
from tests.support.remote import Remote, document

pytestmark = pytest.mark.django_db

LFS_POINTER = f"version https://git-lfs.github.com/spec/v1\noid sha256:{'a' * 64}\nsize 12345\n"


@pytest.fixture
def fabric(remote) -> HedgehogFabric:
    """Two switches, synced."""
    remote.commit({"a.yaml": document("a"), "b.yaml": document("b")})
    fabric = remote.fabric(budget_deletions_percent=100, budget_changes_percent=100)
    assert sync(fabric)["created"] == 2
    return fabric


def sync(fabric: HedgehogFabric) -> SyncResult:
    return run_sync(fabric.pk, worker="test")


def code(result: SyncResult) -> str:
    assert result["error"]
    return result["error"]["code"]


def names(fabric: HedgehogFabric) -> set[str]:
    return set(fabric.resources.values_list("name", flat=True))


def bare(remote: Remote) -> pygit2.Repository:
    return pygit2.Repository(str(remote.path))


def test_a_branch_that_was_forced_back_to_an_older_commit_is_followed(remote, fabric):
    older = bare(remote).references["refs/heads/main"].target
    remote.commit({"c.yaml": document("c")})
    assert sync(fabric)["created"] == 1
    bare(remote).references["refs/heads/main"].set_target(older)
    assert (sync(fabric)["deleted"], names(fabric)) == (1, {"a", "b"})


def test_a_history_without_anything_in_common_is_followed(remote, fabric):
    remote.rewrite_history({"b.yaml": document("b"), "z.yaml": document("z")})
    result = sync(fabric)
    assert (result["created"], result["deleted"], result["unchanged"]) == (1, 1, 1)
    assert names(fabric) == {"b", "z"}


def test_a_branch_that_was_renamed_keeps_what_is_stored_until_the_new_name_is_entered(remote, fabric):
    bare(remote).branches.local["main"].rename("trunk")
    assert (code(sync(fabric)), names(fabric)) == ("git.ref_not_found", {"a", "b"})
    GitRepository.objects.update(branch="trunk")
    assert (sync(fabric)["status"], names(fabric)) == ("unchanged", {"a", "b"})


def test_a_repository_that_was_emptied_deletes_nothing(remote, fabric):
    bare(remote).references["refs/heads/main"].delete()
    assert (code(sync(fabric)), names(fabric)) == ("git.ref_not_found", {"a", "b"})


def test_a_repository_that_never_had_a_commit_is_told(remote):
    pygit2.init_repository(str(remote.path), bare=True, initial_head="main")
    assert code(sync(remote.fabric())) == "git.ref_not_found"


def test_submodules_and_links_out_of_the_tree_are_neither_followed_nor_an_error(remote, fabric):
    files = {"module": b"ab" * 20, "link.yaml": b"/etc/passwd", "up.yaml": b"../../other.git/config", "dir": b"../.."}
    modes = {"module": FileMode.COMMIT} | dict.fromkeys(["link.yaml", "up.yaml", "dir"], FileMode.LINK)
    commit_files(remote.path, files, "links", modes=modes)
    assert (sync(fabric)["status"], names(fabric)) == ("unchanged", {"a", "b"})


def test_a_manifest_that_became_a_link_is_gone(remote, fabric):
    commit_files(remote.path, {"a.yaml": b"b.yaml"}, "a link", modes={"a.yaml": FileMode.LINK})
    assert (sync(fabric)["deleted"], names(fabric)) == (1, {"b"})


def test_a_pointer_to_large_file_storage_is_named_and_changes_nothing(remote, fabric):
    remote.commit({"b.yaml": None, "lab/c.yaml": LFS_POINTER})
    result = sync(fabric)
    assert (code(result), names(fabric)) == ("git.lfs_pointer", {"a", "b"})
    assert "lab/c.yaml" in result["error"]["message"]


def test_a_name_that_is_not_utf_8_is_stored_readably_and_can_be_changed(remote, fabric):
    put_under_raw_name(remote, b"caf\xe9.yaml", document("c"))
    assert sync(fabric)["created"] == 1
    assert fabric.resources.get(name="c").source_path == r"caf\xe9.yaml"
    put_under_raw_name(remote, b"caf\xe9.yaml", document("c", role="leaf"))
    assert sync(fabric)["updated"] == 1
    put_under_raw_name(remote, b"caf\xe9.yaml", "kind: [")
    assert r"caf\xe9.yaml:1" in sync(fabric)["error"]["message"]


def put_under_raw_name(remote: Remote, name: bytes, text: str) -> None:
    """Commit one more file, under a name that is no text."""
    repository = bare(remote)
    head = repository.references["refs/heads/main"].target
    blob = repository.create_blob(text.encode())
    tree = repository[head].peel(pygit2.Tree).read_raw()
    tree = tree.partition(b"100644 " + name)[0] + b"100644 " + name + b"\0" + blob.raw
    who = pygit2.Signature("Test", "test@example.com", 1_700_000_000, 0)
    repository.create_commit("refs/heads/main", who, who, "raw", repository.odb.write(ObjectType.TREE, tree), [head])


def test_a_pack_without_a_file_is_fetched_anew_by_the_next_sync(remote, fabric):
    head = remote.commit({"c.yaml": document("c")})
    new = bare(remote)[head].peel(pygit2.Tree)["c.yaml"].id
    remote.server.spoil = instead(pack_of(remote.path, *(set(closure(remote.path, head)) - {str(new)})))
    assert (code(sync(fabric)), names(fabric)) == ("git.corrupt", {"a", "b"})
    remote.server.spoil = None
    assert (sync(fabric)["created"], names(fabric)) == (1, {"a", "b", "c"})


def test_of_fifty_thousand_files_one_that_changed_is_read_and_one_too_many_is_refused(remote, monkeypatch):
    remote.commit({f"d{n % 50}/{n:05}.yaml": "# nothing\n" for n in range(49_999)} | {"a.yaml": document("a")})
    fabric = remote.fabric(budget_changes_percent=100)
    assert sync(fabric)["created"] == 1
    read = []
    monkeypatch.setattr(reading, "read_manifest", lambda *given: read.append(given[1].path) or read_manifest(*given))
    remote.commit({"d7/00007.yaml": document("b")})
    assert (sync(fabric)["created"], read) == (1, ["d7/00007.yaml"])
    remote.commit({"d7/more.yaml": "# nothing\n"})
    assert (code(sync(fabric)), names(fabric)) == ("git.too_many_files", {"a", "b"})


read_manifest = reading.read_manifest
