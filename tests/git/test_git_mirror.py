from __future__ import annotations

import shutil
import subprocess
import sys
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pygit2
import pytest

from netbox_hedgehog.errors import InternalFault, NeedsOperator, RetryLater
from netbox_hedgehog.git import (
    GitLimits,
    GitSource,
    UrlPolicy,
    UserPassword,
    discard_mirror,
    mirror_at,
    remote_head,
)
from netbox_hedgehog.git import mirror as mirror_module
from netbox_hedgehog.git.failures import translate
from netbox_hedgehog.git.limits import Deadline
from netbox_hedgehog.git.locks import exclusive
from netbox_hedgehog.git.storage import is_used
from tests.git.conftest import remains
from tests.support.git_server import GitServer, commit_files

type Make = Callable[..., GitSource]


def only_mirror(root: Path) -> Path:
    (path,) = root.glob("*.git")
    return path


def only_directory(root: Path) -> Path:
    (path,) = (each for each in root.iterdir() if each.is_dir() and not each.is_symlink())
    return path


def content(repository: pygit2.Repository, commit: str, path: str = "fabric/switch.yaml") -> bytes:
    blob = repository[commit].peel(pygit2.Tree)[path]
    assert isinstance(blob, pygit2.Blob)
    return blob.data


def test_a_mirror_is_bare_and_shallow(source: Make, fabric: Path, root: Path) -> None:
    first = remote_head(source())
    head = commit_files(fabric, {"fabric/switch.yaml": b"kind: Server\n"}, "second")
    repository = mirror_at(root, source(), head)
    assert content(repository, head) == b"kind: Server\n"
    assert repository.is_bare
    assert repository.is_shallow
    assert first not in repository


def test_an_update_fetches_what_is_new_and_keeps_what_readers_read(source: Make, fabric: Path, root: Path) -> None:
    first = remote_head(source())
    reader = mirror_at(root, source(), first)
    for number in range(4):
        head = commit_files(fabric, {"fabric/switch.yaml": b"%d" % number}, "next")
        assert content(mirror_at(root, source(), head), head) == b"%d" % number
    assert content(reader, first) == b"kind: Switch\n"


def test_a_commit_that_is_there_is_not_fetched_again(source: Make, server: GitServer, root: Path) -> None:
    head = remote_head(source())
    mirror_at(root, source(), head)
    before = server.requests
    mirror_at(root, source(), head)
    assert server.requests == before


def test_branches_of_one_repository_share_a_mirror(source: Make, fabric: Path, root: Path) -> None:
    heads = {
        name: commit_files(fabric, {"fabric/switch.yaml": name.encode()}, name, branch=name)
        for name in ("lab", "lab-2", "main")
    }
    for name, head in heads.items():
        assert content(mirror_at(root, source(ref=name), head), head) == name.encode()
    only_mirror(root)


def test_a_rewritten_history_is_followed(source: Make, fabric: Path, root: Path) -> None:
    mirror_at(root, source(), remote_head(source()))
    pygit2.Repository(str(fabric)).references.delete("refs/heads/main")
    rewritten = commit_files(fabric, {"fabric/switch.yaml": b"kind: Other\n"}, "rewritten")
    assert content(mirror_at(root, source(), rewritten), rewritten) == b"kind: Other\n"


def test_an_annotated_tag_is_fetched_as_its_commit(source: Make, fabric: Path, root: Path) -> None:
    repository = pygit2.Repository(str(fabric))
    first = repository.references["refs/heads/main"].target
    who = pygit2.Signature("Test", "test@example.com", 1_700_000_000, 0)
    repository.create_tag("v1", first, pygit2.enums.ObjectType.COMMIT, who, "release")
    tagged = source(ref="v1")
    assert content(mirror_at(root, tagged, remote_head(tagged)), str(first))


@pytest.mark.parametrize("hands_out_ids", [True, False])
def test_an_old_commit_is_fetched_by_its_id(source: Make, fabric: Path, root: Path, hands_out_ids: bool) -> None:
    pygit2.Repository(str(fabric)).config["uploadpack.allowAnySHA1InWant"] = hands_out_ids
    first = remote_head(source())
    mirror_at(root, source(), commit_files(fabric, {"other": b"2"}, "second"))
    commit_files(fabric, {"other": b"3"}, "third")
    assert content(mirror_at(root, source(ref=first), first), first) == b"kind: Switch\n"


def test_a_commit_id_that_nothing_leads_to_needs_the_operator(source: Make, root: Path) -> None:
    with pytest.raises(NeedsOperator) as caught:
        mirror_at(root, source(ref="ab" * 20), "ab" * 20)
    assert caught.value.code == "git.ref_not_found"


def test_a_commit_id_of_another_hash_needs_the_operator(source: Make, root: Path) -> None:
    with pytest.raises(NeedsOperator) as caught:
        mirror_at(root, source(ref="ab" * 32), "ab" * 32)
    assert caught.value.code == "git.ref_not_found"


def test_a_ref_that_moved_meanwhile_is_tried_again(source: Make, fabric: Path, root: Path) -> None:
    first = remote_head(source())
    commit_files(fabric, {"other": b"2"}, "second")
    with pytest.raises(RetryLater) as caught:
        mirror_at(root, source(), first)
    assert caught.value.code == "git.ref_moved"


def test_a_file_url_is_mirrored_too(source: Make, fabric: Path, root: Path) -> None:
    policy = UrlPolicy(allow_private=False, schemes=frozenset({"file"}), file_root=fabric.parent)
    local = source(url=f"file://{fabric}", policy=policy)
    for number in range(2):
        head = commit_files(fabric, {"fabric/switch.yaml": b"%d" % number}, "next")
        assert content(mirror_at(root, local, remote_head(local)), head) == b"%d" % number


def test_progress_is_told(source: Make, root: Path) -> None:
    told: list[tuple[str, int, int]] = []
    mirror_at(root, source(), remote_head(source()), progress=lambda *step: told.append(step))
    assert ("receiving", 4, 4) in told


def test_a_caller_can_stop_a_fetch_from_its_progress(source: Make, root: Path) -> None:
    class StopNowError(Exception):
        pass

    def stop(*_: object) -> None:
        raise StopNowError

    with pytest.raises(StopNowError):
        mirror_at(root, source(), remote_head(source()), progress=stop)
    assert remains(root) == []


def break_packs(mirror: Path) -> None:
    for pack in mirror.glob("objects/pack/*.pack"):
        pack.chmod(0o600)
        pack.write_bytes(pack.read_bytes()[:-25])


def break_indexes(mirror: Path) -> None:
    for index in mirror.glob("objects/pack/*.idx"):
        index.chmod(0o600)
        index.write_bytes(b"noise")


def empty(mirror: Path) -> None:
    shutil.rmtree(mirror.resolve())
    mirror.resolve().mkdir()


DAMAGES: dict[str, Callable[[Path], object]] = {
    "packs cut": break_packs,
    "objects gone": lambda mirror: shutil.rmtree(mirror / "objects"),
    "head gone": lambda mirror: (mirror / "HEAD").unlink(),
    "config is noise": lambda mirror: (mirror / "config").write_bytes(b"\xff[[["),
    "indexes are noise": break_indexes,
    "empty": empty,
    "directory gone": lambda mirror: shutil.rmtree(mirror.resolve()),
}


@pytest.fixture
def _never_trusted(monkeypatch: pytest.MonkeyPatch) -> None:
    """The files are looked at each time, as if more than a second had passed since the last time."""
    monkeypatch.setattr(mirror_module, "_TRUSTED_SECONDS", 0.0)


@pytest.mark.usefixtures("_never_trusted")
@pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES)
@pytest.mark.parametrize("moved", [True, False], ids=["new head", "same head"])
def test_a_damaged_mirror_heals_itself(
    source: Make, fabric: Path, root: Path, damage: Callable[[Path], object], moved: bool
) -> None:
    mirror_at(root, source(), remote_head(source())).close()
    damage(only_mirror(root))
    if moved:
        commit_files(fabric, {"fabric/other.yaml": b"new\n"}, "second")
    head = remote_head(source())
    assert content(mirror_at(root, source(), head), head) == b"kind: Switch\n"
    only_directory(root)


class TestOpeningAgain:
    """Two hundred fabrics of one repository open its mirror one after the other."""

    def test_at_the_same_commit_costs_no_second_look(self, source: Make, root: Path) -> None:
        head = remote_head(source())
        with mirror_at(root, source(), head) as first:
            pass
        with mirror_at(root, source(), head) as second:
            assert second is first
            assert content(second, head) == b"kind: Switch\n"

    def test_while_it_is_open_it_is_opened_for_itself(self, source: Make, root: Path) -> None:
        head = remote_head(source())
        with mirror_at(root, source(), head) as outer:
            with mirror_at(root, source(), head) as inner:
                assert inner is not outer
            assert is_used(only_mirror(root))
            assert content(outer, head) == b"kind: Switch\n"

    def test_between_two_uses_it_may_be_deleted(self, source: Make, root: Path) -> None:
        head = remote_head(source())
        mirror_at(root, source(), head).close()
        assert not is_used(only_mirror(root))
        discard_mirror(root, source())
        with mirror_at(root, source(), head) as anew:
            assert content(anew, head) == b"kind: Switch\n"

    def test_another_credential_does_not_get_it(self, source: Make, root: Path) -> None:
        head = remote_head(source())
        with mirror_at(root, source(), head) as first:
            pass
        with mirror_at(root, source(credential=UserPassword(username="a", password="b")), head) as other:
            assert other is not first
        assert len(list(root.glob("*.git"))) == 2

    def test_another_commit_is_another_look(self, source: Make, fabric: Path, root: Path) -> None:
        mirror_at(root, source(), remote_head(source())).close()
        head = commit_files(fabric, {"fabric/other.yaml": b"new\n"}, "second")
        with mirror_at(root, source(), head) as moved:
            assert head in moved


def test_what_a_killed_process_left_is_cleared_away(source: Make, root: Path) -> None:
    head = remote_head(source())
    mirror_at(root, source(), head).close()
    leftover = root / f"{only_mirror(root).stem}.killed"
    only_mirror(root).resolve().rename(leftover)
    mirror_at(root, source(), head)
    assert not leftover.exists()


def test_a_discarded_mirror_is_gone_and_comes_back(source: Make, root: Path) -> None:
    head = remote_head(source())
    mirror_at(root, source(), head).close()
    discard_mirror(root, source())
    assert remains(root) == []
    discard_mirror(root, source())
    assert head in mirror_at(root, source(), head)


def test_many_at_once_fetch_once(source: Make, server: GitServer, root: Path) -> None:
    head = remote_head(source())
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda _: head in mirror_at(root, source(), head), range(8)))
    assert all(found)
    assert server.fetches == 2  # one shallow fetch is two posts


HOLD = "import fcntl,sys,time; f=open(sys.argv[1]); fcntl.flock(f,2); print(flush=True); time.sleep(60)"


def test_a_lock_of_another_process_is_waited_for_up_to_the_limit(source: Make, root: Path) -> None:
    head = remote_head(source())
    mirror_at(root, source(), head).close()
    lock = only_mirror(root).with_suffix(".lock")
    discard_mirror(root, source())
    lock.touch()
    process = subprocess.Popen([sys.executable, "-c", HOLD, lock], stdout=subprocess.PIPE)
    try:
        assert process.stdout
        assert process.stdout.readline() == b"\n"
        with pytest.raises(RetryLater) as caught:
            mirror_at(root, source(limits=GitLimits(timeout_seconds=0.2)), head)
        assert caught.value.code == "git.mirror_busy"
    finally:
        process.kill()
        process.communicate()
    assert head in mirror_at(root, source(), head)  # the dead holder's lock is free


def test_the_one_who_waits_uses_what_the_other_fetched(source: Make, server: GitServer, root: Path) -> None:
    head = remote_head(source())
    mirror_at(root, source(), head)
    lock = only_mirror(root).with_suffix(".lock")
    mirror, aside = only_mirror(root), root / "aside"
    mirror.rename(aside)
    before = server.requests
    with ThreadPoolExecutor(1) as pool:
        with exclusive(lock, Deadline(10)):
            waiting = pool.submit(mirror_at, root, source(), head)
            threading.Event().wait(0.1)
            aside.rename(mirror)
        assert head in waiting.result(10)
    assert server.requests == before


def test_a_directory_that_cannot_be_written_is_our_fault(source: Make, root: Path) -> None:
    root.write_text("a file is in the way")
    with pytest.raises(InternalFault) as caught:
        mirror_at(root, source(), remote_head(source()))
    assert caught.value.code == "git.storage"


@pytest.mark.parametrize(
    "error",
    [
        OSError(28, "No space left on device"),
        OSError(122, "Disk quota exceeded"),
        pygit2.GitError("could not write to 'pack_git2_1': No space left on device"),
    ],
)
def test_a_full_disk_has_its_own_error(source: Make, error: Exception) -> None:
    told = translate(error, source().credential)
    assert isinstance(told, RetryLater)
    assert told.code == "git.disk_full"


def test_no_directory_name_shows_the_url(source: Make, root: Path) -> None:
    mirror_at(root, source(), remote_head(source()))
    assert not [path for path in root.rglob("*") if "fabric" in path.name or "127.0.0.1" in path.name]
