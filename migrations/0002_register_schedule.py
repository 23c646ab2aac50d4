"""Register the periodic sync in the database: every 60 seconds, from which beat's DatabaseScheduler drives it.

The row belongs to the operator once it exists: nothing here overwrites it. What this migration made is noted in
the task's message headers, so that its reversal removes that and nothing else.
"""

import json
from typing import Any

from django.db import migrations
from django.utils import timezone

TASK_NAME = "periodic-fabric-sync"
TASK = "netbox_hedgehog.tasks.periodic_fabric_sync_scheduler"
EVERY_SECONDS = 60
# Below the interval, so that ticks never pile up behind a stopped worker.
EXPIRE_SECONDS = 50
PROVENANCE = "registered-by"
PROVENANCE_VALUE = "netbox_hedgehog.0002_register_schedule"
MADE_INTERVAL = "registered-interval"


def register(apps: Any, schema_editor: Any) -> None:
    """Add the interval and the task unless they exist."""
    using = schema_editor.connection.alias
    intervals = apps.get_model("django_celery_beat", "IntervalSchedule").objects.using(using)
    tasks = apps.get_model("django_celery_beat", "PeriodicTask").objects.using(using)
    if tasks.filter(name=TASK_NAME).exists():
        return
    headers: dict[str, Any] = {PROVENANCE: PROVENANCE_VALUE}
    # Not get_or_create: the table has no uniqueness, and an operator may have the same interval twice.
    interval = intervals.filter(every=EVERY_SECONDS, period="seconds").order_by("pk").first()
    if interval is None:
        interval = intervals.create(every=EVERY_SECONDS, period="seconds")
        headers[MADE_INTERVAL] = interval.pk
    tasks.create(
        name=TASK_NAME,
        task=TASK,
        interval=interval,
        queue="git_sync",
        priority=6,
        expire_seconds=EXPIRE_SECONDS,
        enabled=True,
        headers=json.dumps(headers),
        description="Finds every fabric whose own sync interval has expired and hands it to a worker.",
    )
    tell_beat(apps, using)


def unregister(apps: Any, schema_editor: Any) -> None:
    """Remove the task and the interval if this migration made them and nobody else uses them."""
    using = schema_editor.connection.alias
    intervals = apps.get_model("django_celery_beat", "IntervalSchedule").objects.using(using)
    tasks = apps.get_model("django_celery_beat", "PeriodicTask").objects.using(using)
    task = tasks.filter(name=TASK_NAME).first()
    headers = provenance_of(task)
    if headers.get(PROVENANCE) != PROVENANCE_VALUE:
        return
    task.delete()
    made_interval = headers.get(MADE_INTERVAL)
    # Deleting an interval would take every task that uses it along.
    if made_interval and not tasks.filter(interval_id=made_interval).exists():
        intervals.filter(pk=made_interval).delete()
    tell_beat(apps, using)


def provenance_of(task: Any) -> dict[str, Any]:
    """The task's headers; nothing when there is no task or an operator wrote something else there."""
    try:
        headers = json.loads(task.headers) if task else {}
    except ValueError:
        return {}
    return headers if isinstance(headers, dict) else {}


def tell_beat(apps: Any, using: str) -> None:
    """Move the stamp that a running beat watches; historical models send no signals that would do it."""
    stamps = apps.get_model("django_celery_beat", "PeriodicTasks").objects.using(using)
    stamps.update_or_create(ident=1, defaults={"last_update": timezone.now()})


class Migration(migrations.Migration):
    dependencies = [
        ("netbox_hedgehog", "0001_initial"),
        ("django_celery_beat", "0019_alter_periodictasks_options"),
    ]

    operations = [migrations.RunPython(register, unregister)]
