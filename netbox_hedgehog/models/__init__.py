"""What is stored."""

from netbox_hedgehog.models.budget import budget_problem
from netbox_hedgehog.models.choices import (
    RUN_FAILURES,
    Activity,
    Decision,
    FabricStatus,
    FindingSeverity,
    RunStatus,
    SyncStatus,
    TickStatus,
    Trigger,
)
from netbox_hedgehog.models.fabric import HedgehogFabric
from netbox_hedgehog.models.finding import FabricFinding
from netbox_hedgehog.models.held import HeldChange
from netbox_hedgehog.models.repository import GitRepository
from netbox_hedgehog.models.resource import FabricResource
from netbox_hedgehog.models.runs import SchedulerRun, SyncRecord, SyncRun

__all__ = [
    "RUN_FAILURES",
    "Activity",
    "Decision",
    "FabricFinding",
    "FabricResource",
    "FabricStatus",
    "FindingSeverity",
    "GitRepository",
    "HedgehogFabric",
    "HeldChange",
    "RunStatus",
    "SchedulerRun",
    "SyncRecord",
    "SyncRun",
    "SyncStatus",
    "TickStatus",
    "Trigger",
    "budget_problem",
]
