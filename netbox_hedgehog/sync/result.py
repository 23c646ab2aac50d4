"""What a sync came to, and the JSON value that the task returns for it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypedDict

from netbox_hedgehog.errors import SyncError
from netbox_hedgehog.models import RunStatus


class ErrorDict(TypedDict):
    """Why a sync failed."""

    code: str
    message: str


class SyncResult(TypedDict, total=False):
    """The contract of the task's return value; ``error`` when failed, ``reason`` when skipped."""

    status: str
    fabric_id: int
    commit: str
    created: int
    updated: int
    deleted: int
    unchanged: int
    duration_seconds: float
    error: ErrorDict
    reason: str


@dataclass(frozen=True, slots=True)
class Counts:
    """How many resources a sync created, updated, deleted and found unchanged."""

    created: int = 0
    updated: int = 0
    deleted: int = 0
    unchanged: int = 0

    @property
    def total(self) -> int:
        """How many resources the fabric has after the sync."""
        return self.created + self.updated + self.unchanged


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a sync ended."""

    status: RunStatus
    commit: str = ""
    counts: Counts = Counts()
    error: SyncError | None = None
    reason: str = ""

    def as_result(self, fabric_id: int, duration_seconds: float) -> SyncResult:
        """The JSON value."""
        result = SyncResult(
            status=self.status.value,
            fabric_id=fabric_id,
            commit=self.commit,
            created=self.counts.created,
            updated=self.counts.updated,
            deleted=self.counts.deleted,
            unchanged=self.counts.unchanged,
            duration_seconds=round(duration_seconds, 4),
        )
        if self.error:
            result["error"] = ErrorDict(code=self.error.code, message=self.error.message)
        if self.reason:
            result["reason"] = self.reason
        return result
