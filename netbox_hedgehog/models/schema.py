"""Where the definitions of the kinds come from, and what became of them when they were last looked at."""

from __future__ import annotations

from django.core.exceptions import ValidationError
from django.db import models

from netbox_hedgehog.models.repository import GitRepository


class SchemaSource(models.Model):
    """CustomResourceDefinitions in a directory of a Git repository, or in a local folder.

    The lower columns are the machine's: what the last sync that used the source found.
    """

    name = models.CharField(max_length=100, unique=True)
    git_repository = models.ForeignKey(
        GitRepository,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="schema_sources",
        help_text="The repository that holds the definitions; it is fetched like that of a fabric.",
    )
    ref = models.CharField(
        "branch, tag or commit",
        max_length=255,
        blank=True,
        help_text="Such as the tag of the release that the cluster runs. Empty: the repository's own.",
    )
    directory = models.CharField(
        max_length=1000, default="/", help_text="The directory in the repository that holds the definitions."
    )
    local_folder = models.CharField(
        max_length=1000,
        blank=True,
        help_text="Instead of a repository: a folder below HEDGEHOG_SCHEMA_ROOT, the same on every worker.",
    )

    version = models.CharField(
        max_length=64, blank=True, help_text="Tree id of the directory, or a digest of the folder, as last loaded."
    )
    commit = models.CharField(max_length=64, blank=True)
    kind_count = models.PositiveIntegerField("kinds", default=0)
    unchecked = models.TextField(blank=True, help_text="What the definitions ask for and is not checked.")
    error = models.TextField(blank=True, help_text="Why they cannot be used, and what to do about it.")

    class Meta:
        ordering = ("name",)
        verbose_name = "schema source"

    def __str__(self) -> str:
        return self.name

    def clean(self) -> None:
        """A repository or a folder, not both and not neither."""
        super().clean()
        if self.git_repository and self.local_folder:
            raise ValidationError({"local_folder": "Choose a repository or a local folder, not both."})
        if not self.git_repository and not self.local_folder:
            raise ValidationError({"git_repository": "Choose a repository, or name a local folder."})
