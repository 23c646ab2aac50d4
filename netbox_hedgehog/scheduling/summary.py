"""What a tick reports: a JSON value with a fixed shape, capped and redacted."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Final, TypedDict

from netbox_hedgehog.errors import SyncError
from netbox_hedgehog.models import TickStatus
from netbox_hedgehog.observability.redaction import redact

MAX_ERRORS: Final = 50
MAX_MESSAGE_CHARACTERS: Final = 500


class ErrorEntry(TypedDict):
    """One fabric's failure; ``fabric_id`` 0 stands for the tick as a whole."""

    fabric_id: int
    fabric: str
    code: str
    message: str


class SummaryDict(TypedDict, total=False):
    """The contract of the task's return value; ``reason`` only when skipped."""

    status: str
    reason: str
    fabrics_checked: int
    fabrics_due: int
    syncs_triggered: int
    syncs_skipped: dict[str, int]
    errors: list[ErrorEntry]
    duration_seconds: float


@dataclass
class Summary:
    """The running account of one tick."""

    status: TickStatus = TickStatus.COMPLETED
    reason: str = ""
    fabrics_checked: int = 0
    fabrics_due: int = 0
    syncs_triggered: int = 0
    syncs_skipped: Counter[str] = field(default_factory=Counter)
    errors: list[ErrorEntry] = field(default_factory=list)
    duration_seconds: float = 0.0

    def add_error(self, error: BaseException, *, fabric_id: int = 0, fabric: str = "") -> ErrorEntry:
        """Record a failure; past :data:`MAX_ERRORS` only its count shows, under ``errors_not_listed``."""
        entry = ErrorEntry(
            fabric_id=fabric_id,
            fabric=redact(fabric),
            code=error.code if isinstance(error, SyncError) else f"tick.{type(error).__name__}",
            message=_text_of(error)[:MAX_MESSAGE_CHARACTERS],
        )
        if len(self.errors) < MAX_ERRORS:
            self.errors.append(entry)
        else:
            self.syncs_skipped["errors_not_listed"] += 1
        return entry

    def as_dict(self) -> SummaryDict:
        """The JSON value."""
        result = SummaryDict(
            status=self.status.value,
            fabrics_checked=self.fabrics_checked,
            fabrics_due=self.fabrics_due,
            syncs_triggered=self.syncs_triggered,
            syncs_skipped=dict(self.syncs_skipped),
            errors=list(self.errors),
            duration_seconds=round(self.duration_seconds, 4),
        )
        if self.status == TickStatus.SKIPPED:
            result["reason"] = self.reason
        return result


def _text_of(error: BaseException) -> str:
    """What the error says, as text that every database takes."""
    return redact(error).replace("\0", "\\x00").encode(errors="backslashreplace").decode()
