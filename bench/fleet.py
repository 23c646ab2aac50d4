"""The whole system at work: how many fabrics stay on time, with real beat, worker, PostgreSQL, Valkey and a Git server.

A fabric is on time if its sync starts less than two ticks after it is due. Due times are spread evenly over the
interval at first, and so many fabrics have changed as have at any moment later on, so a few minutes are a fair sample
of hours.
"""

from __future__ import annotations

import os
import random
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

from django.db import connection

from bench import fleet_world, usage
from bench.environment import CHANGED, INTERVAL_SECONDS
from bench.fleet_world import Processes, Repositories
from bench.git import MEMORY_DISK
from bench.server import served
from netbox_hedgehog.models import HedgehogFabric, RunStatus, SchedulerRun
from netbox_hedgehog.scheduling.due import epoch_microseconds

TICK_SECONDS: Final = 60
LATE_SECONDS: Final = 2 * TICK_SECONDS
ON_TIME: Final = 0.99
LEAST: Final = 1_000
"""Fabrics; a search goes by steps of it and gives up below."""


@dataclass(frozen=True)
class Plan:
    """How much to measure; without ``fabrics`` the largest number that stays on time is searched."""

    fabrics: int | None = None
    repositories: int = 1_000
    concurrency: int = 2
    minutes: float = 30
    probe_minutes: float = 4
    start: int = 20_000
    """Where a search begins."""


QUICK: Final = Plan(fabrics=40, repositories=4, concurrency=1, minutes=0.1)


@dataclass
class Figures:
    """One run: what was asked, what came of it, and what it took."""

    fabrics: int
    repositories: int
    concurrency: int
    minutes: float
    syncs: int
    changed: int
    failed: int
    on_time: float
    """Share of the syncs that started less than two ticks after they were due; those that should have count, too."""
    late_seconds: dict[str, float]
    """From due to start: percentiles."""
    tick_seconds: float
    """The longest tick."""
    left_over: int
    """Fabrics that still waited for a worker from earlier ticks when the last tick came."""
    idle: float
    """Share of all cores' time in which nobody had anything to do."""
    others: float
    """Share of all cores' time that processes took which do not belong to the system, the benchmark's own included."""
    cores: dict[str, float] = field(default_factory=dict)
    """Cores that each kind of process kept busy."""
    resident_mib: list[dict[str, float]] = field(default_factory=list)
    """Memory of each process, at the start and after each minute."""

    @property
    def syncs_per_second(self) -> float:
        """All workers together."""
        return self.syncs / self.minutes / 60

    @property
    def ms_per_sync(self) -> dict[str, float]:
        """Processor time for each sync, by kind of process."""
        return {kind: 1000 * cores / max(self.syncs_per_second, 1e-9) for kind, cores in self.cores.items()}

    @property
    def keeps_up(self) -> bool:
        """Whether this could go on for ever."""
        per_tick = self.fabrics * TICK_SECONDS / INTERVAL_SECONDS
        return self.on_time >= ON_TIME and self.left_over <= 0.1 * per_tick and not self.failed


def largest(plan: Plan) -> list[Figures]:
    """Search by short runs, doubling, then halving the gap to within a tenth; the last run is the long one."""
    if plan.fabrics is not None:
        return [_run(plan, plan.fabrics, plan.minutes)]
    tried: list[Figures] = []
    fits, fails, fabrics, most = 0, 0, plan.start, 0.0
    while not fails or fails - fits > max(fits / 10, LEAST):
        tried.append(_run(plan, fabrics, plan.probe_minutes))
        if tried[-1].keeps_up:
            fits = fabrics
        else:
            fails = fabrics
            # Who is overtaxed shows what can be done: no more than this is worth a try.
            most = max(fits + LEAST, tried[-1].syncs_per_second * INTERVAL_SECONDS)
        fabrics = _rounded(min((fits + fails) / 2, most) if fails else fits * 2)
    while True:
        fits = max(fits, LEAST)
        tried.append(_run(plan, fits, plan.minutes))
        if tried[-1].keeps_up or fits == LEAST:
            return tried
        fits = _rounded(fits * 0.9)


def _rounded(fabrics: float) -> int:
    return max(round(fabrics / LEAST), 1) * LEAST


def _run(plan: Plan, fabrics: int, minutes: float) -> Figures:
    """One run with ``fabrics`` fabrics; the first tick and a part of a minute after it are not measured."""
    repositories = min(plan.repositories, fabrics)
    with tempfile.TemporaryDirectory(dir=MEMORY_DISK) as scratch, served(Path(scratch)) as server:
        _say(f"{fabrics:,} fabrics in {repositories:,} repositories")
        remote = Repositories(Path(scratch), repositories, -(-fabrics // repositories))
        fleet_world.fill(server.base, repositories, -(-fabrics // repositories))
        fleet_world.note_starts()
        remote.change_some(round(CHANGED * fabrics / 2))
        with (
            fleet_world.running(
                plan.concurrency, Path(os.environ["HEDGEHOG_DATA_DIR"], "logs"), server.pid
            ) as processes,
            changes(remote, CHANGED * fabrics / INTERVAL_SECONDS),
        ):
            _await_tick()
            figures = _measured(plan, processes, repositories, minutes)
    _say(f"  {figures}")
    return figures


@contextmanager
def changes(remote: Repositories, per_second: float) -> Iterator[None]:
    """Commit to repositories all the while."""
    stop = threading.Event()

    def work() -> None:
        chance = random.Random(1)
        while not stop.wait(chance.expovariate(per_second)):
            remote.change_one(chance)

    thread = threading.Thread(target=work, name="changes")
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


def _await_tick() -> None:
    while not SchedulerRun.objects.filter(syncs_triggered__gt=0).exists():
        time.sleep(0.5)


def _measured(plan: Plan, processes: Processes, repositories: int, minutes: float) -> Figures:
    began = datetime.now(UTC)
    before, machine, resident_mib = _cores(processes), usage.processor(), [processes.resident_mib()]
    for minute in range(int(minutes) + 1):
        time.sleep(min(60.0, 60 * (minutes - minute)))
        resident_mib.append(processes.resident_mib())
        _say(f"  {_progress(began)}")
    ended = datetime.now(UTC)
    if codes := fleet_world.count_errors(began, ended):
        _say(f"  failed: {codes}")
    after, machine_after = _cores(processes), usage.processor()
    seconds = (ended - began).total_seconds()
    cores = {kind: (after[kind] - before[kind]) / seconds for kind in after}
    total = machine_after.total - machine.total
    idle = (machine_after.idle - machine.idle) / total
    counts = fleet_world.count_runs(began, ended)
    late, percentiles, starts = _lateness(began, ended)
    ticks = SchedulerRun.objects.filter(started_at__gte=began).order_by("started_at")
    last = ticks.last()
    return Figures(
        fabrics=HedgehogFabric.objects.count(),
        repositories=repositories,
        concurrency=plan.concurrency,
        minutes=seconds / 60,
        syncs=sum(counts.values()),
        changed=counts.get(RunStatus.SUCCEEDED, 0),
        failed=sum(counts.values()) - counts.get(RunStatus.SUCCEEDED, 0) - counts.get(RunStatus.UNCHANGED, 0),
        on_time=1 - late / starts if starts else 0,
        late_seconds=percentiles,
        tick_seconds=max((tick.duration_seconds for tick in ticks), default=0),
        left_over=last.syncs_skipped.get("claimed", 0) if last else 0,
        idle=idle,
        others=1 - idle - sum(cores.values()) * seconds / total,
        cores=cores,
        resident_mib=resident_mib,
    )


def _progress(began: datetime) -> str:
    counts = fleet_world.count_runs(began, datetime.now(UTC))
    seconds = (datetime.now(UTC) - began).total_seconds()
    tick = SchedulerRun.objects.order_by("-started_at").first()
    last = f"{tick.duration_seconds:.1f} s, sent {tick.syncs_triggered}, {tick.syncs_skipped}" if tick else "none"
    return f"{seconds:4.0f} s: {sum(counts.values()) / seconds:6.1f} syncs/s {counts}; last tick {last}"


def _cores(processes: Processes) -> dict[str, float]:
    """Processor time until now, by kind of process."""
    main = usage.seconds_of(processes.worker)
    return {
        "worker's main process": main,
        "worker processes": usage.seconds_of_tree(processes.worker) - main,
        "PostgreSQL": usage.seconds_of_tree(processes.postgresql),
        "Valkey": usage.seconds_of_tree(processes.valkey),
        "beat": usage.seconds_of_tree(processes.beat),
        "Git server": usage.seconds_of_tree(processes.git_server),
    }


def _lateness(began: datetime, ended: datetime) -> tuple[int, dict[str, float], int]:
    """How many were late, percentiles, and of how many; whoever waits too long already is late without a start."""
    waiting = HedgehogFabric.objects.filter(
        due_at__lte=epoch_microseconds(ended - timedelta(seconds=LATE_SECONDS)), claim_started_at=None
    ).count()
    with connection.cursor() as cursor:
        cursor.execute(
            "WITH late AS (SELECT extract(epoch FROM started_at) - due_at / 1e6 AS seconds FROM bench_start"
            " WHERE started_at >= %s AND started_at < %s)"
            " SELECT count(*), count(*) FILTER (WHERE seconds >= %s),"
            " percentile_cont(ARRAY[0.5, 0.9, 0.99, 1]) WITHIN GROUP (ORDER BY seconds) FROM late",
            [began, ended, LATE_SECONDS],
        )
        starts, late, percentiles = cursor.fetchone()
    named = zip(("50 %", "90 %", "99 %", "longest"), percentiles or [0] * 4, strict=True)
    return late + waiting, {name: float(value) for name, value in named}, starts + waiting


def _say(text: str) -> None:
    print(f"{datetime.now(UTC):%H:%M:%S} {text}", file=sys.stderr, flush=True)
