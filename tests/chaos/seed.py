"""Rows for the fleet, written by the product's own models."""

from __future__ import annotations

import json
from typing import IO, Any

from django.contrib.auth.models import User
from django_celery_beat.models import IntervalSchedule, PeriodicTask

from netbox_hedgehog.models import FabricStatus, GitRepository, HedgehogFabric


def plant(stream: IO[str]) -> None:
    """Write what the JSON of ``stream`` says; see ``story``."""
    plan: dict[str, Any] = json.load(stream)
    User.objects.create_superuser("boss", password=plan["admin_password"])
    interval = IntervalSchedule.objects.create(every=plan["tick_seconds"], period="seconds")
    task = PeriodicTask.objects.get(name="periodic-fabric-sync")
    task.interval, task.expire_seconds = interval, plan["tick_seconds"]
    task.save()
    repositories: dict[str, GitRepository] = {}
    for fabric, (name, url) in plan["fabrics"].items():
        if name not in repositories:
            repositories[name] = GitRepository.objects.create(
                name=name, url=url, username=plan["username"], password=plan["password"]
            )
        HedgehogFabric.objects.create(
            name=fabric,
            status=FabricStatus.ACTIVE,
            sync_interval=plan["interval_seconds"],
            git_repository=repositories[name],
            gitops_directory=f"/{fabric}",
        )
