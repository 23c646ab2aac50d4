"""A real worker and a real beat leave the signs that probes and watchers go by."""

from __future__ import annotations

from pathlib import Path

import pytest

from netbox_hedgehog.alive import own_name, pulse_file
from netbox_hedgehog.pulse import workers_seen
from tests.support.waiting import eventually

pytestmark = pytest.mark.e2e


def test_workers_and_beat_leave_signs_while_they_run_and_a_worker_that_stops_takes_them_away(system, schedule):
    data = Path(system.environment["HEDGEHOG_DATA_DIR"])
    worker, _ = system.worker(concurrency=1), system.beat()
    files = [pulse_file(data, role, own_name(role)) for role in ("worker", "beat")]

    eventually(lambda: all(file.exists() for file in files), "both files")
    eventually(lambda: set(workers_seen()) == {own_name("worker")}, "what the worker tells")
    worker.stop()
    assert workers_seen() == {}
    assert not files[0].exists()
