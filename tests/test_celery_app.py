from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from uuid import uuid4

import pytest

import netbox_hedgehog
from netbox_hedgehog.celery import app
from netbox_hedgehog.conf import conf
from netbox_hedgehog.tasks import git_sync_fabric, periodic_fabric_sync_scheduler, prune_history

ROOT = Path(__file__).resolve().parent.parent
TICK = "netbox_hedgehog.tasks.periodic_fabric_sync_scheduler"
SYNC = "netbox_hedgehog.tasks.git_sync_fabric"
PRUNE = "netbox_hedgehog.tasks.prune_history"


def test_the_command_line_finds_it_by_the_packages_name():
    script = (
        "import json, sys; from celery.app.utils import find_app; app = find_app('netbox_hedgehog');"
        "app.loader.import_default_modules(); print(app.main, *sorted(app.tasks))"
    )
    shown = subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT, env=os.environ, capture_output=True, text=True, timeout=60, check=True
    ).stdout.split()
    assert shown[0] == "netbox_hedgehog"
    assert {TICK, SYNC, PRUNE} <= set(shown)
    assert netbox_hedgehog.celery_app is app


def test_the_tasks_have_the_names_of_the_contract():
    assert app.tasks[TICK].name == periodic_fabric_sync_scheduler.name == TICK
    assert app.tasks[SYNC].name == git_sync_fabric.name == SYNC
    assert app.tasks[PRUNE].name == prune_history.name == PRUNE


@pytest.mark.parametrize("name", [TICK, SYNC, PRUNE])
def test_a_task_is_acknowledged_late_and_redelivered_when_its_worker_dies(name):
    task = app.tasks[name]
    assert task.acks_late is True
    assert task.reject_on_worker_lost is True


@pytest.mark.parametrize(
    ("option", "expected"),
    [
        ("task_default_queue", "git_sync"),
        ("task_serializer", "json"),
        ("result_serializer", "json"),
        ("event_serializer", "json"),
        ("accept_content", ["json"]),
        ("result_accept_content", ["json"]),
        ("timezone", "UTC"),
        ("enable_utc", True),
        ("worker_prefetch_multiplier", 1),
        ("beat_schedule", {}),
        ("beat_scheduler", "django_celery_beat.schedulers:DatabaseScheduler"),
        ("worker_hijack_root_logger", False),
    ],
)
def test_its_configuration(option, expected):
    assert getattr(app.conf, option) == expected


def test_nothing_but_json_is_sent():
    """Pickle would let whoever reaches the broker run code in the workers."""
    from kombu.exceptions import EncodeError

    with pytest.raises(EncodeError):
        git_sync_fabric.apply_async((object(),))


def test_the_time_limits_form_a_chain():
    soft, hard = app.conf.task_soft_time_limit, app.conf.task_time_limit
    visibility = app.conf.broker_transport_options["visibility_timeout"]
    assert conf.git_timeout_seconds < soft == conf.sync_time_limit_seconds < hard < visibility
    assert git_sync_fabric.expires < conf.queued_claim_seconds < visibility


def test_a_pruning_overtakes_the_syncs_that_wait_and_no_tick():
    name = f"test-{uuid4().hex}"
    git_sync_fabric.apply_async((1,), queue=name)
    periodic_fabric_sync_scheduler.apply_async(queue=name, priority=6)
    prune_history.apply_async(queue=name)
    with app.connection_for_read() as connection, connection.channel() as channel:
        queue = app.amqp.queues[name](channel)
        messages = list(iter(lambda: queue.get(no_ack=True), None))
    assert [message.headers["task"] for message in messages] == [TICK, PRUNE, SYNC]


@pytest.mark.parametrize("scheduled", [{}, {"priority": 6}], ids=["by hand", "by beat"])
def test_a_tick_overtakes_the_syncs_that_wait_in_the_real_broker(scheduled):
    name = f"test-{uuid4().hex}"
    for fabric_id in range(3):
        git_sync_fabric.apply_async((fabric_id,), queue=name)
    periodic_fabric_sync_scheduler.apply_async(queue=name, **scheduled)
    with app.connection_for_read() as connection, connection.channel() as channel:
        queue = app.amqp.queues[name](channel)
        messages = list(iter(lambda: queue.get(no_ack=True), None))
    assert [message.headers["task"] for message in messages] == [TICK, SYNC, SYNC, SYNC]
    assert [message.payload[0] for message in messages[1:]] == [[0], [1], [2]]
