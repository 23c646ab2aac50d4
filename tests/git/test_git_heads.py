from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pygit2
import pytest

from netbox_hedgehog.errors import InternalFault, NeedsOperator, RetryLater
from netbox_hedgehog.git import GitLimits, GitSource, SshKey, UserPassword, head_of, mirror_at, remote_head
from netbox_hedgehog.git import heads as module
from netbox_hedgehog.git.names import KEY_FILE, head_name, mirror_name
from tests.support.git_server import GitServer, commit_files, hang, tcp_server

type Make = Callable[..., GitSource]

FABRICS = 200
SECOND = timedelta(seconds=1)


def moment() -> datetime:
    return datetime.now(UTC)


def answer_file(root: Path) -> Path:
    (path,) = (root / "heads").glob("*.json")
    return path


def become_another_process() -> None:
    """A process also remembers the latest answer by itself."""
    module._latest = None


def change_answer(root: Path, **fields: object) -> None:
    path = answer_file(root)
    path.write_text(json.dumps(json.loads(path.read_text()) | fields))
    become_another_process()


class TestManyFabricsOfOneRepository:
    def test_ask_once_from_threads(self, source: Make, server: GitServer, root: Path) -> None:
        tick = moment()
        with ThreadPoolExecutor(16) as pool:
            heads = set(pool.map(lambda _: head_of(root, source(), tick), range(FABRICS)))
        assert heads == {remote_head(source())}
        assert server.requests == 1 + 1  # and this test's own

    def test_ask_once_from_processes(self, source: Make, server: GitServer, root: Path) -> None:
        code = """if True:
            import sys
            from datetime import datetime
            from pathlib import Path
            from netbox_hedgehog.git import GitSource, UrlPolicy, head_of
            policy = UrlPolicy(allow_private=True, schemes=frozenset({"http"}))
            source = GitSource(url=sys.argv[1], ref="main", policy=policy)
            sys.stdin.readline()
            for _ in range(int(sys.argv[4])):
                print(head_of(Path(sys.argv[2]), source, datetime.fromisoformat(sys.argv[3])))
        """
        workers = 4
        arguments = [source().url, str(root), moment().isoformat(), str(FABRICS // workers)]
        processes = [
            subprocess.Popen([sys.executable, "-c", code, *arguments], stdin=-1, stdout=-1, text=True)
            for _ in range(workers)
        ]
        for process in processes:  # none begins before all have been started
            assert process.stdin
            process.stdin.write("\n")
            process.stdin.flush()
        heads = [line for process in processes for line in process.communicate()[0].split()]
        assert len(heads) == FABRICS
        assert len(set(heads)) == 1
        assert server.requests == 1

    def test_with_a_wrong_password_try_it_once_per_tick(self, source: Make, served: Path, root: Path) -> None:
        with GitServer(served, "robot", "right") as guarded:
            wrong = source(url=guarded.url("fabric.git"), credential=UserPassword("robot", "wr0ng-p4ss"))
            tick = moment()
            told = set()
            for _ in range(FABRICS):
                with pytest.raises(NeedsOperator) as caught:
                    head_of(root, wrong, tick)
                told.add((caught.value.code, caught.value.message, caught.value.remedy))
            requests = guarded.requests
            with pytest.raises(NeedsOperator):
                head_of(root, wrong, moment())
            assert guarded.requests == 2 * requests
        assert [code for code, _, _ in told] == ["git.auth_failed"]
        assert requests <= 3  # the server's question, and the answer that it refuses

    def test_hear_from_the_first_that_the_server_hangs(self, source: Make, root: Path) -> None:
        tick = moment()

        def ask(_: int) -> str:
            with pytest.raises(RetryLater) as caught:
                head_of(root, source(url=url, limits=GitLimits(timeout_seconds=0.5)), tick)
            return caught.value.code

        with tcp_server(hang) as url, ThreadPoolExecutor(4) as pool:
            assert set(pool.map(ask, range(4))) == {"git.timeout"}


class TestAnAnswer:
    def test_is_asked_for_anew_at_the_next_tick(self, source: Make, fabric: Path, root: Path) -> None:
        head_of(root, source(), moment())
        second = commit_files(fabric, {"other": b"2"}, "second")
        assert head_of(root, source(), moment()) == second

    def test_to_a_question_of_before_is_not_used(self, source: Make, server: GitServer, root: Path) -> None:
        head_of(root, source(), moment())
        head_of(root, source(), moment())
        assert server.requests == 2

    def test_to_a_question_of_after_is_used(self, source: Make, server: GitServer, root: Path) -> None:
        earlier = moment()
        head_of(root, source(), moment())
        head_of(root, source(), earlier)
        assert server.requests == 1

    def test_serves_a_tick_of_a_machine_whose_clock_is_ahead(self, source: Make, server: GitServer, root: Path) -> None:
        tick = moment() + timedelta(hours=1)
        for _ in range(3):
            head_of(root, source(), tick)
        assert server.requests == 1
        head_of(root, source(), moment())
        head_of(root, source(), tick + SECOND)
        assert server.requests == 3

    def test_from_before_the_clock_was_set_back_is_not_believed(
        self, source: Make, server: GitServer, root: Path
    ) -> None:
        tick = moment()
        head_of(root, source(), tick)
        change_answer(root, asked_at=(moment() + timedelta(days=1)).isoformat())
        head_of(root, source(), tick)
        assert server.requests == 2

    def test_is_remembered_by_the_process_that_heard_it(self, source: Make, server: GitServer, root: Path) -> None:
        tick = moment()
        head = head_of(root, source(), tick)
        answer_file(root).unlink()
        assert head_of(root, source(), tick) == head
        assert server.requests == 1

    def test_that_is_remembered_is_for_no_later_question_and_no_other_place(
        self, source: Make, fabric: Path, root: Path, tmp_path: Path
    ) -> None:
        tick = moment()
        first = head_of(root, source(), tick)
        second = commit_files(fabric, {"other": b"2"}, "second")
        assert head_of(tmp_path / "elsewhere", source(), tick) == second
        assert head_of(root, source(), tick) == first
        assert head_of(root, source(), moment()) == second

    def test_is_kept_as_long_as_one_question_only(self, source: Make, root: Path) -> None:
        for _ in range(3):
            head_of(root, source(), moment())
        answer_file(root)

    @pytest.mark.parametrize("noise", [b"", b"[]", b"{}", b"\xff", b'{"asked_at": 1}'])
    def test_that_is_damaged_is_asked_for_anew(self, source: Make, server: GitServer, root: Path, noise: bytes) -> None:
        tick = moment()
        head = head_of(root, source(), tick)
        answer_file(root).write_bytes(noise)
        become_another_process()
        assert head_of(root, source(), tick) == head
        assert server.requests == 2

    def test_that_cannot_be_stored_is_an_answer_all_the_same(
        self, source: Make, root: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def full(*_: object) -> None:
            raise OSError(28, "No space left on device")

        monkeypatch.setattr(module, "write_whole", full)
        assert head_of(root, source(), moment()) == remote_head(source())

    def test_needs_a_place(self, source: Make, root: Path) -> None:
        root.write_text("a file is in the way")
        with pytest.raises(InternalFault) as caught:
            head_of(root, source(), moment())
        assert caught.value.code == "git.storage"


class TestWhatIsAskedFor:
    def test_branches_and_tags_have_each_their_own_answer(
        self, source: Make, server: GitServer, fabric: Path, root: Path
    ) -> None:
        repository = pygit2.Repository(str(fabric))
        first = repository.references["refs/heads/main"].target
        who = pygit2.Signature("Test", "test@example.com", 1_700_000_000, 0)
        repository.create_tag("v1", first, pygit2.enums.ObjectType.COMMIT, who, "release")
        second = commit_files(fabric, {"other": b"2"}, "second")
        tick = moment()
        for _ in range(2):
            assert head_of(root, source(), tick) == second
            assert head_of(root, source(ref="v1"), tick) == str(first)
        assert server.requests == 2

    def test_a_full_commit_id_in_the_mirror_needs_no_connection(
        self, source: Make, server: GitServer, root: Path
    ) -> None:
        head = remote_head(source())
        mirror_at(root, source(), head)
        before = server.requests
        by_id = source(ref=head.upper())
        assert head in mirror_at(root, by_id, head_of(root, by_id, moment()))
        assert server.requests == before

    def test_another_credential_is_another_question(self, source: Make, server: GitServer, root: Path) -> None:
        tick = moment()
        head_of(root, source(), tick)
        head_of(root, source(credential=UserPassword("robot", "right")), tick)
        assert server.requests == 2

    def test_a_url_that_is_no_longer_allowed_is_refused_though_the_answer_is_there(
        self, source: Make, root: Path
    ) -> None:
        tick = moment()
        head_of(root, source(), tick)
        strict = replace(source().policy, schemes=frozenset({"https"}))
        with pytest.raises(NeedsOperator) as caught:
            head_of(root, source(policy=strict), tick)
        assert caught.value.code == "git.url_refused"


class TestNames:
    KEY = SshKey(username="git", private_key="K", passphrase="P")

    def test_differ_with_everything_that_decides_who_answers_and_what(self, source: Make, root: Path) -> None:
        sources = [
            source(),
            source(url="https://git.example.com/other.git"),
            source(credential=UserPassword("robot", "one")),
            source(credential=UserPassword("robot", "two")),
            source(credential=self.KEY),
            source(credential=replace(self.KEY, passphrase="Q")),
            source(credential=self.KEY, known_hosts="I"),
            source(authorities="PEM"),
        ]
        assert len({mirror_name(root, each) for each in sources}) == len(sources)
        assert len({head_name(root, each) for each in [*sources, source(ref="lab")]}) == len(sources) + 1

    def test_of_one_mirror_are_the_same_for_every_ref_and_limit(self, source: Make, root: Path) -> None:
        assert mirror_name(root, source()) == mirror_name(root, source(ref="lab", limits=GitLimits(max_files=1)))

    def test_cannot_be_guessed_without_the_key_which_nobody_else_can_read(
        self, source: Make, root: Path, tmp_path: Path
    ) -> None:
        assert head_name(root, source()) != head_name(tmp_path / "elsewhere", source())
        assert (root / KEY_FILE).stat().st_mode & 0o777 == 0o600
        assert root.stat().st_mode & 0o777 == 0o700

    def test_are_the_same_for_all_who_come_at_once(self, source: Make, root: Path) -> None:
        with ThreadPoolExecutor(8) as pool:
            assert len(set(pool.map(lambda _: head_name(root, source()), range(8)))) == 1

    def test_change_with_a_damaged_key(self, source: Make, root: Path) -> None:
        before = head_name(root, source())
        (root / KEY_FILE).write_bytes(b"half")
        assert head_name(root, source()) not in {before, ""}
        assert head_name(root, source()) == head_name(root, source())

    def test_and_answers_show_nothing_of_url_and_credential(self, source: Make, root: Path) -> None:
        secret = source(credential=UserPassword("robot", "hunter2-hunter2"))
        head_of(root, secret, moment())
        for path in root.rglob("*"):
            written = path.name + (path.read_bytes().decode("latin-1") if path.is_file() else "")
            assert not any(text in written for text in ("hunter2", "robot", "127.0.0.1", "fabric"))
