"""Named states for tests: `baker.make_recipe("tests.due_fabric")`. All times are relative to NOW."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any, Final
from uuid import UUID

from model_bakery.recipe import Recipe, foreign_key, seq

from netbox_hedgehog.models import FabricStatus, GitRepository, HedgehogFabric, SyncStatus, Trigger
from netbox_hedgehog.scheduling.due import source_fingerprint

NOW: Final = datetime(2026, 3, 1, 12, 0, 0, 123456, tzinfo=UTC)
"""Equal to the fixture `now`."""

INTERVAL: Final = timedelta(seconds=300)
TOKEN: Final = UUID("00000000-0000-4000-8000-000000000001")
"""Under which `claimed_fabric`, `running_fabric` and `lost_fabric` are held."""
WORKER: Final = "git_sync@worker-1"


class _FailedRecipe(Recipe[HedgehogFabric]):
    """Stores the fingerprint of the source that failed, which only the database can compute."""

    def make(self, *args: Any, **attrs: Any) -> Any:
        made = super().make(*args, **attrs)
        for fabric in made if isinstance(made, list) else [made]:
            rows = HedgehogFabric.objects.filter(pk=fabric.pk)
            rows.update(failed_source=rows.annotate(source=source_fingerprint()).values_list("source").get()[0])
            fabric.refresh_from_db()
        return made


repository = Recipe(
    GitRepository,
    name=seq("repository-"),  # type: ignore[no-untyped-call]
    url="https://git.example.com/network/fabrics.git",
)

# Due exactly now: equality is due.
due_fabric = Recipe(
    HedgehogFabric,
    name=seq("fabric-"),  # type: ignore[no-untyped-call]
    status=FabricStatus.ACTIVE,
    sync_enabled=True,
    sync_interval=int(INTERVAL.total_seconds()),
    git_repository=foreign_key(repository),
    gitops_directory="/fabrics/one",
    last_sync=NOW - INTERVAL,
    sync_status=SyncStatus.IN_SYNC,
)
never_synced_fabric = due_fabric.extend(last_sync=None, sync_status=SyncStatus.NEVER_SYNCED)
sourceless_fabric = due_fabric.extend(git_repository=None)

# Not scheduled, or not yet: due in one microsecond.
idle_fabric = due_fabric.extend(last_sync=NOW - INTERVAL + timedelta(microseconds=1))
disabled_fabric = due_fabric.extend(sync_enabled=False)
planned_fabric = due_fabric.extend(status=FabricStatus.PLANNED)

# Held by a claim: queued, running, or running until its worker died.
claimed_fabric = due_fabric.extend(
    claim_token=TOKEN,
    claim_trigger=Trigger.SCHEDULE,
    claimed_at=NOW - timedelta(seconds=10),
    claim_expires_at=NOW + timedelta(seconds=590),
)
running_fabric = claimed_fabric.extend(
    claim_worker=WORKER,
    claim_started_at=NOW - timedelta(seconds=5),
    claim_expires_at=NOW + timedelta(seconds=55),
)
lost_fabric = running_fabric.extend(
    claimed_at=NOW - timedelta(seconds=120),
    claim_started_at=NOW - timedelta(seconds=110),
    claim_expires_at=NOW - timedelta(seconds=1),
)

backing_off_fabric = _FailedRecipe(
    HedgehogFabric,
    **due_fabric.attr_mapping
    | {
        "sync_status": SyncStatus.ERROR,
        "sync_error": "[git.unreachable] No route to the Git server.",
        "consecutive_failures": 3,
        "retry_at": NOW + timedelta(seconds=120),
    },
)
