"""How syncs a second grow with the processes of a worker: one tick's backlog, worked off by one and by more.

Each fabric has a repository of its own and none has changed, so that a sync is one request and two one-row writes, and
none is recorded by another's.
"""

from __future__ import annotations

import os
import tempfile
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

from django.db.models import Max, Min

from bench import fleet_world, usage
from bench.fleet_world import Repositories
from bench.git import MEMORY_DISK
from bench.server import served
from netbox_hedgehog.models import HedgehogFabric, SyncRun
from netbox_hedgehog.tasks import periodic_fabric_sync_scheduler


@dataclass(frozen=True)
class Plan:
    """How many syncs, and by how many processes."""

    fabrics: int = 1_500
    processes: tuple[int, ...] = (1, 2, 3, 4)


QUICK: Final = Plan(fabrics=20, processes=(1, 2))


@dataclass(frozen=True)
class Row:
    """What so many processes did; ``idle`` is the share of all cores' time in which nobody had anything to do."""

    processes: int
    syncs: int
    syncs_per_second: float
    idle: float


def timings(plan: Plan) -> list[Row]:
    """One row for each number of processes."""
    with tempfile.TemporaryDirectory(dir=MEMORY_DISK) as scratch, served(Path(scratch)) as server:
        Repositories(Path(scratch), plan.fabrics, 1)
        fleet_world.fill(server.base, plan.fabrics, 1)
        return [_row(plan.fabrics, processes, server.pid) for processes in plan.processes]


def _row(fabrics: int, processes: int, git_server: int) -> Row:
    SyncRun.objects.all().delete()
    with fleet_world.running(processes, Path(os.environ["HEDGEHOG_DATA_DIR"], "logs"), git_server):
        HedgehogFabric.objects.update(last_sync=datetime.now(UTC) - timedelta(days=1))
        before = usage.processor()
        periodic_fabric_sync_scheduler()
        fleet_world.await_syncs(fabrics)
        after = usage.processor()
    times = SyncRun.objects.aggregate(first=Min("started_at"), last=Max("started_at"))
    seconds = (times["last"] - times["first"]).total_seconds()
    return Row(processes, fabrics, fabrics / seconds, (after.idle - before.idle) / (after.total - before.total))
