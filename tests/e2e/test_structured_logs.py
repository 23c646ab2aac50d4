"""What real processes write is one event per line, and says whose it is."""

from __future__ import annotations

import json

import pytest

from netbox_hedgehog.models import GitRepository, SyncRun
from tests.support.waiting import eventually

pytestmark = pytest.mark.e2e


def test_each_line_of_worker_and_beat_is_an_event_that_names_fabric_run_and_task(system, schedule, fabric):
    system.environment |= {"HEDGEHOG_LOG_FORMAT": "json", "HEDGEHOG_LOG_LEVEL": "DEBUG"}
    worker = system.start("worker", "--quiet", "worker", "--concurrency=1")
    beat = system.start("beat", "--quiet", "beat", "--pidfile=")
    eventually(lambda: SyncRun.objects.filter(status="succeeded").first(), "a sync")
    GitRepository.objects.update(password="wrong")
    failed = eventually(lambda: SyncRun.objects.filter(status="failed").first(), "a sync that fails")
    worker.wait_for("sync.failed")
    worker.stop()
    beat.stop()

    # Celery announces its own end from a signal handler, past all logging.
    said = [line for line in worker.lines + beat.lines if line not in {"", "worker: Warm shutdown (MainProcess)"}]
    events = [json.loads(line) for line in said]
    assert all({"timestamp", "level", "event", "logger"} <= set(event) for event in events)
    (failure,) = [
        event for event in events if event.get("run") == str(failed.token) and event["event"] == "sync.failed"
    ]
    assert {"fabric": "lab", "fabric_id": fabric.pk, "code": "git.auth_failed"}.items() <= failure.items()
    assert len(failure["task_id"]) == 36
    (tick, *_) = [event for event in events if event["event"] == "tick.completed"]
    assert tick["task_id"] != failure["task_id"]
    assert "s3cr3t-canary" not in "".join(said)
