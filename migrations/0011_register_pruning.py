"""Register the pruning of the history in the database: every five minutes, from which beat drives it.

The row belongs to the operator once it exists: nothing here overwrites it. What this migration made is noted in
the task's message headers, so that its reversal removes that and nothing else.
"""

import json
from importlib import import_module
from typing import Any

from django.db import migrations

first = import_module("netbox_hedgehog.migrations.0002_register_schedule")

TASK_NAME = "prune-history"
TASK = "netbox_hedgehog.tasks.prune_history"
EVERY_MINUTES = 5
# Below the interval, so that prunings never pile up behind a stopped worker.
EXPIRE_SECONDS = 240
PROVENANCE_VALUE = "netbox_hedgehog.0011_register_pruning"


def register(apps: Any, schema_editor: Any) -> None:
    """Add the interval and the task unless they exist."""
    using = schema_editor.connection.alias
    intervals = apps.get_model("django_celery_beat", "IntervalSchedule").objects.using(using)
    tasks = apps.get_model("django_celery_beat", "PeriodicTask").objects.using(using)
    if tasks.filter(name=TASK_NAME).exists():
        return
    headers: dict[str, Any] = {first.PROVENANCE: PROVENANCE_VALUE}
    interval = intervals.filter(every=EVERY_MINUTES, period="minutes").order_by("pk").first()
    if interval is None:
        interval = intervals.create(every=EVERY_MINUTES, period="minutes")
        headers[first.MADE_INTERVAL] = interval.pk
    tasks.create(
        name=TASK_NAME,
        task=TASK,
        interval=interval,
        queue="git_sync",
        expire_seconds=EXPIRE_SECONDS,
        enabled=True,
        headers=json.dumps(headers),
        description="Deletes sync runs, scheduler runs and mirrors that are past their age or number.",
    )
    first.tell_beat(apps, using)


def unregister(apps: Any, schema_editor: Any) -> None:
    """Remove the task and the interval if this migration made them and nobody else uses them."""
    using = schema_editor.connection.alias
    intervals = apps.get_model("django_celery_beat", "IntervalSchedule").objects.using(using)
    tasks = apps.get_model("django_celery_beat", "PeriodicTask").objects.using(using)
    task = tasks.filter(name=TASK_NAME).first()
    headers = first.provenance_of(task)
    if headers.get(first.PROVENANCE) != PROVENANCE_VALUE:
        return
    task.delete()
    made_interval = headers.get(first.MADE_INTERVAL)
    # Deleting an interval would take every task that uses it along.
    if made_interval and not tasks.filter(interval_id=made_interval).exists():
        intervals.filter(pk=made_interval).delete()
    first.tell_beat(apps, using)


class Migration(migrations.Migration):
    dependencies = [
        ("netbox_hedgehog", "0010_cancel_syncs"),
        ("django_celery_beat", "0019_alter_periodictasks_options"),
    ]

    operations = [migrations.RunPython(register, unregister)]
