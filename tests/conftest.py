"""Fixtures that every test may ask for."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from django.core.cache import cache


@pytest.fixture
def now() -> datetime:
    """The one reading of the clock in tests that inject it."""
    return datetime(2026, 3, 1, 12, 0, 0, 123456, tzinfo=UTC)


@pytest.fixture(autouse=True)
def _clean_cache() -> None:
    """Nobody inherits a tick lock."""
    cache.clear()
