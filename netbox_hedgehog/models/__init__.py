"""What is stored."""

from netbox_hedgehog.models.budget import budget_problem
from netbox_hedgehog.models.choices import (
    RUN_FAILURES,
    Activity,
    Decision,
    FabricStatus,
    FindingSeverity,
    ForeignDocuments,
    RunStatus,
    SchemaMode,
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
from netbox_hedgehog.models.schema import SchemaSource
from netbox_hedgehog.models.totals import RunHour, RunKind, RunTotal, RunTotalsMark

__all__ = [
    "RUN_FAILURES",
    "Activity",
    "Decision",
    "FabricFinding",
    "FabricResource",
    "FabricStatus",
    "FindingSeverity",
    "ForeignDocuments",
    "GitRepository",
    "HedgehogFabric",
    "HeldChange",
    "RunHour",
    "RunKind",
    "RunStatus",
    "RunTotal",
    "RunTotalsMark",
    "SchedulerRun",
    "SchemaMode",
    "SchemaSource",
    "SyncRecord",
    "SyncRun",
    "SyncStatus",
    "TickStatus",
    "Trigger",
    "budget_problem",
]
