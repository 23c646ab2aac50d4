"""One whole sync of a large fabric, first and later ones, beside NetBox's way, the floor and PyYAML."""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import Final

import yaml

from bench import repository, sync_memory
from bench.repository import DOCUMENTS_PER_FILE
from bench.sync_contestants import Floor, NetBoxWay, Ours
from netbox_hedgehog.manifests import ManifestLimits, read_manifests


@dataclass(frozen=True)
class Plan:
    """How much to measure."""

    files: int = 2000
    runs: int = 7
    runs_all: int = 3
    sizes: tuple[int, ...] = (20, 200, 2_000, 6_000)
    """Numbers of files, for how the first sync grows."""
    few: int = 20
    """Numbers of files that hold as many resources, for how it grows by them alone."""


QUICK: Final = Plan(files=60, runs=1, runs_all=1, sizes=(20, 60))


@dataclass
class Row:
    """One line of the table: medians in milliseconds."""

    sync: str
    files: int
    documents: int
    ours_ms: float
    netbox_ms: float
    floor_ms: float

    @property
    def times_faster_than_netbox(self) -> float:
        """How many of our syncs fit into one of NetBox's way."""
        return self.netbox_ms / self.ours_ms

    @property
    def times_the_floor(self) -> float:
        """How many floors fit into one of our syncs."""
        return self.ours_ms / self.floor_ms


@dataclass
class Parsing:
    """Reading all files to resources, in milliseconds; PyYAML's loaders give plain documents and check nothing."""

    documents: int
    ours_ms: float
    pyyaml_c_ms: float
    pyyaml_ms: float


def timings(plan: Plan) -> list[Row]:
    """Measure each kind of sync, all contestants in turns on one server."""
    with tempfile.TemporaryDirectory() as scratch, repository.served(Path(scratch)) as url:
        return _Course(plan, repository.files(plan.files), DOCUMENTS_PER_FILE, Path(scratch), url).rows()


def growth_by_files(plan: Plan) -> list[Row]:
    """Measure the first sync of more and more files."""
    return [_first_sync(plan, repository.files(count), DOCUMENTS_PER_FILE) for count in plan.sizes]


def growth_by_resources(plan: Plan) -> list[Row]:
    """Measure the first sync of more and more resources in equally many files."""
    return [
        _first_sync(plan, repository.in_few_files(count, plan.few), count * DOCUMENTS_PER_FILE // plan.few)
        for count in plan.sizes
    ]


def parsing(plan: Plan) -> Parsing:
    """Measure the parser alone; PyYAML's pure loader once, it takes long."""
    files = repository.files(plan.files)
    limits = ManifestLimits()
    ours = [_seconds(lambda: read_manifests(files.items(), limits=limits)) for _ in range(plan.runs_all)]
    fast = [_seconds(lambda: _load_all(files, yaml.CSafeLoader)) for _ in range(plan.runs_all)]
    slow = _seconds(lambda: _load_all(files, yaml.SafeLoader))
    return Parsing(plan.files * DOCUMENTS_PER_FILE, median(ours) * 1000, median(fast) * 1000, slow * 1000)


def memory(plan: Plan) -> float:
    """Peak of the first sync above the idle process, in MiB."""
    with tempfile.TemporaryDirectory() as scratch, repository.served(Path(scratch)) as url:
        repository.commit(Path(scratch), repository.files(plan.files))
        return sync_memory.measure(url)


def _first_sync(plan: Plan, files: dict[str, bytes], documents_each: int) -> Row:
    with tempfile.TemporaryDirectory() as scratch, repository.served(Path(scratch)) as url:
        return _Course(replace(plan, runs=plan.runs_all), files, documents_each, Path(scratch), url).first()


class _Course:
    """The four kinds of sync, one after the other, on one growing history."""

    def __init__(self, plan: Plan, files: dict[str, bytes], documents_each: int, root: Path, url: str) -> None:
        self._plan = plan
        self._files = files
        self._documents_each = documents_each
        self._root = root
        self._revision = 0
        self._ours = Ours(url, Path(os.environ["HEDGEHOG_DATA_DIR"]) / "mirrors")
        self._netbox = NetBoxWay(url)
        self._floor = Floor(url, root / "floor")

    def first(self) -> Row:
        repository.commit(self._root, self._files)
        return self._row("first", self._plan.runs, self._forget, self._floor.first, len(self._files))

    def rows(self) -> list[Row]:
        floor, plan = self._floor, self._plan
        return [
            self.first(),
            self._row("unchanged", plan.runs, lambda: None, floor.unchanged, 0),
            self._row("one file changed", plan.runs, self._change_one, floor.changed, 1),
            # Unlike the one before, this is one that the checks between resources have to look at.
            self._row("one VPC changed", plan.runs, self._change_vpc, floor.changed, 1),
            self._row("all changed", plan.runs_all, self._change_all, floor.changed, len(self._files)),
        ]

    def _row(self, sync: str, runs: int, prepare: Callable[[], None], floor: Callable[[], int], files: int) -> Row:
        documents = files * self._documents_each
        taken: dict[str, list[float]] = {"ours": [], "netbox": [], "floor": []}
        for _ in range(runs):
            prepare()
            taken["ours"].append(_timed(self._ours.run, documents))
            taken["netbox"].append(_timed(self._netbox.run, files))
            taken["floor"].append(_timed(floor, documents))
        medians = {name: median(times) * 1000 for name, times in taken.items()}
        row = Row(
            sync,
            len(self._files),
            len(self._files) * self._documents_each,
            medians["ours"],
            medians["netbox"],
            medians["floor"],
        )
        print(f"{row}", file=sys.stderr, flush=True)
        return row

    def _forget(self) -> None:
        for contestant in (self._ours, self._netbox, self._floor):
            contestant.forget()

    def _change_one(self) -> None:
        self._revision += 1
        repository.commit(self._root, {repository.server_path(7): repository.server_file(7, self._revision)})

    def _change_vpc(self) -> None:
        self._revision += 1
        repository.commit(self._root, {repository.leaf_path(1): repository.leaf_file(1, self._revision)})

    def _change_all(self) -> None:
        self._revision += 1
        repository.commit(self._root, repository.files(self._plan.files, self._revision))


def _load_all(files: dict[str, bytes], loader: type) -> None:
    for data in files.values():
        list(yaml.load_all(data, Loader=loader))


def _seconds(run: Callable[[], object]) -> float:
    start = perf_counter()
    run()
    return perf_counter() - start


def _timed(run: Callable[[], int], expected: int) -> float:
    start = perf_counter()
    done = run()
    seconds = perf_counter() - start
    if done != expected:
        raise RuntimeError(f"{done} were written where {expected} had changed")
    return seconds
