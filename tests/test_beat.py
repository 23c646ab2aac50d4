"""What beat does at its start, so that it misses no edit."""

from __future__ import annotations

from typing import Any

import pytest
from celery.signals import beat_init
from django_celery_beat.models import IntervalSchedule, PeriodicTask
from django_celery_beat.schedulers import DatabaseScheduler

from netbox_hedgehog import startup
from netbox_hedgehog.celery import app

pytestmark = pytest.mark.django_db(transaction=True)


class Starting:
    """Celery's service of beat, as it is when its scheduler has read the schedule."""

    def __init__(self) -> None:
        self.scheduler = DatabaseScheduler(app=app)


@pytest.fixture
def task() -> Any:
    interval = IntervalSchedule.objects.create(every=3600, period="seconds")
    return PeriodicTask.objects.create(name="mine", task="x", interval=interval)


@pytest.mark.parametrize("edited_again", [False, True], ids=["once", "and again right after"])
def test_an_edit_while_it_starts_is_followed_in_its_first_round(
    task: Any, edited_again: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(startup, "refuse_wrong_setup", lambda *_more: None)
    service = Starting()
    seconds = 7
    task.interval = IntervalSchedule.objects.create(every=seconds, period="seconds")
    task.save()
    beat_init.send(sender=service)
    if edited_again:
        seconds = 9
        task.interval = IntervalSchedule.objects.create(every=seconds, period="seconds")
        task.save()
    assert service.scheduler.schedule["mine"].schedule.run_every.total_seconds() == seconds
