"""Fixtures that every test may ask for."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

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


@pytest.fixture
def closed_port() -> Iterator[int]:
    """A port of this machine that refuses every connection."""
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        yield bound.getsockname()[1]


@pytest.fixture
def cache_away(settings: Any, closed_port: int) -> None:
    """The cache's server is down."""
    settings.CACHES = {"default": settings.CACHES["default"] | {"LOCATION": f"redis://127.0.0.1:{closed_port}/0"}}


def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    """A skipped check is a defect in CI: what a test needs, `.ci/run` must bring."""
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    if os.environ.get("CI") and reporter and reporter.stats.get("skipped") and exitstatus == pytest.ExitCode.OK:
        reporter.write_line("skipped tests are not accepted in CI", red=True)
        session.exitstatus = pytest.ExitCode.TESTS_FAILED
