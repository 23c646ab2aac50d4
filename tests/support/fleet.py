"""A fleet as it looks on an ordinary day, for pictures: most of it well, a few fabrics in trouble, a day of syncs."""

from __future__ import annotations

from datetime import datetime, timedelta
from hashlib import sha1
from random import Random
from typing import Any, Final

from django_celery_beat.models import IntervalSchedule, PeriodicTask

from netbox_hedgehog.models import (
    FabricFinding,
    FabricResource,
    GitRepository,
    HedgehogFabric,
    HeldChange,
    RunHour,
    SchedulerRun,
    SyncRecord,
    SyncRun,
)
from netbox_hedgehog.scheduling.due import source_fingerprint
from netbox_hedgehog.scheduling.fleet import TICK_TASK
from tests.support.wiring import PLANS, resources, store

SITES: Final = ("amsterdam", "ashburn", "dublin", "frankfurt", "london", "madrid", "milan", "oslo", "paris", "zurich")
HELD: Final = "dc-dublin-2"
FAILING: Final = {
    "dc-madrid-1": "[git.auth_failed] git.example.net refuses the password. → Enter a new token in the repository.",
    "dc-oslo-2": "[manifest.syntax] fabrics/dc-oslo-2/vpcs.yaml, line 41: no value. → Correct the file in Git.",
}


def commit(of: object) -> str:
    """A commit id that looks like one."""
    return sha1(str(of).encode(), usedforsecurity=False).hexdigest()


def grow(now: datetime) -> HedgehogFabric:
    """Make the whole fleet, as it would be at ``now``; the fabric that has every detail."""
    chance = Random(6)
    repositories = [
        GitRepository.objects.create(name=f"network-{part}", url=f"https://git.example.net/network/{part}.git")
        for part in ("north", "south", "west")
    ]
    HedgehogFabric.objects.bulk_create(
        _fabric(f"dc-{site}-{number}", repositories[place % 3], now, chance)
        for place, site in enumerate(SITES)
        for number in (1, 2)
    )
    _schedule(now)
    _hours(now, chance)
    by_name = {fabric.name: fabric for fabric in HedgehogFabric.objects.all()}
    for failing in HedgehogFabric.objects.filter(name__in=FAILING).annotate(source=source_fingerprint()):
        HedgehogFabric.objects.filter(pk=failing.pk).update(failed_source=failing.source)
    _hold(by_name[HELD], now)
    detailed = _detailed(by_name["dc-frankfurt-1"], now)
    for place, name in enumerate(("dc-london-2", "dc-ashburn-1", "dc-milan-1", "dc-amsterdam-2", "dc-zurich-1")):
        _changed(by_name[name], now - timedelta(minutes=47 - 9 * place), place % 3 + 1)
    return detailed


def _fabric(name: str, repository: GitRepository, now: datetime, chance: Random) -> HedgehogFabric:
    made = HedgehogFabric(
        name=name,
        description=f"Production fabric of the data centre in {name.split('-')[1].capitalize()}.",
        status="active",
        sync_interval=300,
        git_repository=repository,
        gitops_directory=f"/fabrics/{name}",
        last_sync=now - timedelta(seconds=chance.randint(5, 280)),
        sync_status="in_sync",
        desired_state_commit=commit(name),
        resource_count=chance.randint(140, 620),
    )
    if name in FAILING:
        made.sync_status, made.sync_error, made.consecutive_failures = "error", FAILING[name], chance.randint(2, 6)
        made.retry_at = now + timedelta(minutes=11 * made.consecutive_failures)
        made.last_sync = now - timedelta(hours=made.consecutive_failures)
    elif name == HELD:
        made.sync_status, made.retry_at = "held", now + timedelta(minutes=4)
    elif name == "dc-zurich-2":
        made.status, made.sync_status, made.last_sync, made.resource_count = "planned", "never_synced", None, 0
    elif name == "dc-paris-2":
        made.status, made.last_sync = "maintenance", now - timedelta(days=2)
    return made


def _schedule(now: datetime) -> None:
    interval, _ = IntervalSchedule.objects.get_or_create(every=60, period="seconds")
    PeriodicTask.objects.update_or_create(
        name="periodic-fabric-sync",
        defaults={"task": TICK_TASK, "interval": interval, "queue": "git_sync", "priority": 6, "total_run_count": 4812},
    )
    PeriodicTask.objects.update(last_run_at=now - timedelta(seconds=12))
    SchedulerRun.objects.bulk_create(
        SchedulerRun(
            status="completed",
            started_at=now - timedelta(seconds=12, minutes=ago),
            duration_seconds=0.021 + ago % 3 / 100,
            fabrics_checked=len(SITES) * 2,
            fabrics_due=3 + ago % 3,
            syncs_triggered=3 + ago % 3,
        )
        for ago in range(30)
    )


def _hours(now: datetime, chance: Random) -> None:
    """More is changed while people work."""
    first = now.replace(minute=0, second=0, microsecond=0) - timedelta(hours=23)
    for hour in (first + timedelta(hours=n) for n in range(24)):
        at_work = 7 <= hour.hour < 18
        changed = chance.randint(14, 40) if at_work else chance.randint(0, 5)
        failed = chance.randint(2, 9)
        counts = {"succeeded": changed, "failed": failed, "unchanged": 216 - changed - failed}
        RunHour.objects.bulk_create(
            RunHour(hour=hour, status=status, runs=runs, within={"0.05": runs * 9 // 10, "0.25": runs})
            for status, runs in counts.items()
        )


def _changed(fabric: HedgehogFabric, when: datetime, switches: int) -> SyncRun:
    """A sync that found other settings of some switches."""
    run = SyncRun.objects.create(
        fabric=fabric,
        trigger="schedule",
        status="succeeded",
        started_at=when,
        duration_seconds=0.14,
        commit=commit((fabric.name, when)),
        updated=switches,
        unchanged=fabric.resource_count - switches,
        worker="git_sync@worker-1",
    )
    updated = [_updated(f"leaf-{number:02}", fabric, number) for number in range(1, switches + 1)]
    SyncRecord.objects.create(run=run, content={"created": [], "updated": updated, "deleted": [], "more": {}})
    return run


def _updated(name: str, fabric: HedgehogFabric, number: int) -> dict[str, Any]:
    fields = [{"field": ["spec", "description"], "old": f"rack {number}", "new": f"rack {number}, row B"}]
    return _entry("Switch", name, fabric, number * 24) | {"fields": fields}


def _entry(kind: str, name: str, fabric: HedgehogFabric, line: int) -> dict[str, Any]:
    path = f"fabrics/{fabric.name}/{kind.lower()}.yaml"
    return {"kind": kind, "namespace": "default", "name": name, "path": path, "line": line}


def _hold(fabric: HedgehogFabric, now: datetime) -> None:
    HeldChange.objects.create(
        fabric=fabric,
        commit=commit("held"),
        tree=commit("tree"),
        source="0" * 32,
        reasons=["It would delete 42 resources, 25 of them at most are allowed without approval."],
        budget={},
        deleted=42,
        record={
            "created": [],
            "updated": [],
            "deleted": [_entry("Server", f"server-{n:03}", fabric, n * 8) for n in range(1, 43)],
            "more": {},
        },
        held_at=now - timedelta(minutes=23),
    )


def _detailed(fabric: HedgehogFabric, now: datetime) -> HedgehogFabric:
    """With resources, a history and a finding."""
    store(fabric, resources(PLANS[0]))
    count = FabricResource.objects.filter(fabric=fabric).count()
    HedgehogFabric.objects.filter(pk=fabric.pk).update(
        resource_count=count, sync_status="in_sync", last_sync=now - timedelta(seconds=75)
    )
    fabric.refresh_from_db()
    latest = SyncRun.objects.create(
        fabric=fabric,
        trigger="schedule",
        status="unchanged",
        started_at=now - timedelta(seconds=75),
        duration_seconds=0.01,
        commit=fabric.desired_state_commit,
        unchanged=count,
        worker="git_sync@worker-1",
    )
    for hours in (26, 5, 2):
        _changed(fabric, latest.started_at - timedelta(hours=hours), hours % 4 + 1)
    FabricFinding.objects.create(
        fabric=fabric,
        severity="warning",
        code="wiring.unused",
        kind="Server",
        namespace="default",
        name="server-096",
        message="Server default/server-096 is plugged into nothing.",
        source_path=f"fabrics/{fabric.name}/server.yaml",
        source_line=768,
    )
    return fabric
