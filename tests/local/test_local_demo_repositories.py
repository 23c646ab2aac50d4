"""The demo's repositories, as real bare Git repositories."""

import signal
import subprocess
import sys

import pygit2
import pytest

from netbox_hedgehog.local.demo import repositories
from netbox_hedgehog.local.demo.__main__ import change_once, run
from netbox_hedgehog.local.demo.fabrics import files
from netbox_hedgehog.local.demo.plans import CHANGING, PLANS


@pytest.fixture
def changing(tmp_path):
    repositories.ensure(tmp_path)
    return repositories.path_of(tmp_path, CHANGING)


def tip(path):
    return pygit2.Repository(str(path)).revparse_single("main")


def test_each_fabric_gets_a_bare_repository_with_its_files(tmp_path):
    assert repositories.ensure(tmp_path) == list(PLANS)
    for plan in PLANS:
        path = repositories.path_of(tmp_path, plan)
        assert pygit2.Repository(str(path)).is_bare
        assert repositories.read(path) == files(plan)


def test_the_first_commit_is_the_same_everywhere(tmp_path):
    repositories.ensure(tmp_path / "here")
    repositories.ensure(tmp_path / "there")
    for plan in PLANS:
        here, there = (repositories.path_of(tmp_path / place, plan) for place in ("here", "there"))
        assert tip(here).id == tip(there).id


def test_a_repository_that_exists_is_kept(tmp_path, changing):
    change_once(changing)
    before = tip(changing).id
    assert repositories.ensure(tmp_path) == []
    assert tip(changing).id == before


def test_an_interrupted_start_leaves_no_half_repository(tmp_path):
    (tmp_path / f"{CHANGING.name}.draft").mkdir()
    repositories.ensure(tmp_path)
    assert repositories.read(repositories.path_of(tmp_path, CHANGING)) == files(CHANGING)


def test_each_change_is_one_commit_on_the_branch(changing):
    lines = [change_once(changing) for _ in range(4)]
    assert repositories.history(changing) == 5
    assert len({tip(changing).tree_id, tip(changing).parents[0].tree_id}) == 2
    assert str(tip(changing).id).startswith(lines[-1].split()[1].rstrip(":"))


def test_a_change_keeps_the_modes_of_other_files(changing):
    repository = pygit2.Repository(str(changing))
    index = pygit2.Index()
    index.read_tree(tip(changing).tree)
    index.add(pygit2.IndexEntry("run.sh", repository.create_blob(b"#!"), pygit2.enums.FileMode.BLOB_EXECUTABLE))
    author = pygit2.Signature("Somebody", "somebody@example.com")
    tree = index.write_tree(repository)
    repository.create_commit("refs/heads/main", author, author, "Mine", tree, [tip(changing).id])

    change_once(changing)

    assert tip(changing).tree["run.sh"].filemode == pygit2.enums.FileMode.BLOB_EXECUTABLE


def test_compacting_keeps_every_commit_and_removes_the_loose_objects(changing):
    for _ in range(5):
        change_once(changing)
    repositories.compact(changing)
    change_once(changing)
    repositories.compact(changing)
    repositories.compact(changing)

    assert repositories.history(changing) == 7
    assert repositories.read(changing).keys() >= files(CHANGING).keys()
    assert list(changing.glob("objects/[0-9a-f][0-9a-f]/*")) == []
    assert len(list(changing.glob("objects/pack/*.pack"))) == 1


def test_a_change_that_cannot_be_made_is_said_and_the_next_one_tried(tmp_path, changing, capsys):
    stop = StopAfter(2)
    (changing / "refs/heads/main.lock").touch()
    stop.between = (changing / "refs/heads/main.lock").unlink
    run(tmp_path, 0, stop)
    first, second = capsys.readouterr().out.splitlines()
    assert "was not changed this time" in first
    assert "Add VPC trial-red" in second


def test_it_stops_at_once_when_told_to(tmp_path, changing):
    process = subprocess.Popen(
        [sys.executable, "-m", "netbox_hedgehog.local.demo", str(tmp_path), "--interval", "0.01"],
        stdout=subprocess.PIPE,
        text=True,
    )
    with process:
        assert process.stdout.readline().startswith(f"{CHANGING.name} ")
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=10) == 0


class StopAfter:
    """A wish to stop that comes after so many waits; calls ``between`` before each but the first."""

    def __init__(self, rounds):
        self.rounds = rounds
        self.between = lambda: None
        self.waits = 0

    def wait(self, seconds=None):
        self.waits += 1
        if 1 < self.waits <= self.rounds:
            self.between()
        return self.waits > self.rounds
