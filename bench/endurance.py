"""Whether beat and worker grow: their resident memory over thousands of syncs and ticks, in real processes.

Ticks come every second and fabrics are due every few, so that hours of work take minutes. Each has a repository of its
own, so that each is fetched and recorded by itself; some change, and one in fifty fails because its repository is not
there.
"""

from __future__ import annotations

import os
import sys
import tempfile
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from django_celery_beat.models import IntervalSchedule, PeriodicTask, PeriodicTasks

from bench import fleet_world
from bench.fleet import changes
from bench.fleet_world import Processes, Repositories
from bench.git import MEMORY_DISK
from bench.server import served
from netbox_hedgehog.models import GitRepository, HedgehogFabric, SchedulerRun, SyncRun
from netbox_hedgehog.scheduling.fleet import TICK_TASK

_CHANGES_PER_SECOND: Final = 0.2


@dataclass(frozen=True)
class Plan:
    """How many fabrics at which interval (seconds), until when, and after how many syncs memory should be steady."""

    fabrics: int = 200
    interval_seconds: int = 10
    syncs: int = 10_000
    ticks: int = 1_000
    steady_after: int = 1_000
    concurrency: int = 2


QUICK: Final = Plan(fabrics=20, interval_seconds=1, syncs=40, ticks=4, steady_after=20, concurrency=1)


@dataclass(frozen=True)
class Sample:
    """Resident memory (MiB) of each process after so many syncs and ticks."""

    syncs: int
    ticks: int
    mib: dict[str, float]


@dataclass(frozen=True)
class Figures:
    """The samples, of which the first is from before any sync, and how many syncs changed something or failed."""

    samples: list[Sample]
    by_status: dict[str, int]

    @property
    def growth(self) -> dict[str, float]:
        """Of each process, from the second sample, when it has settled, to the last: 0.05 is five percent."""
        steady, last = self.samples[1].mib, self.samples[-1].mib
        return {name: last[name] / steady[name] - 1 for name in steady}


def measure(plan: Plan) -> Figures:
    """Let the system work until it has done what ``plan`` says."""
    with tempfile.TemporaryDirectory(dir=MEMORY_DISK) as scratch, served(Path(scratch)) as server:
        remote = Repositories(Path(scratch), plan.fabrics, 1)
        fleet_world.fill(server.base, plan.fabrics, 1)
        _hurry(plan)
        logs = Path(os.environ["HEDGEHOG_DATA_DIR"], "logs")
        began = datetime.now(UTC)
        with (
            fleet_world.running(plan.concurrency, logs, server.pid) as processes,
            changes(remote, _CHANGES_PER_SECOND),
        ):
            samples = _samples(plan, processes)
        return Figures(samples, fleet_world.count_runs(began, datetime.now(UTC)))


def _hurry(plan: Plan) -> None:
    HedgehogFabric.objects.update(sync_interval=plan.interval_seconds)
    for repository in GitRepository.objects.order_by("pk")[::50]:
        GitRepository.objects.filter(pk=repository.pk).update(url=repository.url + "-is-not-there")
    every_second, _ = IntervalSchedule.objects.get_or_create(every=1, period=IntervalSchedule.SECONDS)
    PeriodicTask.objects.filter(task=TICK_TASK).update(interval=every_second)
    PeriodicTasks.update_changed()
    SyncRun.objects.all().delete()


def _samples(plan: Plan, processes: Processes) -> list[Sample]:
    """One at the start, one when memory should be steady, then one after each so many syncs, and one at the end."""
    samples = [_sample(processes)]
    while samples[-1].syncs < plan.syncs or samples[-1].ticks < plan.ticks:
        fleet_world.await_syncs((samples[-1].syncs // plan.steady_after + 1) * plan.steady_after)
        samples.append(_sample(processes))
        print(samples[-1], file=sys.stderr, flush=True)
    return samples


def _sample(processes: Processes) -> Sample:
    return Sample(SyncRun.objects.count(), SchedulerRun.objects.count(), processes.resident_mib())
