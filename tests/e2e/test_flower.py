"""Celery's own monitoring tools show the tasks, their states and their progress, and nothing that is secret."""

from __future__ import annotations

import base64
import json
import socket
import urllib.error
import urllib.request
from collections.abc import Callable
from threading import Event
from typing import Any

import pytest
from celery import current_app
from django.db import transaction

from netbox_hedgehog.alive import own_name
from netbox_hedgehog.models import HedgehogFabric
from netbox_hedgehog.tasks import git_sync_fabric, periodic_fabric_sync_scheduler
from tests.support.waiting import PATIENCE_SECONDS, eventually

pytestmark = pytest.mark.e2e

SYNC, TICK = git_sync_fabric.name, periodic_fabric_sync_scheduler.name

type Ask = Callable[[str], Any]


@pytest.fixture
def port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


@pytest.fixture
def flower(system, port) -> Ask:
    """A real Flower as the documentation starts it; what its API answers, None where it does not know."""
    system.environment["FLOWER_BASIC_AUTH"] = "watcher:a pass phrase"
    process = system.start("flower", "flower", "--address=127.0.0.1", f"--port={port}")
    process.wait_for("Visit me")

    def ask(path: str) -> Any:
        pair = base64.b64encode(b"watcher:a pass phrase").decode()
        request = urllib.request.Request(
            f"http://127.0.0.1:{port}/api/{path}", headers={"Authorization": f"Basic {pair}"}
        )
        try:
            with urllib.request.urlopen(request, timeout=PATIENCE_SECONDS) as answer:
                return json.load(answer)
        except urllib.error.HTTPError as error:
            with error:
                if error.code == 404:
                    return None
                raise

    return ask


def test_flower_shows_each_task_with_its_states_and_its_progress(system, fabric, git_server, flower):
    HedgehogFabric.objects.update(sync_interval=3600)
    asked, go_on = Event(), Event()

    def wait(content: bytes) -> bytes:
        asked.set()
        assert go_on.wait(PATIENCE_SECONDS)
        return content

    git_server.spoil = wait
    worker = system.worker(concurrency=1)
    is_watched(worker, flower)

    sync = git_sync_fabric.delay(fabric.pk)
    assert asked.wait(PATIENCE_SECONDS)
    started = eventually(lambda: told(flower, sync.id, "STARTED"), "that the sync has started")
    assert (started["name"], started["args"]) == (SYNC, f"({fabric.pk},)")
    assert flower(f"task/result/{sync.id}")["state"] == "STARTED"
    (active,) = (current_app.control.inspect(timeout=PATIENCE_SECONDS, limit=1).active() or {}).values()
    assert [(task["id"], task["args"]) for task in active] == [(sync.id, [fabric.pk])]

    with transaction.atomic():  # holds the sync where it has read everything and would write
        HedgehogFabric.objects.select_for_update().get(pk=fabric.pk)
        go_on.set()
        eventually(lambda: flower(f"task/result/{sync.id}")["state"] == "PROGRESS", "the progress")

    succeeded = eventually(lambda: told(flower, sync.id, "SUCCESS"), "that the sync has succeeded")
    assert "'status': 'succeeded'" in succeeded["result"]
    assert flower(f"task/result/{sync.id}")["result"]["created"] == 1

    tick = periodic_fabric_sync_scheduler.apply_async(queue="git_sync")
    ticked = eventually(lambda: told(flower, tick.id, "SUCCESS"), "the tick")
    assert ticked["name"] == TICK
    everything = json.dumps(flower("tasks")) + "".join(worker.lines)
    assert "s3cr3t-canary" not in everything


def test_flower_shows_a_failed_sync_as_done_with_its_error_redacted(system, fabric, flower):
    fabric.git_repository.password = "wrong-s3cr3t-canary"
    fabric.git_repository.save()
    worker = system.worker(concurrency=1)
    is_watched(worker, flower)

    sync = git_sync_fabric.delay(fabric.pk)
    eventually(lambda: told(flower, sync.id, "SUCCESS"), "the end of the sync")
    result = flower(f"task/result/{sync.id}")["result"]
    assert (result["status"], result["error"]["code"]) == ("failed", "git.auth_failed")
    assert "s3cr3t-canary" not in json.dumps(flower("tasks")) + json.dumps(result)


def test_flower_answers_nobody_without_the_password(flower, port):
    with pytest.raises(urllib.error.HTTPError) as refused:
        urllib.request.urlopen(f"http://127.0.0.1:{port}/api/tasks", timeout=PATIENCE_SECONDS)
    with refused.value as answer:
        assert answer.code == 401


def is_watched(worker: Any, flower: Ask) -> None:
    """Wait until Flower knows the worker and has switched on what tells it of tasks, as it does by itself."""
    eventually(lambda: own_name("worker") in flower("workers?refresh=1"), "the worker")
    worker.wait_for("Events of group {task} enabled by remote")


def told(flower: Ask, task_id: str, state: str) -> dict[str, Any] | None:
    """What Flower knows of a task, once that is in this state."""
    info = flower(f"task/info/{task_id}")
    return info if info and info["state"] == state else None
