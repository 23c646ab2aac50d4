"""A Git remote with a ref and credentials."""

from __future__ import annotations

from typing import Any

from django.db import models

from netbox_hedgehog.git.urls import split_credentials
from netbox_hedgehog.models.fields import EncryptedTextField


class GitRepository(models.Model):
    """Where manifests come from; many fabrics may share one."""

    name = models.CharField(max_length=100, unique=True)
    url = models.CharField(
        "URL",
        max_length=2000,
        help_text="https://… or ssh://…; a user and password pasted into it are moved to the fields below.",
    )
    branch = models.CharField(
        "branch, tag or commit",
        max_length=255,
        default="main",
        help_text="A branch, a tag or a full commit id.",
    )
    username = models.CharField(max_length=255, blank=True)
    password = EncryptedTextField("password or token", blank=True, help_text="Encrypted; never shown again.")
    ssh_private_key = EncryptedTextField(
        "SSH private key", blank=True, help_text="Encrypted; never shown again. PEM or OpenSSH format."
    )
    ssh_key_passphrase = EncryptedTextField("SSH key passphrase", blank=True, help_text="Encrypted; never shown again.")
    ssh_known_hosts = models.TextField(
        "SSH known hosts",
        blank=True,
        help_text="Lines as in known_hosts; `ssh-keyscan HOST` prints them. A host that is not listed is refused.",
    )

    class Meta:
        ordering = ("name",)
        verbose_name = "Git repository"
        verbose_name_plural = "Git repositories"

    def __str__(self) -> str:
        return self.name

    def save(self, *args: Any, **kwargs: Any) -> None:
        """Save with credentials taken out of the URL: they belong into the encrypted columns."""
        moved = self.absorb_url_credentials()
        columns = kwargs.get("update_fields")
        if moved and columns is not None and "url" in columns:
            kwargs["update_fields"] = {*columns, "username", "password"}
        super().save(*args, **kwargs)

    def absorb_url_credentials(self) -> bool:
        """Move a user and password out of the URL into their own fields; whether there were any."""
        split = split_credentials(self.url)
        if split.url == self.url:
            return False
        self.url = split.url
        self.username = split.username or self.username
        if split.password:
            self.password = split.password
        return True
