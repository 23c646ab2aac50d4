"""A change that is larger than its fabric's budget and waits for a person."""

from django.db import models

from netbox_hedgehog.models.choices import Decision
from netbox_hedgehog.models.fabric import HedgehogFabric


class HeldChange(models.Model):
    """What one commit would do to one fabric. Another commit's is another row, so its id stands for what was seen."""

    fabric = models.OneToOneField(HedgehogFabric, on_delete=models.CASCADE, related_name="held_change")
    commit = models.CharField(max_length=64)
    tree = models.CharField(max_length=64, help_text="Tree id of the GitOps directory.")
    source = models.CharField(max_length=32, help_text="Fingerprint of the source.")
    reasons = models.JSONField(help_text="Which limits it exceeds, in words.")
    budget = models.JSONField(help_text="The limits that it was judged by.")
    created = models.PositiveIntegerField(default=0)
    updated = models.PositiveIntegerField(default=0)
    deleted = models.PositiveIntegerField(default=0)
    record = models.JSONField(help_text="What it would change, as in a sync record.")
    held_at = models.DateTimeField()
    decision = models.CharField(max_length=10, choices=Decision, default=Decision.PENDING)
    decided_by = models.CharField(max_length=150, blank=True)
    decided_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ("held_at", "pk")
        verbose_name = "held change"
        indexes = [
            # Admin: a commit of a shared repository may hold all its fabrics.
            models.Index(fields=["held_at", "id"], name="heldchange_oldest"),
        ]

    def __str__(self) -> str:
        return f"{self.fabric.name} at {self.commit[:12]}"
