"""Users, a few rows, and a client for each kind of user."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import Permission, User
from django.test import Client
from django.utils import timezone

from netbox_hedgehog import tasks
from netbox_hedgehog.models import FabricStatus, GitRepository, HedgehogFabric

HOST_KEY = "AAAAC3NzaC1lZDI1NTE5AAAAIBlxusormkANqXBwsFKoHHW3i2POzDZIGR40pbGOf3jD"


@pytest.fixture(autouse=True)
def _static_files_without_a_manifest(settings: Any, tmp_path: Path) -> None:
    settings.STATIC_ROOT = tmp_path
    settings.STORAGES = settings.STORAGES | {
        "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"}
    }


@pytest.fixture(autouse=True)
def _fast_passwords(settings: Any) -> None:
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]


@pytest.fixture
def boss(db: None) -> Client:
    """Signed in as a superuser."""
    client = Client()
    client.force_login(User.objects.create_superuser("boss"))
    return client


@pytest.fixture
def viewer(db: None) -> Client:
    """Signed in as somebody who may look at everything and change nothing."""
    user = User.objects.create_user("viewer", is_staff=True)
    user.user_permissions.set(Permission.objects.filter(codename__startswith="view_"))
    client = Client()
    client.force_login(user)
    return client


@pytest.fixture
def permitted(db: None) -> Callable[..., User]:
    """A user with just the permissions that are named."""

    def made(*codenames: str) -> User:
        user = User.objects.create_user(" ".join(codenames), is_staff=True)
        user.user_permissions.set(Permission.objects.filter(codename__in=codenames))
        return user

    return made


@pytest.fixture
def repository(db: None) -> GitRepository:
    return GitRepository.objects.create(
        name="core",
        url="https://git.example.com/network/core.git",
        username="bot",
        password="stored-password",
        ssh_private_key="-----BEGIN OPENSSH PRIVATE KEY-----\nstored-key\n-----END OPENSSH PRIVATE KEY-----\n",
        ssh_key_passphrase="stored-passphrase",
        ssh_known_hosts=f"git.example.com ssh-ed25519 {HOST_KEY}\n",
    )


@pytest.fixture
def fabric(repository: GitRepository) -> HedgehogFabric:
    return HedgehogFabric.objects.create(name="east", status=FabricStatus.ACTIVE, git_repository=repository)


@pytest.fixture
def backing_off(fabric: HedgehogFabric) -> HedgehogFabric:
    """Failed four times, waits an hour."""
    fabric.retry_at = timezone.now() + timedelta(hours=1)
    fabric.consecutive_failures = 4
    fabric.save()
    return fabric


@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The ids of the fabrics whose sync was published, instead of publishing them."""
    ids: list[int] = []
    monkeypatch.setattr(tasks.git_sync_fabric, "delay", ids.append)
    return ids
