"""What is measured: our tick, what one would write first, what the library offers, and what cannot be beaten."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Final
from uuid import uuid4

from django.db import connection
from django.utils import timezone
from django_celery_beat.models import IntervalSchedule, PeriodicTask
from django_celery_beat.schedulers import DatabaseScheduler

from bench.rows import INTERVAL_SECONDS
from netbox_hedgehog.celery import app
from netbox_hedgehog.models import FabricStatus, HedgehogFabric
from netbox_hedgehog.scheduling.due import epoch_microseconds
from netbox_hedgehog.scheduling.tick import run_tick
from netbox_hedgehog.tasks import git_sync_fabric
from netbox_hedgehog.tasks.publishing import _Batch, _Template

_TABLE: Final = HedgehogFabric._meta.db_table  # noqa: SLF001 - Django's documented model API


def ours(now: datetime) -> int:
    """One tick as the task runs it; how many syncs it sent."""
    summary = run_tick(now, git_sync_fabric.delay, git_sync_fabric.batch)
    if summary.errors:
        raise RuntimeError(summary.errors[0])
    return summary.syncs_triggered


def naive(now: datetime) -> int:
    """All rows into Python, decided in Python, one ``delay`` each; no lock, no claims, no history."""
    sent = 0
    for fabric in HedgehogFabric.objects.all():
        if (
            fabric.sync_enabled
            and fabric.status == FabricStatus.ACTIVE
            and fabric.sync_interval > 0
            and fabric.git_repository_id
            and (fabric.last_sync is None or now >= fabric.last_sync + timedelta(seconds=fabric.sync_interval))
        ):
            git_sync_fabric.delay(fabric.pk)
            sent += 1
    return sent


def prepare_floor(now: datetime) -> Callable[[], int]:
    """Compose the messages beforehand; what is returned finds, claims and pushes, and does nothing else."""
    due = HedgehogFabric.objects.filter(due_at__lte=epoch_microseconds(now)).values_list("pk", flat=True)
    with app.producer_or_acquire() as producer:
        template = _Template.of(_Batch(git_sync_fabric, producer, {}))
    messages = [template.message(pk) for pk in due]
    key = template.key

    def floor() -> int:
        with connection.cursor() as cursor:
            cursor.execute(f"SELECT id FROM {_TABLE} WHERE due_at <= %s ORDER BY due_at, id", [epoch_microseconds(now)])
            found = [pk for (pk,) in cursor.fetchall()]
            cursor.execute(
                f"UPDATE {_TABLE} SET claim_token = %s, claim_trigger = 'schedule', claimed_at = %s,"
                " claim_expires_at = %s WHERE id = ANY(%s) RETURNING id",
                [uuid4(), now, now + timedelta(seconds=600), found],
            )
            claimed = cursor.fetchall()
        with app.producer_or_acquire() as producer, producer.channel.conn_or_acquire() as client:
            pipe = client.pipeline(transaction=False)
            for message in messages:
                pipe.lpush(key, message)
            pipe.execute()
        return len(claimed)

    return floor


def prepare_database_scheduler(count: int, every: int) -> Callable[[], int]:
    """Make one periodic task per fabric, each ``every``-th due; what is returned starts beat's scheduler on them and
    ticks it until nothing is due.
    """
    now = timezone.now()
    interval, _ = IntervalSchedule.objects.get_or_create(every=INTERVAL_SECONDS, period="seconds")
    PeriodicTask.objects.all().delete()
    PeriodicTask.objects.bulk_create(
        PeriodicTask(
            name=f"fabric-{number}",
            task=git_sync_fabric.name,
            args=json.dumps([number]),
            interval=interval,
            last_run_at=now - timedelta(seconds=2 * INTERVAL_SECONDS if number % every == 0 else 1),
        )
        for number in range(count)
    )

    def database_scheduler() -> int:
        scheduler = DatabaseScheduler(app)
        scheduler._finalize.cancel()  # noqa: SLF001 - it would save its state when this process ends
        scheduler.sync_every_tasks = 0  # the library's default; our settings save after each message
        sent = 0
        while scheduler.tick() == 0:
            sent += 1
        return sent

    return database_scheduler
