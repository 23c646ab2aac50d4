"""A fabric: what the operator sets, what the last sync found, and the claim that one sync holds."""

from __future__ import annotations

from datetime import datetime
from typing import Final

from django.core.exceptions import ValidationError
from django.core.validators import MaxValueValidator, MinValueValidator, RegexValidator
from django.db import models
from django.db.models.functions import Cast, Coalesce

from netbox_hedgehog.conf import YEAR_SECONDS
from netbox_hedgehog.models.budget import budget_problem
from netbox_hedgehog.models.choices import (
    Activity,
    FabricStatus,
    ForeignDocuments,
    SchemaMode,
    SyncStatus,
    Trigger,
)
from netbox_hedgehog.models.expressions import EpochMicroseconds
from netbox_hedgehog.models.repository import GitRepository
from netbox_hedgehog.models.schema import SchemaSource

is_namespace: Final = RegexValidator(
    r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?\Z", "A namespace has lower-case letters, digits and '-' inside."
)


class HedgehogFabric(models.Model):
    """One network.

    The claim columns are a lease: they mean something only until ``claim_expires_at``. Whether a sync is queued
    or running is derived from them (:meth:`activity`), never stored, so no dead worker can leave a fabric syncing
    for ever. Only ``scheduling.claims`` writes them.
    """

    name = models.CharField(max_length=100, unique=True)
    description = models.TextField(blank=True)
    status = models.CharField(
        max_length=20,
        choices=FabricStatus,
        default=FabricStatus.PLANNED,
        help_text="Only an active fabric is synced by the schedule.",
    )
    sync_enabled = models.BooleanField(default=True)
    sync_interval = models.IntegerField(
        default=300,
        # What is stored below 0 by other ways means the same as 0; nobody enters it on purpose.
        validators=[
            MinValueValidator(0, "Enter 0 for never by schedule, or how many seconds are between two syncs."),
            MaxValueValidator(
                10 * YEAR_SECONDS,
                "Enter at most %(limit_value)d seconds, which are 10 years, or 0 for never by schedule.",
            ),
        ],
        help_text="Seconds between syncs; 0 means never by schedule.",
    )
    git_repository = models.ForeignKey(
        GitRepository, on_delete=models.PROTECT, null=True, blank=True, related_name="fabrics"
    )
    gitops_directory = models.CharField(
        "GitOps directory",
        max_length=1000,
        default="/",
        help_text="The directory in the repository that holds this fabric's manifests.",
    )

    default_namespace = models.CharField(
        max_length=63,
        default="default",
        db_default="default",
        validators=[is_namespace],
        help_text="The namespace of manifests that name none.",
    )
    foreign_documents = models.CharField(
        max_length=10,
        choices=ForeignDocuments,
        blank=True,
        default="",
        db_default="",
        help_text="What becomes of documents that are not Hedgehog's: other API groups, kustomizations, Helm values. "
        "Empty: as HEDGEHOG_FOREIGN_DOCUMENTS says.",
    )
    schema_source = models.ForeignKey(
        SchemaSource,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="fabrics",
        help_text="The definitions that resources are checked against.",
    )
    schema_mode = models.CharField(
        "schema checks",
        max_length=10,
        choices=SchemaMode,
        default=SchemaMode.OFF,
        db_default=SchemaMode.OFF.value,
        help_text="A change takes effect at the next sync, on all manifests.",
    )

    # The blast-radius budget; NULL: as the settings say.
    budget_deletions = models.PositiveIntegerField(
        "deletions", null=True, blank=True, help_text="The most resources that a sync may delete without approval."
    )
    budget_deletions_percent = models.PositiveSmallIntegerField(
        "deletions (%)",
        null=True,
        blank=True,
        validators=[MaxValueValidator(100)],
        help_text="The largest share of the fabric's resources that a sync may delete without approval.",
    )
    budget_changes = models.PositiveIntegerField(
        "changes",
        null=True,
        blank=True,
        help_text="The most resources that a sync may change or delete without approval.",
    )
    budget_changes_percent = models.PositiveSmallIntegerField(
        "changes (%)",
        null=True,
        blank=True,
        validators=[MaxValueValidator(100)],
        help_text="The largest share of the fabric's resources that a sync may change or delete without approval.",
    )
    budget_by_kind = models.JSONField(
        "by kind",
        default=dict,
        db_default={},
        blank=True,
        help_text='Further limits of single kinds, such as {"Switch": {"deletions": 0}}; also deletions_percent, '
        "changes and changes_percent.",
    )

    last_sync = models.DateTimeField(
        null=True,
        blank=True,
        help_text="The time of the last successful sync, counted from its claim; empty means never.",
    )
    sync_status = models.CharField(max_length=20, choices=SyncStatus, default=SyncStatus.NEVER_SYNCED)
    sync_error = models.TextField(blank=True, help_text="What failed in the last sync and what to do about it.")
    desired_state_commit = models.CharField(max_length=64, blank=True)
    desired_state_tree = models.CharField(
        max_length=64, blank=True, help_text="Tree id of the GitOps directory at the last successful sync."
    )
    resource_count = models.PositiveIntegerField("resources", default=0)

    consecutive_failures = models.PositiveIntegerField(default=0)
    retry_at = models.DateTimeField(
        null=True, blank=True, help_text="Not synced by the schedule before this time, after failures."
    )
    synced_source = models.CharField(
        max_length=32,
        blank=True,
        help_text="Fingerprint of the source at the last successful sync.",
    )
    failed_source = models.CharField(
        max_length=32,
        blank=True,
        help_text="Fingerprint of the source that failed; a changed source is tried at once.",
    )

    claim_token = models.UUIDField(null=True, blank=True)
    claim_trigger = models.CharField(max_length=10, choices=Trigger, blank=True)
    claim_worker = models.CharField(max_length=255, blank=True)
    claimed_at = models.DateTimeField(null=True, blank=True)
    claim_started_at = models.DateTimeField(null=True, blank=True)
    claim_expires_at = models.DateTimeField(null=True, blank=True)
    cancelled_message_until = models.DateTimeField(
        null=True,
        blank=True,
        help_text="A sync was cancelled while queued: its message, which is gone by then, must begin nothing.",
    )

    # Of the claim's columns this alone is indexed, because it stays true while a claim is confirmed, begun and renewed:
    # PostgreSQL then writes the new row version into no index (HOT). Indexing claim_expires_at made each of these
    # steps several times as dear.
    has_claim = models.GeneratedField(
        expression=models.ExpressionWrapper(
            models.Q(claim_expires_at__isnull=False), output_field=models.BooleanField()
        ),
        output_field=models.BooleanField(),
        db_persist=True,
    )

    # Microseconds since 1970, NULL = never by schedule. The database computes it from the columns themselves, so
    # no way of writing them (admin, bulk update, fixture, SQL) can leave it stale.
    due_at = models.GeneratedField(
        expression=models.Case(
            models.When(
                sync_enabled=True,
                status=FabricStatus.ACTIVE,
                sync_interval__gt=0,
                then=Coalesce(
                    EpochMicroseconds("last_sync")
                    + Cast("sync_interval", models.BigIntegerField()) * models.Value(1_000_000),
                    models.Value(0),
                    output_field=models.BigIntegerField(),
                ),
            ),
            default=None,
            output_field=models.BigIntegerField(),
        ),
        output_field=models.BigIntegerField(),
        db_persist=True,
    )

    class Meta:
        ordering = ("name",)
        verbose_name = "fabric"
        permissions = (("sync_hedgehogfabric", "Can sync fabrics, enable and disable them, and set their intervals"),)
        indexes = [
            # scheduling.due: "which fabrics are due", longest overdue first; the admin's list by next due, which has
            # those without one as well.
            models.Index(fields=["due_at", "id"], name="fabric_due"),
            # scheduling.claims: "which claims are live", "which have expired".
            models.Index(fields=["id"], name="fabric_claim", condition=models.Q(has_claim=True)),
            # Admin: the list filtered by what few fabrics are. The rest, nearly all, costs these indexes nothing.
            models.Index(
                fields=["sync_status", "name"],
                name="fabric_not_in_sync",
                condition=~models.Q(sync_status=SyncStatus.IN_SYNC),
            ),
            models.Index(
                fields=["status", "name"], name="fabric_not_active", condition=~models.Q(status=FabricStatus.ACTIVE)
            ),
            models.Index(fields=["name"], name="fabric_disabled", condition=models.Q(sync_enabled=False)),
            models.Index(fields=["retry_at"], name="fabric_retry", condition=models.Q(retry_at__isnull=False)),
            # Admin: the dashboard's worst.
            models.Index(
                fields=["-consecutive_failures", "id"],
                name="fabric_failing",
                condition=models.Q(sync_status=SyncStatus.ERROR),
            ),
        ]

    def __str__(self) -> str:
        return self.name

    def clean(self) -> None:
        """Refuse limits by kind that a sync could not read, and schema checks without definitions."""
        super().clean()
        if self.schema_mode != SchemaMode.OFF and self.schema_source is None:
            raise ValidationError({"schema_source": "Choose the definitions to check against, or switch checks off."})
        if problem := budget_problem(self.budget_by_kind):
            raise ValidationError({"budget_by_kind": problem})

    def activity(self, now: datetime) -> Activity:
        """What happens with this fabric at ``now``, as its claim says."""
        if self.claim_expires_at is None or self.claim_expires_at <= now:
            return Activity.IDLE
        return Activity.QUEUED if self.claim_started_at is None else Activity.SYNCING
