"""A database as an operator's is: fabrics in every state, with their resources, findings, runs and held changes."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final

from django.contrib.auth.models import User
from django.core.cache import cache
from django.db import connection
from django.db.models import Model

from bench.environment import INTERVAL_SECONDS
from bench.rows import copies, written_columns
from netbox_hedgehog.models import (
    FabricFinding,
    FabricResource,
    FabricStatus,
    FindingSeverity,
    GitRepository,
    HedgehogFabric,
    HeldChange,
    RunStatus,
    SchedulerRun,
    SyncRun,
    SyncStatus,
    TickStatus,
    Trigger,
)
from netbox_hedgehog.scheduling.due import source_fingerprint

RUNS_EACH: Final = 4
TICKS: Final = 10_000
"""About a week of them, whatever the number of fabrics."""

_FABRICS: Final = HedgehogFabric._meta.db_table  # noqa: SLF001 - Django's documented model API

# Of n, which counts the fabrics. One in fifty is in error and backs off, one in thirty is overdue, …
_STATES: Final = {
    "name": "'fabric-' || lpad(n::text, 6, '0')",
    "description": "CASE WHEN n %% 1000 = 8 THEN 'the rare one' ELSE 'a network' END",
    "status": "CASE WHEN n %% 100 = 1 THEN 'maintenance' ELSE 'active' END",
    "sync_enabled": "n %% 50 <> 2",
    "sync_status": "CASE WHEN n %% 50 = 3 THEN 'error' WHEN n %% 70 = 4 THEN 'never_synced' ELSE 'in_sync' END",
    "sync_error": "CASE WHEN n %% 50 = 3 THEN 'git.auth_failed: refused' ELSE '' END",
    "consecutive_failures": "CASE WHEN n %% 50 = 3 THEN 4 ELSE 0 END",
    "retry_at": "CASE WHEN n %% 50 = 3 THEN now() + interval '20 minutes' END",
    "last_sync": "CASE WHEN n %% 70 = 4 THEN NULL WHEN n %% 30 = 5 THEN now() - interval '15 minutes'"
    f" ELSE now() - ((n * 7919) %% {INTERVAL_SECONDS}) * interval '1 second' END",
    "claim_token": "CASE WHEN n %% 200 = 6 THEN gen_random_uuid() END",
    "claim_trigger": "CASE WHEN n %% 200 = 6 THEN 'schedule' ELSE '' END",
    "claimed_at": "CASE WHEN n %% 200 = 6 THEN now() END",
    "claim_started_at": "CASE WHEN n %% 1000 = 6 THEN now() END",
    "claim_expires_at": "CASE WHEN n %% 200 = 6 THEN now() + interval '1 day' END",
}


def populate(fabrics: int, repositories: int, now: datetime) -> None:
    """Replace whatever there is by ``fabrics`` fabrics, a third of them in the first of ``repositories``."""
    with connection.cursor() as cursor:
        cursor.execute(f"TRUNCATE {_FABRICS}, {SchedulerRun._meta.db_table} CASCADE")  # noqa: SLF001
    GitRepository.objects.all().delete()
    User.objects.all().delete()
    cache.clear()
    rows = GitRepository.objects.bulk_create(
        GitRepository(name=f"repository-{n:04}", url=f"https://git.example.com/fabrics-{n}.git")
        for n in range(repositories)
    )
    pattern = HedgehogFabric.objects.create(
        name="fabric-000000",
        status=FabricStatus.ACTIVE,
        sync_interval=INTERVAL_SECONDS,
        sync_status=SyncStatus.IN_SYNC,
        last_sync=now,
        git_repository=rows[0],
        desired_state_commit="c" * 40,
        desired_state_tree="7" * 40,
        resource_count=3,
    )
    shared = f"{rows[0].pk} + CASE WHEN n %% 3 = 0 THEN 0 ELSE n %% {repositories} END"
    copies(pattern, fabrics - 1, _STATES | {"git_repository_id": shared})
    _back_off()
    _belongings(pattern, now)
    with connection.cursor() as cursor:
        cursor.execute("VACUUM ANALYZE")


def _back_off() -> None:
    """A failure counts only while the source is the one that failed."""
    failed = HedgehogFabric.objects.filter(sync_status=SyncStatus.ERROR).annotate(source=source_fingerprint())
    HedgehogFabric.objects.bulk_update(
        [HedgehogFabric(pk=pk, failed_source=source) for pk, source in failed.values_list("pk", "source")],
        ["failed_source"],
        batch_size=1000,
    )


def _belongings(pattern: HedgehogFabric, now: datetime) -> None:
    identity: dict[str, Any] = {
        "api_version": "wiring.githedgehog.com/v1beta1",
        "kind": "Switch",
        "namespace": "default",
        "source_path": "switches.yaml",
    }
    for name in ("leaf-1", "leaf-2", "spine-1"):
        resource = FabricResource.objects.create(fabric=pattern, name=name, spec={"role": name}, digest="d", **identity)
        _for_each(resource, {"name": "'" + name + "-' || fabric.name"})
    run = SyncRun.objects.create(
        fabric=pattern, trigger=Trigger.SCHEDULE, status=RunStatus.UNCHANGED, started_at=now, duration_seconds=0.02
    )
    failed = "fabric.sync_status = 'error'"
    states = {
        "started_at": "now() - each * interval '5 minutes' - (fabric.id %% 300) * interval '1 second'",
        "status": f"CASE WHEN {failed} THEN 'failed' WHEN (fabric.id + each) %% 100 = 0 THEN 'succeeded'"
        " ELSE 'unchanged' END",
        "error_code": f"CASE WHEN {failed} THEN 'git.auth_failed' ELSE '' END",
    }
    _for_each(run, states, times=RUNS_EACH)
    finding = FabricFinding.objects.create(
        fabric=pattern,
        severity=FindingSeverity.WARNING,
        code="reference.missing",
        name="leaf-1",
        message="…",
        **identity,
    )
    _for_each(finding, {}, where="fabric.id %% 10 = 0")
    nothing = {"created": [], "updated": [], "deleted": [], "more": {"created": 0, "updated": 0, "deleted": 0}}
    held = HeldChange.objects.create(
        fabric=pattern, commit="c" * 40, tree="7" * 40, reasons=["much"], budget={}, record=nothing, held_at=now
    )
    _for_each(held, {}, where="fabric.id %% 200 = 0")
    tick = SchedulerRun.objects.create(status=TickStatus.COMPLETED, started_at=now, duration_seconds=0.2)
    with connection.cursor() as cursor:
        columns = ", ".join(written_columns(SchedulerRun))
        moved = columns.replace("started_at", "started_at - n * interval '1 minute'")
        cursor.execute(
            f"INSERT INTO {tick._meta.db_table} ({columns}) SELECT {moved}"  # noqa: SLF001
            f" FROM {tick._meta.db_table} CROSS JOIN generate_series(1, %s) AS n",  # noqa: SLF001
            [TICKS],
        )


def _for_each(row: Model, differing: dict[str, str], *, times: int = 1, where: str = "TRUE") -> None:
    """Copy a row for every other fabric, several ``times`` (``each``); ``differing`` columns have SQL expressions."""
    table = row._meta.db_table  # noqa: SLF001
    differing = {"fabric_id": "fabric.id"} | differing
    columns = written_columns(type(row))
    chosen = ", ".join(differing.get(column, f"{table}.{column}") for column in columns)
    with connection.cursor() as cursor:
        cursor.execute(
            f"INSERT INTO {table} ({', '.join(columns)}) SELECT {chosen}"
            f" FROM {table} CROSS JOIN {_FABRICS} AS fabric CROSS JOIN generate_series(1, %s) AS each"
            f" WHERE {table}.id = %s AND fabric.id <> {table}.fabric_id AND {where}",
            [times, row.pk],
        )
