"""A Git remote with a ref and credentials."""

from __future__ import annotations

from itertools import chain
from typing import Any, Final

from django.db import models

from netbox_hedgehog.git.urls import split_credentials
from netbox_hedgehog.models.fields import EncryptedTextField

SECRETS: Final = ("password", "ssh_private_key", "ssh_key_passphrase", "proxy_password")
"""The columns that hold credentials; ``…_reference`` beside each names one instead."""

URL_CREDENTIALS: Final = (("url", "username", "password"), ("proxy_url", "proxy_username", "proxy_password"))
"""Columns with a URL, and those that take the user and the password that stand in it."""


def _reference(name: str) -> models.CharField[str, str]:
    return models.CharField(
        name,
        max_length=255,
        blank=True,
        default="",
        db_default="",
        help_text="env:HEDGEHOG_CREDENTIAL_… or file:…: read by the worker at each sync, instead of a stored one.",
    )


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

    ca_certificates = models.TextField(
        "signing authorities",
        blank=True,
        default="",
        db_default="",
        help_text="Certificates in PEM form. If any are given, they alone vouch for the https server.",
    )
    proxy_url = models.CharField(
        "proxy URL",
        max_length=2000,
        blank=True,
        default="",
        db_default="",
        help_text="http://proxy.example.com:3128; a user and password pasted into it are moved to the fields below.",
    )
    proxy_username = models.CharField("proxy user", max_length=255, blank=True, default="", db_default="")
    proxy_password = EncryptedTextField(
        "proxy password", blank=True, default="", db_default="", help_text="Encrypted; never shown again."
    )

    password_reference = _reference("password or token by reference")
    ssh_private_key_reference = _reference("SSH private key by reference")
    ssh_key_passphrase_reference = _reference("SSH key passphrase by reference")
    proxy_password_reference = _reference("proxy password by reference")

    class Meta:
        ordering = ("name",)
        verbose_name = "Git repository"
        verbose_name_plural = "Git repositories"

    def __str__(self) -> str:
        return self.name

    def save(self, *args: Any, **kwargs: Any) -> None:
        """Save with credentials taken out of the URLs: they belong into the encrypted columns."""
        moved = self.absorb_url_credentials()
        columns = kwargs.get("update_fields")
        if moved and columns is not None:
            kwargs["update_fields"] = {*columns, *chain(*(group for group in moved if group[0] in columns))}
        super().save(*args, **kwargs)

    def absorb_url_credentials(self) -> list[tuple[str, str, str]]:
        """Move users and passwords out of the URLs; which of :data:`URL_CREDENTIALS` were written."""
        moved = []
        for group in URL_CREDENTIALS:
            url, username, password = group
            split = split_credentials(getattr(self, url))
            if split.url == getattr(self, url):
                continue
            setattr(self, url, split.url)
            setattr(self, username, split.username or getattr(self, username))
            if split.password:
                setattr(self, password, split.password)
            moved.append(group)
        return moved
