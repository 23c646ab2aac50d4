from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from django_celery_beat.models import CrontabSchedule, IntervalSchedule, PeriodicTask, PeriodicTasks

from netbox_hedgehog.admin import schedule, schedule_forms
from netbox_hedgehog.celery import app
from netbox_hedgehog.tasks import periodic_fabric_sync_scheduler

LIST = "/admin/django_celery_beat/periodictask/"
INTERVALS = "/admin/django_celery_beat/intervalschedule/"
LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)

pytestmark = pytest.mark.django_db


@pytest.fixture
def task() -> Any:
    """The row that the migration made, with a stamp whose move would be seen by a running beat."""
    PeriodicTasks.objects.update(last_update=LONG_AGO)
    return PeriodicTask.objects.get(name="periodic-fabric-sync")


def beat_was_told() -> bool:
    return bool(PeriodicTasks.last_change() > LONG_AGO)


def page(row: Any, view: str = "change") -> str:
    return reverse(f"admin:django_celery_beat_{row._meta.model_name}_{view}", args=[row.pk])


def form_of(task: Any, **changes: Any) -> dict[str, Any]:
    values = {
        "name": task.name,
        "regtask": "",
        "task": task.task,
        "enabled": "on",
        "description": task.description,
        "interval": task.interval_id,
        "args": "[]",
        "kwargs": "{}",
        "headers": task.headers,
        "expire_seconds": 50,
        "queue": "git_sync",
        "priority": 6,
    }
    return {name: value for name, value in (values | changes).items() if value is not None}


def act(client: Client, action: str, *tasks: Any) -> Any:
    return client.post(LIST, {"action": action, "_selected_action": [task.pk for task in tasks]}, follow=True)


def said(response: Any) -> list[str]:
    return [str(message) for message in response.context["messages"]]


def errors_of(response: Any, field: str) -> str:
    assert response.status_code == 200
    return " ".join(response.context["adminform"].form.errors.get(field, []))


def test_editing_an_interval_reaches_a_running_beat(boss: Client, task: Any) -> None:
    assert boss.post(page(task.interval), {"every": 15, "period": "seconds"}).status_code == 302
    task.interval.refresh_from_db()
    assert task.interval.every == 15
    assert beat_was_told()


def test_giving_a_task_another_interval_reaches_a_running_beat(boss: Client, task: Any) -> None:
    faster = IntervalSchedule.objects.create(every=10, period="seconds")
    PeriodicTasks.objects.update(last_update=LONG_AGO)
    assert boss.post(page(task), form_of(task, interval=faster.pk)).status_code == 302
    task.refresh_from_db()
    assert task.interval == faster
    assert beat_was_told()


def test_a_save_leaves_the_run_counters_to_beat(boss: Client, task: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def counted_meanwhile(form: Any) -> Any:
        PeriodicTask.objects.update(total_run_count=99, last_run_at=LONG_AGO)
        return clean(form)

    clean = schedule_forms.TaskForm.clean
    monkeypatch.setattr(schedule_forms.TaskForm, "clean", counted_meanwhile)
    boss.post(page(task), form_of(task, description="mine"))
    task.refresh_from_db()
    assert (task.description, task.total_run_count, task.last_run_at) == ("mine", 99, LONG_AGO)


def test_unticking_enabled_on_the_page_stops_it_as_beat_expects(boss: Client, task: Any) -> None:
    PeriodicTask.objects.update(last_run_at=timezone.now())
    assert boss.post(page(task), form_of(task, enabled=None)).status_code == 302
    task.refresh_from_db()
    assert (task.enabled, task.last_run_at) == (False, None)
    assert beat_was_told()


def test_choosing_a_registered_task_is_stored(boss: Client, task: Any) -> None:
    boss.post(page(task), form_of(task, regtask="netbox_hedgehog.tasks.git_sync_fabric"))
    task.refresh_from_db()
    assert task.task == "netbox_hedgehog.tasks.git_sync_fabric"


def test_the_registered_tasks_can_be_chosen(boss: Client, task: Any) -> None:
    assert 'value="netbox_hedgehog.tasks.git_sync_fabric"' in boss.get(page(task)).content.decode()


def test_disable_and_enable_tell_beat_and_log_the_old_value(boss: Client, task: Any) -> None:
    assert said(act(boss, "disable_tasks", task)) == ["1 task disabled."]
    task.refresh_from_db()
    assert (task.enabled, task.last_run_at) == (False, None)
    assert beat_was_told()
    PeriodicTasks.objects.update(last_update=LONG_AGO)
    assert said(act(boss, "enable_tasks", task)) == ["1 task enabled."]
    task.refresh_from_db()
    assert task.enabled
    assert beat_was_told()
    assert [entry.change_message for entry in LogEntry.objects.order_by("pk")] == [
        "Was enabled, now disabled.",
        "Was disabled, now enabled.",
    ]


@pytest.mark.parametrize("action", ["enable_tasks", "disable_tasks", "run_tasks", "toggle_tasks"])
def test_a_viewer_cannot_act_on_the_schedule(
    viewer: Client, task: Any, action: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(schedule, "send", lambda task: pytest.fail("sent"))
    PeriodicTask.objects.update(enabled=action == "disable_tasks")
    before = PeriodicTask.objects.values().get(pk=task.pk)
    act(viewer, action, task)
    assert viewer.post(page(task), form_of(task, description="mine")).status_code == 403
    assert viewer.post(page(task.interval), {"every": 1, "period": "days"}).status_code == 403
    assert PeriodicTask.objects.values().get(pk=task.pk) == before
    assert not beat_was_told()
    assert not LogEntry.objects.exists()


def test_run_now_sends_to_the_queue_and_priority_of_the_row(boss: Client, task: Any) -> None:
    PeriodicTask.objects.update(queue="by_hand", priority=3, headers=json.dumps({"registered-by": "x"}))
    with app.connection_for_read() as broker, broker.SimpleQueue("by_hand") as queue:
        queue.clear()
        assert said(act(boss, "run_tasks", task)) == ["1 task sent."]
        message: Any = queue.get(timeout=5)
        message.ack()
    assert message.headers["task"] == "netbox_hedgehog.tasks.periodic_fabric_sync_scheduler"
    assert message.headers["periodic_task_name"] == "periodic-fabric-sync"
    assert message.headers["registered-by"] == "x"
    expires = datetime.fromisoformat(message.headers["expires"])
    assert timedelta(seconds=30) < expires - timezone.now() <= timedelta(seconds=50)
    assert message.properties["priority"] == 3
    assert LogEntry.objects.get().change_message == "Run once by hand."


def test_run_now_with_the_broker_down_says_so(
    boss: Client, task: Any, monkeypatch: pytest.MonkeyPatch, closed_port: int
) -> None:
    publish: Any = periodic_fabric_sync_scheduler.apply_async

    def to_a_closed_port(args: Any, kwargs: Any, **options: Any) -> Any:
        with app.connection_for_write(f"redis://:hunter2@127.0.0.1:{closed_port}/0") as broker:
            return publish(args, kwargs, connection=broker, retry=False, **options)

    monkeypatch.setattr(periodic_fabric_sync_scheduler, "apply_async", to_a_closed_port)
    [message] = said(act(boss, "run_tasks", task))
    assert "broker does not answer" in message
    assert "hunter2" not in message
    assert not LogEntry.objects.exists()


@pytest.mark.parametrize(
    ("column", "words"), [({"task": "no.such.task"}, "no task no.such.task"), ({"args": "{oops"}, "not JSON")]
)
def test_run_now_names_what_is_wrong_with_a_task(boss: Client, task: Any, column: dict[str, str], words: str) -> None:
    PeriodicTask.objects.update(**column)
    [message] = said(act(boss, "run_tasks", task))
    assert words in message


@pytest.mark.parametrize("way", ["page", "list"])
def test_an_interval_in_use_is_not_deleted(boss: Client, task: Any, way: str) -> None:
    if way == "page":
        assert "periodic-fabric-sync" in boss.get(page(task.interval, "delete")).content.decode()
        boss.post(page(task.interval, "delete"), {"post": "yes"})
    else:
        chosen = {"action": "delete_selected", "_selected_action": task.interval_id, "post": "yes"}
        assert "give it another schedule" in boss.post(INTERVALS, chosen).content.decode()
    assert IntervalSchedule.objects.filter(pk=task.interval_id).exists()
    assert PeriodicTask.objects.filter(pk=task.pk).exists()


def test_who_deletes_the_tick_is_told_what_stops(boss: Client, task: Any) -> None:
    assert "no fabric is synced by schedule" in boss.get(page(task, "delete")).content.decode()
    task.task = "celery.backend_cleanup"
    task.save()
    assert "no fabric is synced by schedule" not in boss.get(page(task, "delete")).content.decode()


def test_its_labels_and_texts_are_those_of_people(boss: Client, task: Any) -> None:
    fields = boss.get(page(task)).context["adminform"].form.fields
    assert fields["one_off"].label == "One-off task"
    assert fields["headers"].label == "AMQP message headers"
    assert fields["enabled"].help_text == "Whether beat sends it."
    crontab = CrontabSchedule.objects.create(minute="0", hour="4")
    PeriodicTask.objects.create(name="nightly", task="x", crontab=crontab)
    assert "At 04:00 AM" in boss.get(LIST).content.decode()


def test_who_only_looks_is_shown_no_list_to_choose_from(viewer: Client, task: Any) -> None:
    text = viewer.get(page(task)).content.decode()
    assert "periodic_fabric_sync_scheduler" in text
    assert "egtask" not in text


def test_an_interval_that_nobody_uses_is_deleted(boss: Client, task: Any) -> None:
    spare = IntervalSchedule.objects.create(every=7, period="days")
    boss.post(page(spare, "delete"), {"post": "yes"})
    assert not IntervalSchedule.objects.filter(pk=spare.pk).exists()
    assert PeriodicTask.objects.filter(pk=task.pk).exists()


@pytest.mark.parametrize(
    ("every", "period"),
    [
        (0, "seconds"),
        (-5, "minutes"),
        (500, "microseconds"),
        (999_999, "microseconds"),
        (366, "days"),
        (2**31 - 1, "days"),
    ],
)
def test_a_senseless_interval_is_refused_in_words(boss: Client, task: Any, every: int, period: str) -> None:
    response = boss.post(page(task.interval), {"every": every, "period": period})
    assert "1 second" in errors_of(response, "every") or "1 year" in errors_of(response, "every")
    assert not beat_was_told()


@pytest.mark.parametrize(("every", "period"), [(1, "seconds"), (1_000_000, "microseconds"), (365, "days")])
def test_the_shortest_and_the_longest_interval_are_accepted(boss: Client, task: Any, every: int, period: str) -> None:
    assert boss.post(page(task.interval), {"every": every, "period": period}).status_code == 302


def test_changing_an_interval_that_several_tasks_share_says_so(boss: Client, task: Any) -> None:
    PeriodicTask.objects.create(name="another", task="x", interval=task.interval)
    response = boss.post(page(task.interval), {"every": 15, "period": "seconds"}, follow=True)
    assert any("another" in message and "2 tasks" in message for message in said(response))


@pytest.mark.parametrize(
    ("field", "text", "words"),
    [
        ("headers", "{oops", "not JSON"),
        ("headers", "[]", "object"),
        ("args", "{}", "list"),
        ("args", "[" * 100_000, "not JSON"),
        ("kwargs", "[]", "object"),
    ],
)
def test_json_that_beat_would_choke_on_is_refused(boss: Client, task: Any, field: str, text: str, words: str) -> None:
    assert words in errors_of(boss.post(page(task), form_of(task, **{field: text})), field)
