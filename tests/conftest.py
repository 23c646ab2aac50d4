"""Fixtures that every test may ask for."""

from __future__ import annotations

import io
import logging
import os
import socket
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from django.core.cache import cache

from netbox_hedgehog.observability.redaction import RedactingFilter
from tests.support.git_server import GitServer
from tests.support.remote import Remote


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


@pytest.fixture
def remote(tmp_path: Path, settings: Any) -> Iterator[Remote]:
    """A repository behind a real Git server, which the settings allow, and an own place for mirrors."""
    settings.HEDGEHOG_GIT_SCHEMES = ("https", "ssh", "http")
    settings.DATA_DIR = tmp_path / "data"
    with GitServer(tmp_path / "repositories") as server:
        yield Remote(server)


@pytest.fixture
def operator_log() -> Iterator[io.StringIO]:
    """What the process logs, as the configured handler writes it."""
    root = logging.getLogger()
    configured = next(
        handler for handler in root.handlers if any(isinstance(f, RedactingFilter) for f in handler.filters)
    )
    written = io.StringIO()
    handler = logging.StreamHandler(written)
    handler.setFormatter(configured.formatter)
    for each in configured.filters:
        handler.addFilter(each)
    root.addHandler(handler)
    yield written
    root.removeHandler(handler)


def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    """A skipped check is a defect in CI: what a test needs, `.ci/run` must bring."""
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    if os.environ.get("CI") and reporter and reporter.stats.get("skipped") and exitstatus == pytest.ExitCode.OK:
        reporter.write_line("skipped tests are not accepted in CI", red=True)
        session.exitstatus = pytest.ExitCode.TESTS_FAILED
