"""The states that are stored or shown, with their meaning."""

from typing import Final

from django.db import models

from netbox_hedgehog.manifests import ForeignRule, Severity


class FabricStatus(models.TextChoices):
    """The life of a fabric; only an active one is synced by the schedule."""

    PLANNED = "planned", "planned"
    ACTIVE = "active", "active"
    MAINTENANCE = "maintenance", "maintenance"
    DECOMMISSIONED = "decommissioned", "decommissioned"


class SyncStatus(models.TextChoices):
    """The outcome of a fabric's last finished sync."""

    NEVER_SYNCED = "never_synced", "never synced"
    IN_SYNC = "in_sync", "in sync"
    HELD = "held", "held for approval"
    ERROR = "error", "error"


class Activity(models.TextChoices):
    """What happens with a fabric now; derived from its claim, never stored."""

    IDLE = "idle", "idle"
    QUEUED = "queued", "queued"
    SYNCING = "syncing", "syncing"


class RunStatus(models.TextChoices):
    """How one sync ended."""

    SUCCEEDED = "succeeded", "succeeded"
    UNCHANGED = "unchanged", "unchanged"
    HELD = "held", "held for approval"
    FAILED = "failed", "failed"
    SKIPPED = "skipped", "skipped"
    LOST = "lost", "lost"
    CANCELLED = "cancelled", "cancelled"


RUN_FAILURES: Final = (RunStatus.FAILED, RunStatus.LOST)


class Decision(models.TextChoices):
    """What a person said of a held change."""

    PENDING = "pending", "waits for a decision"
    APPROVED = "approved", "approved"
    REJECTED = "rejected", "rejected"


class FindingSeverity(models.TextChoices):
    """How bad a finding is; the values of ``manifests.Severity``."""

    ERROR = Severity.ERROR.value, "error"
    WARNING = Severity.WARNING.value, "warning"


class SchemaMode(models.TextChoices):
    """What becomes of a resource that breaks the definition of its kind."""

    OFF = "off", "off: not checked"
    WARN = "warn", "warn: listed as findings"
    ENFORCE = "enforce", "enforce: errors fail the sync"


class ForeignDocuments(models.TextChoices):
    """What becomes of documents that are not Hedgehog's; the values of ``manifests.ForeignRule``."""

    IGNORE = ForeignRule.IGNORE.value, "ignore"
    WARN = ForeignRule.WARN.value, "warn: listed as findings"
    REFUSE = ForeignRule.REFUSE.value, "refuse: they fail the sync"


class TickStatus(models.TextChoices):
    """How one tick ended."""

    COMPLETED = "completed", "completed"
    SKIPPED = "skipped", "skipped"
    PARTIAL = "partial", "partial"
    FAILED = "failed", "failed"


class Trigger(models.TextChoices):
    """Who asked for a sync."""

    SCHEDULE = "schedule", "schedule"
    MANUAL = "manual", "manual"
