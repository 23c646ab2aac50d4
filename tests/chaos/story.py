"""Faults at random, then calm, again and again; what was promised must be true throughout."""

from __future__ import annotations

import json
import random
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Final

from tests.chaos.canaries import Secrets
from tests.chaos.checker import Checker
from tests.chaos.clock import MachineClock
from tests.chaos.disks import small_disk
from tests.chaos.faults import FAULTS, Heal
from tests.chaos.forge import USERNAME, Forge
from tests.chaos.world import (
    BACKOFF_SECONDS,
    INTERVAL_SECONDS,
    LEASE_SECONDS,
    SKEW_SECONDS,
    TICK_BUDGET_SECONDS,
    TICK_SECONDS,
    World,
)

FAULTS_BETWEEN_CALMS: Final = 25
_LONGEST_FAULT_SECONDS: Final = 12.0
_SECONDS_BETWEEN_FAULTS: Final = (0.2, 1.4)
_SECONDS_BETWEEN_COMMITS: Final = 0.2

_PUBLISH_MARGIN_SECONDS: Final = 10  # as in scheduling.claims
DEAD_SECONDS: Final = max(LEASE_SECONDS, TICK_BUDGET_SECONDS + _PUBLISH_MARGIN_SECONDS)
"""For how long the work of a killed worker is left to it: a sync's lease, or a tick's."""

PROMISED_SECONDS: Final = INTERVAL_SECONDS + BACKOFF_SECONDS + 2 * TICK_SECONDS + DEAD_SECONDS + SKEW_SECONDS
"""Within which a fabric is fresh once a fault is over."""


@dataclass
class Report:
    """What happened."""

    seed: int
    broker: str
    fabrics: int
    faults: Counter[str] = field(default_factory=Counter)
    recoveries_seconds: list[float] = field(default_factory=list)
    seconds: float = 0
    stalled_seconds: float = 0
    commits: int = 0
    states: int = 0
    counts: dict[str, int] = field(default_factory=dict)
    broken: list[str] = field(default_factory=list)

    def as_text(self) -> str:
        """For a person."""
        fresh = self.recoveries_seconds or [float("nan")]
        return "\n".join(
            (
                f"seed {self.seed}, {self.broker}, {self.fabrics} fabrics",
                f"{self.faults.total()} faults, {self.commits} commits, {self.states} states witnessed",
                *(f"  {count:5} {name}" for name, count in self.faults.most_common()),
                f"fresh again after {median(fresh):.1f} s, at most {max(fresh):.1f} s (promised: {PROMISED_SECONDS} s)",
                f"took {self.seconds:.0f} s, of which the machine stalled for {self.stalled_seconds:.0f} s",
                json.dumps(self.counts, sort_keys=True),
                *(self.broken or ["nothing that was promised was broken"]),
            )
        )


def play(
    scratch: Path, *, faults: int, seed: int, broker: str = "valkey", fabrics: int = 200, repositories: int = 24
) -> Report:
    """Let ``faults`` happen to a whole system below ``scratch``, whose broker is valkey or rabbitmq."""
    report = Report(seed, broker, fabrics)
    secrets = Secrets()
    forge = Forge(scratch / "git", secrets.git_password, servers=4, repositories=repositories, fabrics=fabrics)
    with MachineClock() as clock, forge, _running(scratch, secrets, broker, clock) as world:
        _seed(world, forge, secrets)
        with closing(Checker(world, forge, secrets)) as checker:
            _Story(world, forge, clock, checker, report).play(faults)
        report.seconds, report.stalled_seconds = clock() + clock.stalled_seconds(), clock.stalled_seconds()
    return report


@contextmanager
def _running(scratch: Path, secrets: Secrets, broker: str, clock: MachineClock) -> Iterator[World]:
    world = World(scratch, secrets.environment(), broker, clock)
    try:
        with small_disk(world.disk_of(world.workers[0])), small_disk(world.disk_of(world.workers[1])):
            world.wait_until_ready()
            yield world
    finally:
        world.stop()


def _seed(world: World, forge: Forge, secrets: Secrets) -> None:
    """Users, repositories, fabrics, and a schedule with short ticks."""
    plan = {
        "tick_seconds": TICK_SECONDS,
        "interval_seconds": INTERVAL_SECONDS,
        "username": USERNAME,
        "password": secrets.git_password,
        "admin_password": secrets.admin_password,
        "fabrics": forge.repositories(),
    }
    world.manage(
        "shell", "-c", "import sys; from tests.chaos.seed import plant; plant(sys.stdin)", data=json.dumps(plan)
    )


class _Story:
    def __init__(self, world: World, forge: Forge, clock: MachineClock, checker: Checker, report: Report) -> None:
        self._world = world
        self._forge = forge
        self._clock = clock
        self._report = report
        self._checker = checker
        self._choice = random.Random(report.seed)
        self._healing: list[tuple[float, Heal]] = []

    def play(self, faults: int) -> None:
        self._calm()  # so that what follows happens to a fleet that is whole
        self._report.recoveries_seconds.clear()
        while (done := self._report.faults.total()) < faults and not self._report.broken:
            with self._commits():
                for _ in range(min(FAULTS_BETWEEN_CALMS, faults - done)):
                    self._fault()
            self._calm()
        self._report.states = self._checker.states
        self._report.counts = self._checker.counts()

    def _fault(self) -> None:
        fault = self._choice.choices(list(FAULTS), list(FAULTS.values()))[0]
        self._report.faults[fault.__name__] += 1
        heal = fault(self._world, self._forge, self._choice)
        self._healing.append((time.monotonic() + self._choice.uniform(0, _LONGEST_FAULT_SECONDS), heal))
        time.sleep(self._choice.uniform(*_SECONDS_BETWEEN_FAULTS))
        self._heal(time.monotonic())
        for child in self._world.children:
            if self._choice.random() < 0.5:  # an init system is not at hand at once
                child.ensure_alive()

    def _heal(self, until: float) -> None:
        for entry in [each for each in self._healing if each[0] <= until]:
            self._healing.remove(entry)
            entry[1]()

    @contextmanager
    def _commits(self) -> Iterator[None]:
        """Repositories change all the while."""
        stop = threading.Event()

        def commit() -> None:
            choice = random.Random(self._report.seed)
            while not stop.wait(_SECONDS_BETWEEN_COMMITS):
                self._forge.change_any(choice)
                self._report.commits += 1

        thread = threading.Thread(target=commit, daemon=True)
        thread.start()
        try:
            yield
        finally:
            stop.set()
            thread.join()

    def _calm(self) -> None:
        """No more faults: every fabric is fresh and equal to Git in the time that is promised, and nothing was wrong
        meanwhile.
        """
        self._heal(float("inf"))
        self._world.wait_until_ready()
        self._checker.reconnect()
        # What a worker stamped whose clock is ahead may have read Git that much earlier.
        since, began = time.time() + SKEW_SECONDS, self._clock()
        try:
            self._world.eventually(lambda: not self._checker.late(since), "all are fresh", 2 * PROMISED_SECONDS)
        except AssertionError:
            self._report.broken += self._checker.late(since)[:5]
        took = self._clock() - began
        self._report.recoveries_seconds.append(took)
        if took > PROMISED_SECONDS:
            self._report.broken.append(f"late: it took {took:.0f} s until all fabrics were fresh")
        self._report.broken += [
            *self._checker.different()[:5],
            *self._checker.wrong_states(),
            *self._checker.at_once(),
            *self._checker.leaked(),
        ]
