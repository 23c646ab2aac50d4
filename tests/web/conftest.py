"""Who asks, and from where."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client

from netbox_hedgehog.web.probes import PartsView

KEY = "a key for the monitoring system"


@pytest.fixture(autouse=True)
def _no_static_files_and_nothing_kept(settings: Any, tmp_path: Path) -> None:
    PartsView._kept.clear()
    settings.STATIC_ROOT = tmp_path


@pytest.fixture
def key(settings: Any) -> dict[str, str]:
    """The headers of who has the key."""
    settings.HEDGEHOG_METRICS_KEY = KEY
    return {"Authorization": f"Bearer {KEY}"}


@pytest.fixture
def staff(db: None) -> Client:
    """Signed in as staff without any permission."""
    client = Client()
    client.force_login(User.objects.create_user("operator", is_staff=True))
    return client
