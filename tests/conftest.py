"""Fixtures that every test may ask for."""

from __future__ import annotations

import os
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


def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    """A skipped check is a defect in CI: what a test needs, `.ci/run` must bring."""
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    if os.environ.get("CI") and reporter and reporter.stats.get("skipped") and exitstatus == pytest.ExitCode.OK:
        reporter.write_line("skipped tests are not accepted in CI", red=True)
        session.exitstatus = pytest.ExitCode.TESTS_FAILED
