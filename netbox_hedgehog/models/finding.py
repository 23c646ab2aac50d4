"""What the checks of the last sync said of a fabric's resources."""

from django.db import models

from netbox_hedgehog.models.choices import FindingSeverity
from netbox_hedgehog.models.fabric import HedgehogFabric


class FabricFinding(models.Model):
    """One finding; all of a fabric are replaced by each sync that reads its manifests.

    It names the resource by identity instead of pointing at its row, so that replacing the resources in bulk costs
    nothing here.
    """

    fabric = models.ForeignKey(HedgehogFabric, on_delete=models.CASCADE, related_name="findings", db_index=False)
    severity = models.CharField(max_length=10, choices=FindingSeverity)
    code = models.CharField(max_length=64)
    api_version = models.CharField("API version", max_length=320)
    kind = models.CharField(max_length=63)
    namespace = models.CharField(max_length=63)
    name = models.CharField(max_length=253)
    field = models.TextField(blank=True, help_text="Path of the field within the resource.")
    message = models.TextField()
    source_path = models.TextField(help_text="Path of the file in the repository.")
    source_line = models.PositiveIntegerField(default=1)

    class Meta:
        ordering = ("fabric", "pk")
        verbose_name = "finding"
        indexes = [
            # Admin: the list, of all fabrics or of one; and of one severity or code.
            models.Index(fields=["fabric", "id"], name="finding_of_fabric"),
            models.Index(fields=["severity", "fabric", "id"], name="finding_of_severity"),
            # By the beginning of a code or name, too.
            models.Index(
                fields=["code", "fabric", "id"],
                name="finding_by_code",
                opclasses=["varchar_pattern_ops", "int8_ops", "int8_ops"],
            ),
            models.Index(fields=["name"], name="finding_name", opclasses=["varchar_pattern_ops"]),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.namespace}/{self.name}: {self.code}"
