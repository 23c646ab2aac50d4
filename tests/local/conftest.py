"""Real processes, and ways to wait for what they do without sleeping."""

import io
import os
import queue
import select
import sys
from pathlib import Path

import pytest

PATIENCE_SECONDS = 90
OURS = ("DATABASE_URL", "REDIS_URL", "CELERY_BROKER_URL", "CACHE_URL")


class Heard(io.StringIO):
    """A stream that keeps lines; :meth:`wait_for` waits until one contains a text."""

    def __init__(self):
        super().__init__()
        self.lines = []
        self._new = queue.Queue()

    def write(self, text):
        self._new.put(text.rstrip("\n"))
        return len(text)

    def wait_for(self, text):
        while True:
            line = self._new.get(timeout=PATIENCE_SECONDS)
            self.lines.append(line)
            if text in line:
                return line


def wait_until_gone(*processes):
    """Wait until each process has ended; whether its parent has noticed makes no difference."""
    for process in processes:
        try:
            descriptor = os.pidfd_open(process)
        except ProcessLookupError:
            continue
        try:
            ready, _, _ = select.select([descriptor], [], [], PATIENCE_SECONDS)
            assert ready, f"process {process} is still running"
        finally:
            os.close(descriptor)


@pytest.fixture
def heard():
    return Heard()


@pytest.fixture
def bare_environment(tmp_path: Path):
    """The environment of somebody who has set nothing up, with a data directory of its own."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if name not in OURS and not name.startswith(("HEDGEHOG_", "SECRET_KEY", "PYTEST"))
    }
    return kept | {"HEDGEHOG_DATA_DIR": str(tmp_path / "var")}


@pytest.fixture
def python():
    return sys.executable
