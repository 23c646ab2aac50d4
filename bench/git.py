"""The Git engine at several sizes, beside a fresh clone by dulwich and the git command.

Each contestant has a twin that goes first, untimed, so that the server knows its answers by heart: its own work, much
the same for all of them, would hide theirs.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import Final

from bench.git_contestants import Contestant, DulwichClone, GitCommand, Ours
from bench.server import Server, served
from tests.support.git_server import commit_files

MEMORY_DISK: Final = Path("/dev/shm")
_NAME: Final = "fabrics.git"


@dataclass(frozen=True)
class Plan:
    """How much to measure."""

    sizes: tuple[int, ...] = (200, 2_000)
    fabrics: tuple[int, ...] = (1, 200)
    runs: int = 9


QUICK: Final = Plan(sizes=(20,), fabrics=(1, 4), runs=1)


@dataclass
class Row:
    """One line of the table: medians in milliseconds; None where it was not measured."""

    look: str
    files: int
    fabrics: int
    files_read: int
    requests: int
    ours_ms: float
    one_fabric_ms: float | None
    """Ours for one of the fabrics alone."""
    dulwich_ms: float | None
    git_ms: float | None

    @property
    def times_one_fabric(self) -> float | None:
        """How many looks for one fabric fit into one for all of them."""
        return self.one_fabric_ms and self.ours_ms / self.one_fabric_ms

    @property
    def times_faster_than_dulwich(self) -> float | None:
        """How many of our looks fit into one of dulwich's."""
        return self.dulwich_ms and self.dulwich_ms / self.ours_ms

    @property
    def times_faster_than_git(self) -> float | None:
        """How many of our looks fit into one of the git command's."""
        return self.git_ms and self.git_ms / self.ours_ms


def timings(plan: Plan) -> list[Row]:
    """Measure every size with every number of fabrics, all contestants in turns, everything on a memory disk."""
    measured = []
    for files in plan.sizes:
        for fabrics in plan.fabrics:
            with tempfile.TemporaryDirectory(dir=MEMORY_DISK) as scratch:
                root = Path(scratch, "served")
                root.mkdir()
                with served(root) as server:
                    measured += _Course(plan, server, Path(scratch), files, fabrics).rows()
    return measured


class _Course:
    """One repository, and those who look at it."""

    def __init__(self, plan: Plan, server: Server, scratch: Path, files: int, fabrics: int) -> None:
        self._plan = plan
        self._server = server
        self._files = files
        self._repository = scratch / "served" / _NAME
        self._directories = [f"fabric-{number:03}" for number in range(fabrics)]
        self._revision = 0
        kinds: dict[str, type[Contestant]] = {"ours": Ours, "one": Ours}
        if fabrics == 1:  # for more, the others do the same once for each
            kinds = {"ours": Ours, "git": GitCommand, "dulwich": DulwichClone}
        url = server.base + _NAME
        self._contestants = {name: kind(url, _made(scratch / name)) for name, kind in kinds.items()}
        self._twins = {name: kind(url, _made(scratch / f"twin-{name}")) for name, kind in kinds.items()}

    def rows(self) -> list[Row]:
        """First time, unchanged, one file changed."""
        paths = [
            f"{self._directories[number % len(self._directories)]}/leaf-{number // 100:02}/server-{number:04}.yaml"
            for number in range(self._files)
        ]
        commit_files(self._repository, {path: _manifest(path, 0) for path in paths}, "all")
        return [
            self._row("first time", self._forget),
            self._row("unchanged", lambda: None),
            self._row("one file changed", lambda: self._change(paths)),
        ]

    def _row(self, look: str, prepare: Callable[[], None]) -> Row:
        seconds: dict[str, list[float]] = {name: [] for name in self._contestants}
        read = requests = 0
        for _ in range(self._plan.runs):
            prepare()
            for name, contestant in self._contestants.items():
                directories = self._directories[:1] if name == "one" else self._directories
                self._twins[name].look(directories)
                before = self._server.requests()
                start = perf_counter()
                count = contestant.look(directories)
                seconds[name].append(perf_counter() - start)
                if name == "ours":
                    read, requests = count, self._server.requests() - before
        medians = {name: median(each) * 1000 for name, each in seconds.items()}
        row = Row(
            look,
            self._files,
            len(self._directories),
            read,
            requests,
            medians["ours"],
            medians.get("one"),
            medians.get("dulwich"),
            medians.get("git"),
        )
        print(row, file=sys.stderr)
        return row

    def _forget(self) -> None:
        for contestant in (*self._contestants.values(), *self._twins.values()):
            contestant.forget()

    def _change(self, paths: Sequence[str]) -> None:
        self._revision += 1
        path = paths[self._revision % len(paths)]
        commit_files(self._repository, {path: _manifest(path, self._revision)}, "one")


def _made(directory: Path) -> Path:
    directory.mkdir()
    return directory


def _manifest(path: str, revision: int) -> bytes:
    """About as long as a fabric's manifests are, and different for each path."""
    name = Path(path).stem
    links = "\n".join(
        f"      - server: {{port: {name}/enp{port}s0}}\n        switch: {{port: {path[:10]}-leaf-{port:02}/E1/{port}}}"
        for port in range(1, 9)
    )
    return (
        "apiVersion: wiring.githedgehog.com/v1beta1\nkind: Connection\n"
        f"metadata:\n  name: {name}--eslag\n  annotations: {{revision: '{revision}'}}\n"
        f"spec:\n  eslag:\n    mtu: 9036\n    links:\n{links}\n"
    ).encode()
