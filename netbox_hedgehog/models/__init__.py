"""What is stored."""

from netbox_hedgehog.models.choices import (
    RUN_FAILURES,
    Activity,
    FabricStatus,
    FindingSeverity,
    RunStatus,
    SyncStatus,
    TickStatus,
    Trigger,
)
from netbox_hedgehog.models.fabric import HedgehogFabric
from netbox_hedgehog.models.finding import FabricFinding
from netbox_hedgehog.models.repository import GitRepository
from netbox_hedgehog.models.resource import FabricResource
from netbox_hedgehog.models.runs import SchedulerRun, SyncRecord, SyncRun

__all__ = [
    "RUN_FAILURES",
    "Activity",
    "FabricFinding",
    "FabricResource",
    "FabricStatus",
    "FindingSeverity",
    "GitRepository",
    "HedgehogFabric",
    "RunStatus",
    "SchedulerRun",
    "SyncRecord",
    "SyncRun",
    "SyncStatus",
    "TickStatus",
    "Trigger",
]
