"""The history: every finished sync and every tick."""

from __future__ import annotations

from django.db import models

from netbox_hedgehog.models.choices import RUN_FAILURES, RunStatus, TickStatus, Trigger
from netbox_hedgehog.models.fabric import HedgehogFabric


class SyncRun(models.Model):
    """One sync of one fabric. It is written when the sync ends; a lost one is written when its claim expires."""

    fabric = models.ForeignKey(HedgehogFabric, on_delete=models.CASCADE, related_name="sync_runs")
    trigger = models.CharField(max_length=10, choices=Trigger)
    status = models.CharField(max_length=10, choices=RunStatus)
    started_at = models.DateTimeField()
    duration_seconds = models.FloatField("duration (s)", default=0)
    commit = models.CharField(max_length=64, blank=True)
    created = models.PositiveIntegerField(default=0)
    updated = models.PositiveIntegerField(default=0)
    deleted = models.PositiveIntegerField(default=0)
    unchanged = models.PositiveIntegerField(default=0)
    error_code = models.CharField(max_length=64, blank=True)
    error_message = models.TextField(blank=True)
    error_remedy = models.TextField(blank=True)
    worker = models.CharField(max_length=255, blank=True)
    token = models.UUIDField(null=True, help_text="The claim under which it ran.")

    class Meta:
        ordering = ("-started_at", "-pk")
        verbose_name = "sync run"
        indexes = [
            # Admin: the newest runs of all fabrics, and of one.
            models.Index(fields=["-started_at"], name="syncrun_newest"),
            models.Index(fields=["fabric", "-started_at"], name="syncrun_of_fabric"),
            # Admin: the newest failed, held, lost ones, those with an error, those by hand. Nearly all runs find
            # nothing new and are the schedule's, and cost these indexes nothing.
            models.Index(
                fields=["status", "-started_at"],
                name="syncrun_of_status",
                condition=~models.Q(status=RunStatus.UNCHANGED),
            ),
            models.Index(
                fields=["error_code", "-started_at"], name="syncrun_of_error", condition=models.Q(error_code__gt="")
            ),
            models.Index(fields=["-started_at"], name="syncrun_by_hand", condition=models.Q(trigger=Trigger.MANUAL)),
            # scheduling.retention: the newest failure of each fabric.
            models.Index(
                fields=["fabric", "-started_at"],
                name="syncrun_failures",
                condition=models.Q(status__in=RUN_FAILURES),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.fabric} {self.status} {self.started_at:%Y-%m-%d %H:%M:%S}"

    def error_as_json(self) -> dict[str, str] | None:
        """What failed, in the parts of an error, for scripts; None if nothing did."""
        if not self.error_code:
            return None
        return {"code": self.error_code, "message": self.error_message, "remedy": self.error_remedy}


class SyncRecord(models.Model):
    """What one sync changed, resource by resource; apart from the run, so that lists of runs never load it.

    ``content`` has ``created``, ``updated`` and ``deleted``, lists of resources, and ``more``: how many of each are
    not listed, because a record is bounded in size. ``sync.record`` writes it.
    """

    run = models.OneToOneField(SyncRun, on_delete=models.CASCADE, primary_key=True, related_name="record")
    content = models.JSONField(default=dict)

    class Meta:
        verbose_name = "sync record"

    def __str__(self) -> str:
        return f"record of sync run {self.run_id}"


class SchedulerRun(models.Model):
    """One tick, with its summary."""

    status = models.CharField(max_length=10, choices=TickStatus)
    reason = models.CharField(max_length=64, blank=True)
    started_at = models.DateTimeField()
    duration_seconds = models.FloatField("duration (s)", default=0)
    fabrics_checked = models.PositiveIntegerField(default=0)
    fabrics_due = models.PositiveIntegerField(default=0)
    syncs_triggered = models.PositiveIntegerField(default=0)
    syncs_skipped = models.JSONField(default=dict, blank=True)
    errors = models.JSONField(default=list, blank=True)
    resources = models.JSONField(
        default=dict,
        blank=True,
        help_text="What the tick cost: queries, seconds to claim and to dispatch, fabrics per second, memory in MiB.",
    )

    class Meta:
        ordering = ("-started_at", "-pk")
        verbose_name = "scheduler run"
        indexes = [
            # Admin and health: the newest ticks.
            models.Index(fields=["-started_at"], name="schedulerrun_newest"),
        ]

    def __str__(self) -> str:
        return f"{self.status} {self.started_at:%Y-%m-%d %H:%M:%S}"
