"""The whole path with real processes: schedule row, beat, tick, worker, Git over HTTP, database."""

from __future__ import annotations

import os
import signal
from datetime import timedelta
from io import StringIO
from pathlib import Path
from threading import Event

import pytest
from celery import current_app
from django.core.management import call_command
from django.utils import timezone
from django_celery_beat.models import IntervalSchedule, PeriodicTask

from netbox_hedgehog.models import (
    Activity,
    FabricResource,
    FabricStatus,
    GitRepository,
    HedgehogFabric,
    RunStatus,
    SchedulerRun,
    SyncRun,
    SyncStatus,
)
from netbox_hedgehog.scheduling.due import due
from netbox_hedgehog.scheduling.manual import request_sync
from netbox_hedgehog.tasks import git_sync_fabric, periodic_fabric_sync_scheduler
from tests.e2e.conftest import switch
from tests.support.git_server import commit_files, hang, tcp_server
from tests.support.waiting import PATIENCE_SECONDS, eventually

pytestmark = pytest.mark.e2e


def names(fabric):
    return set(FabricResource.objects.filter(fabric=fabric).values_list("name", flat=True))


def test_a_fabric_arrives_by_schedule_and_follows_its_repository(system, schedule, fabric, git_server):
    worker = system.worker()
    beat = system.beat()

    eventually(lambda: names(fabric) == {"spine-1"}, "the first switch")
    fabric.refresh_from_db()
    assert fabric.sync_status == SyncStatus.IN_SYNC
    assert SchedulerRun.objects.filter(syncs_triggered=1).exists()

    commit_files(
        git_server.root / "fabrics.git", {"lab/spine-1.yaml": None, "lab/leaf-1.yaml": switch("leaf-1")}, "replace it"
    )
    eventually(lambda: names(fabric) == {"leaf-1"}, "the second commit")
    said = "\n".join(worker.lines + beat.lines)
    assert "s3cr3t-canary" not in said
    assert "Traceback" not in said


def test_an_edited_interval_changes_the_cadence_of_the_running_beat_and_disabling_stops_it(system, schedule):
    system.worker(concurrency=1)
    beat = system.beat()
    eventually(lambda: SchedulerRun.objects.count() >= 1, "the first tick")

    seen = len(beat.lines)
    schedule.interval = IntervalSchedule.objects.create(every=1, period="hours")
    schedule.save()
    eventually(lambda: any("Schedule changed" in line for line in beat.lines[seen:]), "beat reads the edit")
    eventually(no_new_tick_for(2.5), "the ticks to pause for an hour")
    ticks = SchedulerRun.objects.count()

    schedule.interval = IntervalSchedule.objects.create(every=1, period="seconds")
    schedule.save()
    eventually(lambda: SchedulerRun.objects.count() >= ticks + 3, "ticks every second after the edit")

    schedule.refresh_from_db()
    schedule.enabled = False
    schedule.save()
    seen = len(beat.lines)
    eventually(lambda: any("Schedule changed" in line for line in beat.lines[seen:]), "beat reads the edit")
    # What was sent before the edit may still run; after that, two intervals bring nothing new.
    eventually(no_new_tick_for(2.5), "the ticks to stop")


def no_new_tick_for(seconds):
    state = {"count": -1, "since": timezone.now()}

    def look():
        count = SchedulerRun.objects.count()
        if count != state["count"]:
            state.update(count=count, since=timezone.now())
        return timezone.now() - state["since"] > timedelta(seconds=seconds)

    return look


def test_a_fabric_recovers_after_its_worker_was_killed_in_the_middle_of_a_sync(system, schedule, fabric):
    system.environment["HEDGEHOG_RUNNING_CLAIM_SECONDS"] = "6"
    good_url = fabric.git_repository.url
    with tcp_server(hang) as url:
        GitRepository.objects.update(url=url)
        worker = system.worker()
        system.beat()
        eventually(lambda: activity(fabric) == Activity.SYNCING, "the sync to hang")
        worker.kill()
        GitRepository.objects.update(url=good_url)

    system.worker()

    eventually(lambda: names(fabric) == {"spine-1"}, "the fabric to recover")
    assert SyncRun.objects.filter(fabric=fabric, status=RunStatus.LOST, error_code="sync.lost").count() == 1


def test_a_fabric_recovers_after_one_pool_process_was_killed_in_the_middle_of_a_sync(system, schedule, fabric):
    system.environment["HEDGEHOG_RUNNING_CLAIM_SECONDS"] = "6"
    good_url = fabric.git_repository.url
    with tcp_server(hang) as url:
        GitRepository.objects.update(url=url)
        worker = system.worker(concurrency=1)
        git_sync_fabric.delay(fabric.pk)
        eventually(lambda: activity(fabric) == Activity.SYNCING, "the sync to hang")
        (child,) = children_of(worker.pid)
        os.kill(child, signal.SIGKILL)
        GitRepository.objects.update(url=good_url)
    system.beat()

    eventually(lambda: names(fabric) == {"spine-1"}, "the fabric to recover")


def test_the_command_queues_a_sync_and_follows_it_to_its_end(system, fabric):
    system.worker(concurrency=1)
    output = StringIO()

    call_command("sync_fabrics", "lab", "--wait", stdout=output)

    assert "lab: succeeded  +1 ~0 -0" in output.getvalue()
    assert names(fabric) == {"spine-1"}


def test_a_sync_that_is_cancelled_while_it_fetches_writes_nothing_and_waits_for_its_interval(
    system, fabric, git_server
):
    HedgehogFabric.objects.update(sync_interval=3600)
    system.environment["HEDGEHOG_RUNNING_CLAIM_SECONDS"] = "6"
    cancelled, fetching = Event(), Event()

    def wait_before_the_pack(content: bytes) -> bytes:
        if b"PACK" in content:
            fetching.set()
            assert cancelled.wait(PATIENCE_SECONDS)
        return content

    git_server.spoil = wait_before_the_pack
    worker = system.worker(concurrency=1)
    sync = git_sync_fabric.delay(fabric.pk)
    assert fetching.wait(PATIENCE_SECONDS)
    assert activity(fabric) == Activity.SYNCING

    call_command("cancel_sync", "lab", stdout=StringIO())
    assert activity(fabric) == Activity.IDLE
    worker.wait_for("sync.claim_lost")
    cancelled.set()

    assert sync.get(timeout=PATIENCE_SECONDS)["error"]["code"] == "sync.cancelled"
    assert names(fabric) == set()
    run = SyncRun.objects.get()
    assert (run.status, run.error_code) == (RunStatus.CANCELLED, "sync.cancelled")
    assert not due(timezone.now()).exists()
    assert due(timezone.now() + timedelta(seconds=3600)).exists()


def test_the_message_of_a_cancelled_sync_begins_nothing(system, fabric):
    request_sync(fabric.pk, timezone.now(), git_sync_fabric.delay)
    call_command("cancel_sync", "lab", stdout=StringIO())

    worker = system.worker(concurrency=1)

    worker.wait_for("reason=cancelled")
    assert names(fabric) == set()
    assert [run.status for run in SyncRun.objects.all()] == [RunStatus.CANCELLED]


def test_a_tick_does_not_queue_behind_the_syncs_of_earlier_ticks(system, transactional_db):
    for number in range(20):
        fabric = HedgehogFabric.objects.create(name=f"fabric-{number}", status=FabricStatus.PLANNED)
        git_sync_fabric.delay(fabric.pk)
    periodic_fabric_sync_scheduler.apply_async(queue="git_sync", priority=6)  # as the schedule row says

    system.worker(concurrency=1)

    eventually(lambda: SyncRun.objects.count() == 20, "all syncs")
    tick = SchedulerRun.objects.get()
    assert tick.started_at < SyncRun.objects.order_by("started_at")[0].started_at


def test_the_worker_refuses_a_message_that_is_not_json(system, transactional_db):
    fabric = HedgehogFabric.objects.create(name="lab")
    worker = system.worker(concurrency=1)
    worker.wait_for("ready")

    with current_app.connection_for_write() as connection:
        connection.Producer().publish(
            ([fabric.pk], {}, {}),
            serializer="pickle",
            routing_key="git_sync",
            headers={"id": "1", "task": git_sync_fabric.name, "lang": "py"},
        )
    worker.wait_for("Refusing to deserialize")
    git_sync_fabric.delay(fabric.pk)

    eventually(lambda: SyncRun.objects.count() == 1, "the message after it")


def test_two_beats_never_run_two_syncs_of_a_fabric_at_once(system, schedule, fabric):
    system.worker()
    system.beat()
    system.beat()

    eventually(lambda: SyncRun.objects.filter(fabric=fabric).count() >= 5, "five syncs")

    runs = list(SyncRun.objects.filter(fabric=fabric).order_by("started_at"))
    ends = [run.started_at + timedelta(seconds=run.duration_seconds) for run in runs]
    assert all(end <= later.started_at for end, later in zip(ends, runs[1:], strict=False))


def test_history_is_pruned_by_its_row_of_the_schedule(system, fabric):
    old = SyncRun.objects.create(
        fabric=fabric, status=RunStatus.UNCHANGED, started_at=timezone.now() - timedelta(days=90)
    )
    newer = SyncRun.objects.create(
        fabric=fabric, status=RunStatus.UNCHANGED, started_at=timezone.now() - timedelta(days=60)
    )
    PeriodicTask.objects.update_or_create(
        name="prune-history",
        defaults={
            "task": "netbox_hedgehog.tasks.prune_history",
            "interval": IntervalSchedule.objects.create(every=1, period="seconds"),
            "queue": "git_sync",
        },
    )
    worker = system.worker(concurrency=1)
    system.beat()

    worker.wait_for("retention.pruned")
    eventually(lambda: not SyncRun.objects.filter(pk=old.pk).exists(), "the old run to go")
    assert SyncRun.objects.filter(pk=newer.pk).exists()


def activity(fabric):
    return HedgehogFabric.objects.get(pk=fabric.pk).activity(timezone.now())


def children_of(pid):
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
