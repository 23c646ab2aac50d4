"""The command sync_schedule."""

from __future__ import annotations

import json
from datetime import timedelta
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone
from django_celery_beat.models import CrontabSchedule, IntervalSchedule, PeriodicTask, PeriodicTasks

from netbox_hedgehog.scheduling.fleet import TICK_TASK

pytestmark = pytest.mark.django_db


def said(*arguments: str) -> str:
    output = StringIO()
    call_command("sync_schedule", *arguments, stdout=output)
    return output.getvalue()


@pytest.fixture
def task() -> PeriodicTask:
    return PeriodicTask.objects.get(task=TICK_TASK)


def test_it_says_what_an_operator_wants_to_know(task, monkeypatch):
    now = timezone.now()
    monkeypatch.setattr("netbox_hedgehog.management.commands.sync_schedule.timezone.now", lambda: now)
    PeriodicTask.objects.update(last_run_at=now - timedelta(seconds=12), total_run_count=4812)
    text = said()
    assert text.startswith("periodic-fabric-sync: every 60 seconds, enabled; last sent ")
    assert "(12 s ago), next " in text
    assert "(in 48 s); 4,812 sent." in text


def test_it_says_what_is_wrong_and_what_helps():
    assert "! No tick has run yet; beat sent none yet.\n  Start beat" in said()


def test_the_interval_is_set_and_a_running_beat_told(task):
    before = PeriodicTasks.last_change()
    assert "every 5 minutes" in said("--every", "5m")
    task.refresh_from_db()
    assert (task.interval.every, task.interval.period, task.expire_seconds) == (5, "minutes", 250)
    assert PeriodicTasks.last_change() > before


def test_an_interval_that_other_tasks_share_is_not_changed_under_them(task):
    other = PeriodicTask.objects.create(name="other", task="other", interval=task.interval)
    said("--every", "90")
    other.refresh_from_db()
    assert (other.interval.every, other.interval.period) == (60, "seconds")


def test_an_interval_that_exists_is_used_again(task):
    there = IntervalSchedule.objects.create(every=2, period="hours")
    said("--every", "2 h")
    task.refresh_from_db()
    assert task.interval == there


def test_another_kind_of_schedule_is_replaced(task):
    PeriodicTask.objects.update(interval=None, crontab=CrontabSchedule.objects.create())
    said("--every", "1d")
    task.refresh_from_db()
    assert (task.crontab, task.interval.period) == (None, "days")


def test_of_a_calendar_the_next_time_is_not_guessed(task):
    PeriodicTask.objects.update(interval=None, crontab=CrontabSchedule.objects.create(minute="7"))
    assert ", next " not in said()
    assert json.loads(said("--json"))["interval_seconds"] is None


def test_it_is_switched_off_and_on(task):
    assert "disabled" in said("--disable")
    task.refresh_from_db()
    assert not task.enabled
    assert "enabled" in said("--enable", "--every", "30s")
    task.refresh_from_db()
    assert (task.enabled, task.interval.every) == (True, 30)


@pytest.mark.parametrize("text", ["0", "-5", "1.5", "500ms", "", "soon", "400d", "5 weeks", "9" * 12])
def test_a_wrong_interval_is_refused_and_nothing_changed(task, text):
    with pytest.raises(CommandError, match=r"--every: .*interval"):
        said("--every", text or " ", "--disable")
    task.refresh_from_db()
    assert (task.enabled, task.interval.every) == (True, 60)


def test_without_its_row_it_says_how_to_get_one():
    PeriodicTask.objects.filter(task=TICK_TASK).delete()
    with pytest.raises(CommandError, match="Add one in the admin"):
        said()


def test_of_several_rows_it_changes_none(task):
    PeriodicTask.objects.create(name="second", task=TICK_TASK, interval=task.interval)
    with pytest.raises(CommandError, match="Several periodic tasks"):
        said("--disable")
    assert PeriodicTask.objects.filter(task=TICK_TASK, enabled=True).count() == 2


def test_for_programs_it_is_json(task):
    PeriodicTask.objects.update(last_run_at=timezone.now(), total_run_count=3)
    document = json.loads(said("--json"))
    task.refresh_from_db()
    assert document == {
        "name": "periodic-fabric-sync",
        "enabled": True,
        "schedule": "every 60 seconds",
        "interval_seconds": 60.0,
        "last_sent_at": task.last_run_at.isoformat(),
        "next_at": (task.last_run_at + timedelta(seconds=60)).isoformat(),
        "sent": 3,
        "hindered_by": ["no_worker"],
    }


def test_a_change_is_logged_with_who_and_what(operator_log):
    said("--every", "30s")
    assert "schedule.changed" in operator_log.getvalue()
    assert "every 60 seconds" in operator_log.getvalue()
    said()
    assert operator_log.getvalue().count("schedule.changed") == 1
