"""A Kubernetes custom resource of a fabric, as Git has it."""

from django.db import models

from netbox_hedgehog.models.fabric import HedgehogFabric


class FabricResource(models.Model):
    """One document of the fabric's desired state, with the place it comes from."""

    fabric = models.ForeignKey(
        HedgehogFabric,
        on_delete=models.CASCADE,
        related_name="resources",
        db_index=False,  # the identity's index begins with it
    )
    api_version = models.CharField("API version", max_length=320)
    kind = models.CharField(max_length=63)
    namespace = models.CharField(max_length=63)
    name = models.CharField(max_length=253)
    labels = models.JSONField(default=dict, blank=True)
    annotations = models.JSONField(default=dict, blank=True)
    spec = models.JSONField(default=dict, blank=True)
    digest = models.CharField(max_length=64, help_text="Of labels, annotations and spec.")
    source_path = models.TextField(help_text="Path of the file in the repository.")
    source_line = models.PositiveIntegerField(default=1)
    source_commit = models.CharField(
        max_length=64, blank=True, default="", db_default="", help_text="The commit that last wrote it."
    )

    class Meta:
        ordering = ("fabric", "kind", "namespace", "name")
        verbose_name = "resource"
        constraints = [
            models.UniqueConstraint(
                fields=["fabric", "kind", "namespace", "name", "api_version"], name="resource_identity"
            ),
        ]
        indexes = [
            # admin.resource_search: the beginning of a name, in all fabrics. The class is PostgreSQL's for LIKE.
            models.Index(fields=["name"], name="resource_name", opclasses=["varchar_pattern_ops"]),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.namespace}/{self.name}"
