"""Faults at random, then calm, again and again; what was promised must be true throughout."""

from __future__ import annotations

import json
import random
import re
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Final

import requests

from tests.chaos.checker import Checker, leaks
from tests.chaos.disks import small_disk
from tests.chaos.faults import FAULTS, Heal
from tests.chaos.forge import USERNAME, Forge
from tests.chaos.world import BACKOFF_SECONDS, INTERVAL_SECONDS, LEASE_SECONDS, TICK_SECONDS, World
from tests.support.waiting import eventually

FAULTS_BETWEEN_CALMS: Final = 25
_DISK_BYTES: Final = 24 * 1024 * 1024
_LONGEST_FAULT_SECONDS: Final = 8.0
_SECONDS_BETWEEN_FAULTS: Final = (0.1, 0.8)
_SECONDS_BETWEEN_COMMITS: Final = 0.2

PROMISED_SECONDS: Final = INTERVAL_SECONDS + BACKOFF_SECONDS + 2 * TICK_SECONDS + LEASE_SECONDS
"""Within which a fabric is fresh once a fault is over: interval, back-off, two ticks, and a dead worker's lease."""


@dataclass
class Report:
    """What happened."""

    seed: int
    fabrics: int
    repositories: int
    faults: Counter[str] = field(default_factory=Counter)
    recoveries_seconds: list[float] = field(default_factory=list)
    commits: int = 0
    looks: int = 0
    counts: dict[str, int] = field(default_factory=dict)
    broken: list[str] = field(default_factory=list)

    def as_text(self) -> str:
        """For a person."""
        slowest = f"{median(self.recoveries_seconds):.1f} s, at most {max(self.recoveries_seconds):.1f} s"
        return "\n".join(
            (
                f"seed {self.seed}: {self.faults.total()} faults, {self.commits} commits, {self.looks} looks",
                *(f"  {count:5} {name}" for name, count in self.faults.most_common()),
                f"fresh again after {slowest} (promised: {PROMISED_SECONDS} s)",
                json.dumps(self.counts, sort_keys=True),
                *(self.broken or ["nothing that was promised was broken"]),
            )
        )


@dataclass(frozen=True)
class Secrets:
    """Canaries: nobody but who needs them may ever see them."""

    git_password: str = "canary-git-7f3a9c51e2"
    secret_key: str = "canary-django-0b1d8e44a7-of-sufficient-length-for-the-checks-0123456789"
    encryption_key: str = "canary-encryption-95c2f0d3b8"
    admin_password: str = "canary-admin-63e7a1f09d"

    def environment(self) -> dict[str, str]:
        return {"SECRET_KEY": self.secret_key, "HEDGEHOG_ENCRYPTION_KEY": self.encryption_key}

    def all(self) -> list[str]:
        return [self.git_password, self.secret_key, self.encryption_key, self.admin_password]


def play(scratch: Path, *, faults: int, seed: int, fabrics: int = 200, repositories: int = 24) -> Report:
    """Let ``faults`` happen to a whole system below ``scratch``."""
    report = Report(seed, fabrics, repositories)
    secrets = Secrets()
    forge = Forge(scratch / "git", secrets.git_password, servers=4, repositories=repositories, fabrics=fabrics)
    with forge, _running(scratch, secrets) as world:
        _seed(world, forge, secrets)
        with Checker(world, forge) as checker:
            _Story(world, forge, checker, report).play(faults)
        report.looks = checker.looks
        report.broken += checker.broken + checker.at_once() + leaks(world, secrets.all(), _signed_in(world, secrets))
        report.counts = checker.counts()
    return report


@contextmanager
def _running(scratch: Path, secrets: Secrets) -> Iterator[World]:
    world = World(scratch, secrets.environment())
    try:
        with (
            small_disk(world.disk_of(world.workers[0]), _DISK_BYTES),
            small_disk(world.disk_of(world.workers[1]), _DISK_BYTES),
        ):
            world.start()
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
    def __init__(self, world: World, forge: Forge, checker: Checker, report: Report) -> None:
        self._world = world
        self._forge = forge
        self._checker = checker
        self._report = report
        self._choice = random.Random(report.seed)
        self._healing: list[tuple[float, Heal]] = []

    def play(self, faults: int) -> None:
        self._calm()  # so that what follows happens to a fleet that is whole
        self._report.recoveries_seconds.clear()
        while (done := self._report.faults.total()) < faults:
            with self._commits():
                for _ in range(min(FAULTS_BETWEEN_CALMS, faults - done)):
                    self._fault()
            self._calm()

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
        """No more faults: every fabric is fresh and equal to Git in the time that is promised."""
        self._heal(float("inf"))
        self._world.wait_until_ready()
        since, began = time.time(), time.monotonic()
        try:
            eventually(lambda: not self._checker.late(since), "every fabric is synced again", patience_seconds=90)
            self._report.recoveries_seconds.append(time.monotonic() - began)
            eventually(lambda: not self._checker.different(), "every fabric is equal to Git", patience_seconds=90)
        except AssertionError as error:
            rest = (self._checker.late(since) + self._checker.different())[:5]
            self._report.broken.append(f"{error}; {rest}")
            self._report.recoveries_seconds.append(time.monotonic() - began)
        if (took := self._report.recoveries_seconds[-1]) > 2 * PROMISED_SECONDS:
            self._report.broken.append(f"late: it took {took:.0f} s until all fabrics were fresh")


def _signed_in(world: World, secrets: Secrets) -> requests.Session:
    session = requests.Session()
    address = f"http://127.0.0.1:{world.port}/admin/login/"
    token = re.search('name="csrfmiddlewaretoken" value="([^"]+)"', session.get(address, timeout=30).text)
    assert token
    form = {"username": "boss", "password": secrets.admin_password, "csrfmiddlewaretoken": token[1], "next": "/admin/"}
    answer = session.post(address, data=form, headers={"Referer": address}, timeout=30)
    assert "/login/" not in answer.url, answer.text[:2000]
    return session
