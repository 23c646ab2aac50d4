"""What mirrors leave on the disk: nothing of killed processes, never more than is allowed, nothing that is in use."""

from __future__ import annotations

import fcntl
import os
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import pygit2
import pytest

from netbox_hedgehog.errors import NeedsOperator, RetryLater
from netbox_hedgehog.git import GitLimits, GitSource, Mirror, UserPassword, discard_mirror, mirror_at, remote_head
from netbox_hedgehog.git import mirror as mirror_module
from netbox_hedgehog.git import tidy as module
from netbox_hedgehog.git.limits import Deadline
from netbox_hedgehog.git.locks import exclusive
from netbox_hedgehog.git.storage import link_of, lock_of
from netbox_hedgehog.git.tidy import tidy_up
from tests.git.conftest import remains
from tests.support.git_server import GitServer, commit_files

type Make = Callable[..., GitSource]

MIB = 1024**2
LONG_AGO = 1_000_000_000
USUAL = GitLimits()
NOTHING = GitLimits(max_mirrors_bytes=0)
SWITCH = "fabric/switch.yaml"


def fetched(root: Path, source: GitSource) -> Mirror:
    return mirror_at(root, source, remote_head(source))


def read(mirror: Mirror, path: str = SWITCH) -> bytes:
    commits = [each for each in map(mirror.__getitem__, mirror) if isinstance(each, pygit2.Commit)]
    blob = commits[0].tree[path]
    assert isinstance(blob, pygit2.Blob)
    return blob.data


def tidy_now(root: Path, limits: GitLimits = USUAL) -> None:
    """As if the last time were long ago."""
    (root / "tidy.lock").unlink(missing_ok=True)
    tidy_up(root, limits)


def noise(seed: int, size: int) -> bytes:
    return random.Random(seed).randbytes(size)


class TestOneMirror:
    def test_of_each_credential_for_a_commit_that_is_known_is_no_key_to_it(
        self, source: Make, served: Path, root: Path
    ) -> None:
        with GitServer(served, "robot", "right") as guarded:
            right = source(url=guarded.url("fabric.git"), credential=UserPassword("robot", "right"))
            head = remote_head(right)
            mirror_at(root, right, head).close()
            for stranger in (source(url=right.url), source(url=right.url, credential=UserPassword("robot", "guess"))):
                with pytest.raises(NeedsOperator) as caught:
                    mirror_at(root, stranger, head)
                assert caught.value.code == "git.auth_failed"

    def test_with_many_packs_is_built_anew(
        self, source: Make, fabric: Path, root: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(mirror_module, "_MAX_PACKS", 3)
        most = 0
        for number in range(8):
            commit_files(fabric, {SWITCH: noise(number, 100)}, "next")
            with fetched(root, source()) as mirror:
                packs = len(list(Path(mirror.path).glob("objects/pack/*.pack")))
            most = max(most, packs)
        assert (most, packs) == (4, 4)
        assert len(remains(root)) == 2

    def test_with_much_that_nothing_leads_to_any_more_is_built_anew(
        self, source: Make, fabric: Path, root: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(mirror_module, "_WORN_BYTES", MIB)
        for number in range(6):
            commit_files(fabric, {SWITCH: noise(number, MIB // 2)}, "next")
            fetched(root, source()).close()
        size = sum(path.stat().st_size for path in root.rglob("*.pack"))
        assert size < 2.5 * MIB

    def test_that_is_built_anew_leaves_readers_what_they_read(
        self, source: Make, fabric: Path, root: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(mirror_module, "_MAX_PACKS", 0)
        with fetched(root, source()) as reader:
            head = commit_files(fabric, {SWITCH: b"second"}, "next")
            mirror_at(root, source(), head).close()
            assert read(reader) == b"kind: Switch\n"
        tidy_now(root)
        assert len(remains(root)) == 2

    def test_that_is_discarded_is_gone_when_its_reader_is_done(self, source: Make, root: Path) -> None:
        with fetched(root, source()) as reader:
            discard_mirror(root, source())
            assert len(remains(root)) == 1
            assert read(reader) == b"kind: Switch\n"
        tidy_now(root)
        assert remains(root) == []
        assert not lock_of(link_of(root, source())).exists()

    def test_can_be_discarded_without_waiting_for_a_fetch(self, source: Make, root: Path) -> None:
        fetched(root, source()).close()
        with exclusive(lock_of(link_of(root, source())), Deadline(1)), pytest.raises(RetryLater) as caught:
            discard_mirror(root, source(), patience_seconds=0)
        assert caught.value.code == "git.mirror_busy"

    def test_who_opened_a_lock_whose_file_was_deleted_meanwhile_takes_the_new_one(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        path = tmp_path / "one.lock"
        lock = fcntl.flock

        def deleted_by_its_holder_just_before(descriptor: int, how: int) -> None:
            monkeypatch.undo()
            path.unlink()
            lock(descriptor, how)

        monkeypatch.setattr(fcntl, "flock", deleted_by_its_holder_just_before)
        with exclusive(path, Deadline(5)), pytest.raises(RetryLater), exclusive(path, Deadline(0)):
            pytest.fail("two hold the same name")


class TestTheBound:
    @pytest.fixture
    def three(self, source: Make, served: Path, server: GitServer, root: Path) -> list[GitSource]:
        """Sources whose mirrors take 1 MiB each; used in this order."""
        made = []
        for number in range(3):
            commit_files(served / f"{number}.git", {SWITCH: noise(number, MIB)}, "big")
            made.append(source(url=server.url(f"{number}.git")))
            fetched(root, made[-1]).close()
            used = time.time() - 7200 + number
            os.utime(link_of(root, made[-1]), (used, used))
        return made

    def kept(self, root: Path, sources: list[GitSource]) -> list[bool]:
        return [link_of(root, source).exists() for source in sources]

    def test_is_kept_by_deleting_what_was_not_used_for_longest(self, root: Path, three: list[GitSource]) -> None:
        fetched(root, three[0]).close()
        tidy_now(root, GitLimits(max_mirrors_bytes=int(2.5 * MIB)))
        assert self.kept(root, three) == [True, False, True]
        tidy_now(root, NOTHING)
        assert remains(root) == []

    def test_of_age_deletes_what_nobody_used_for_longer(self, root: Path, three: list[GitSource]) -> None:
        fetched(root, three[1]).close()
        tidy_now(root, GitLimits(max_unused_seconds=3600))
        assert self.kept(root, three) == [False, True, False]

    def test_is_kept_by_every_fetch(self, root: Path, three: list[GitSource], source: Make) -> None:
        (root / "tidy.lock").unlink()
        fetched(root, source(limits=NOTHING)).close()
        assert self.kept(root, [*three, source()]) == [False, False, False, True]

    def test_is_not_looked_after_at_every_fetch(self, root: Path, three: list[GitSource]) -> None:
        tidy_up(root, NOTHING)
        assert self.kept(root, three) == [True] * 3

    def test_deletes_no_mirror_that_is_read_or_fetched(self, root: Path, three: list[GitSource]) -> None:
        with fetched(root, three[0]) as reader, exclusive(lock_of(link_of(root, three[1])), Deadline(1)):
            tidy_now(root, NOTHING)
            assert self.kept(root, three) == [True, True, False]
            assert read(reader) == noise(0, MIB)

    def test_leaves_alone_what_another_process_reads(self, root: Path, three: list[GitSource]) -> None:
        code = (
            "import sys; from pathlib import Path; from netbox_hedgehog.git.storage import hold; "
            "print(hold(Path(sys.argv[1])), flush=True); sys.stdin.read()"
        )
        directory = str(link_of(root, three[0]).resolve())
        reader = subprocess.Popen([sys.executable, "-c", code, directory], stdin=-1, stdout=-1, text=True)
        assert reader.stdout
        assert reader.stdout.readline().strip().isdigit()
        tidy_now(root, NOTHING)
        assert self.kept(root, three) == [True, False, False]
        reader.kill()  # whoever dies lets go
        reader.communicate()
        tidy_now(root, NOTHING)
        assert self.kept(root, three) == [False] * 3

    def test_what_made_room_is_fetched_again_when_it_is_wanted(self, root: Path, three: list[GitSource]) -> None:
        tidy_now(root, NOTHING)
        with fetched(root, three[0]) as mirror:
            assert read(mirror) == noise(0, MIB)


class TestTheFloor:
    def test_without_room_on_the_disk_nothing_is_fetched(self, source: Make, server: GitServer, root: Path) -> None:
        head = remote_head(source())
        before = server.requests
        with pytest.raises(RetryLater) as caught:
            mirror_at(root, source(limits=GitLimits(min_free_bytes=2**60)), head)
        assert caught.value.code == "git.disk_full"
        assert (remains(root), server.requests) == ([], before)

    def test_mirrors_make_room_first(
        self, source: Make, served: Path, server: GitServer, root: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        commit_files(served / "old.git", {SWITCH: b"old"}, "old")
        old = source(url=server.url("old.git"))
        fetched(root, old).close()
        free = {True: 0, False: MIB}
        monkeypatch.setattr(module, "free_bytes", lambda _: free[link_of(root, old).exists()])
        monkeypatch.setattr(mirror_module, "free_bytes", lambda _: MIB)
        fetched(root, source(limits=GitLimits(min_free_bytes=MIB))).close()
        assert not link_of(root, old).exists()

    @pytest.mark.parametrize("update", [False, True])
    def test_a_fetch_that_reaches_it_is_stopped_and_leaves_nothing(
        self, source: Make, fabric: Path, root: Path, monkeypatch: pytest.MonkeyPatch, update: bool
    ) -> None:
        if update:
            fetched(root, source()).close()
        before = remains(root) if update else []
        head = commit_files(fabric, {f"fabric/{number}.yaml": noise(number, MIB) for number in range(4)}, "big")
        received: list[int] = []
        monkeypatch.setattr(mirror_module, "_LOOK_EVERY_SECONDS", 0)
        monkeypatch.setattr(mirror_module, "free_bytes", lambda _: 0 if len(received) > 2 else 2**50)
        with pytest.raises(RetryLater) as caught:
            mirror_at(root, source(), head, progress=lambda _, done, __: received.append(done))
        assert caught.value.code == "git.disk_full"
        assert remains(root) == before
        assert not list(root.rglob("pack_*"))
        monkeypatch.undo()
        assert head in mirror_at(root, source(), head)


class TestWhatKilledProcessesLeave:
    def test_is_cleared_away(self, source: Make, root: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
        monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "tmp"))
        (tmp_path / "tmp").mkdir()
        fetched(root, source()).close()
        (root / "heads").mkdir()
        (root / "0123.killed").mkdir()
        (root / f"{link_of(root, source()).stem}.killed").mkdir()
        listing = tmp_path / "tmp" / "hedgehog-ls-remote-killed"
        listing.mkdir()
        strangers = [tmp_path / "tmp" / "other", tmp_path / "tmp" / "hedgehog-ls-remote-running"]
        for stranger in strangers:
            stranger.mkdir()
        files = [root / "names.key.x.unfinished", root / "heads" / "a.json.x.unfinished", root / "heads" / "a.json"]
        for path in [*files, root / "heads" / "a.lock"]:
            path.touch()
        for path in [listing, strangers[0], *files]:
            os.utime(path, (LONG_AGO, LONG_AGO))
        tidy_now(root)
        assert len(remains(root)) == 2 + 1
        assert not any(path.exists() for path in [listing, *files, root / "heads" / "a.lock"])
        assert all(path.exists() for path in strangers)

    def test_of_an_update_is_cleared_away_by_the_next(self, source: Make, fabric: Path, root: Path) -> None:
        with fetched(root, source()) as mirror:
            unfinished = Path(mirror.path, "objects", "pack", "pack_git2_killed")
        unfinished.touch()
        commit_files(fabric, {SWITCH: b"second"}, "next")
        fetched(root, source()).close()
        assert not unfinished.exists()

    def test_is_left_alone_while_it_is_built(self, source: Make, root: Path) -> None:
        fetched(root, source()).close()
        link = link_of(root, source())
        building = root / f"{link.stem}.building"
        with exclusive(lock_of(link), Deadline(1)):
            building.mkdir()
            tidy_now(root)
            assert building.exists()

    def test_never_fails_a_fetch(self, source: Make, root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        def full(*_: object) -> None:
            raise OSError(28, "No space left on device")

        monkeypatch.setattr(module, "_keep_within", full)
        fetched(root, source()).close()
