"""The page of the sync schedule."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from itertools import chain
from types import SimpleNamespace
from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Permission, User
from django.test import Client
from django.utils import timezone
from django.utils.html import strip_tags
from django_celery_beat.models import CrontabSchedule, IntervalSchedule, PeriodicTask, PeriodicTasks

from netbox_hedgehog.admin import sync_schedule
from netbox_hedgehog.models import SchedulerRun
from netbox_hedgehog.scheduling.fleet import TICK_TASK

PAGE = "/admin/schedule/"
LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)

pytestmark = pytest.mark.django_db


@pytest.fixture
def task() -> Any:
    """The row that the migration made, with a stamp whose move would be seen by a running beat."""
    PeriodicTasks.objects.update(last_update=LONG_AGO)
    return PeriodicTask.objects.get(task=TICK_TASK)


def beat_was_told() -> bool:
    return bool(PeriodicTasks.last_change() > LONG_AGO)


def sentence(client: Client) -> str:
    found = re.search(r'<p id="sync-schedule-sentence".*?</p>', client.get(PAGE).content.decode(), re.DOTALL)
    assert found
    return " ".join(strip_tags(found[0]).split())


def act(client: Client, action: str, **fields: Any) -> Any:
    return client.post(PAGE, {"action": action, **fields}, follow=True)


def said(response: Any) -> list[str]:
    return [str(message) for message in response.context["messages"]]


def test_it_says_in_one_sentence_what_an_operator_wants_to_know(
    boss: Client, task: Any, now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sync_schedule, "timezone", SimpleNamespace(now=lambda: now))
    PeriodicTask.objects.update(last_run_at=now - timedelta(seconds=12), total_run_count=4812)
    assert sentence(boss) == "Every 60 seconds, enabled, last ran 12 s ago, next in 48 s, 4,812 runs"


def test_disabled_it_still_knows_when_it_last_ran_and_names_no_next_time(boss: Client, task: Any) -> None:
    SchedulerRun.objects.create(status="completed", started_at=timezone.now() - timedelta(minutes=5))
    act(boss, "disable")
    assert sentence(boss) == "Every 60 seconds, disabled, last ran 5 min ago, 0 runs"


def test_switched_on_again_beat_counts_from_that_moment(boss: Client, task: Any) -> None:
    PeriodicTask.objects.update(enabled=False, date_changed=timezone.now() - timedelta(days=1))
    act(boss, "enable")
    assert ", next in " in sentence(boss)


def test_what_is_late_is_next_now_and_beats_absence_is_told_with_the_remedy(boss: Client, task: Any) -> None:
    PeriodicTask.objects.update(last_run_at=timezone.now() - timedelta(hours=1))
    assert "next now" in sentence(boss)
    assert "Start beat" in boss.get(PAGE).content.decode()


def test_of_a_calendar_the_next_time_is_not_guessed(boss: Client, task: Any) -> None:
    PeriodicTask.objects.update(interval=None, crontab=CrontabSchedule.objects.create(minute="7"))
    assert "next as its calendar says" in sentence(boss)


def test_an_interval_is_set_logged_with_the_old_one_and_told_to_beat(boss: Client, task: Any) -> None:
    response = act(boss, "set", every=5, period="minutes")
    assert said(response) == ["Now every 5 minutes, enabled. A running beat follows within seconds."]
    task.refresh_from_db()
    assert (task.interval.every, task.interval.period, task.expire_seconds) == (5, "minutes", 250)
    assert beat_was_told()
    [entry] = LogEntry.objects.all()
    assert entry.change_message == "Was every 60 seconds, enabled; now every 5 minutes, enabled."
    assert entry.user.get_username() == "boss"
    history = boss.get(f"/admin/django_celery_beat/periodictask/{task.pk}/history/").content.decode()
    assert entry.change_message in history
    assert entry.change_message in response.content.decode()


def test_an_interval_that_others_share_stays_as_it_is_for_them(boss: Client, task: Any) -> None:
    other = PeriodicTask.objects.create(name="another", task="x", interval=task.interval)
    act(boss, "set", every=15, period="seconds")
    other.refresh_from_db()
    assert (other.interval.every, other.interval.period) == (60, "seconds")


def test_setting_what_is_set_already_writes_no_history(boss: Client, task: Any) -> None:
    assert said(act(boss, "set", every=60, period="seconds")) == ["Nothing to change: every 60 seconds, enabled."]
    assert not LogEntry.objects.exists()


def test_a_save_leaves_the_run_counters_to_beat(boss: Client, task: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def counted_meanwhile(row: Any, interval: Any) -> None:
        PeriodicTask.objects.update(total_run_count=99, last_run_at=LONG_AGO)
        set_interval(row, interval)

    set_interval = sync_schedule.set_interval
    monkeypatch.setattr(sync_schedule, "set_interval", counted_meanwhile)
    act(boss, "set", every=15, period="seconds")
    task.refresh_from_db()
    assert (task.interval.every, task.total_run_count, task.last_run_at) == (15, 99, LONG_AGO)


def test_an_end_that_an_operator_gave_the_task_stays(boss: Client, task: Any) -> None:
    ends = timezone.now() + timedelta(days=1)
    PeriodicTask.objects.update(expires=ends, expire_seconds=None)
    act(boss, "set", every=15, period="seconds")
    task.refresh_from_db()
    assert (task.interval.every, task.expires, task.expire_seconds) == (15, ends, None)


@pytest.mark.parametrize(
    ("every", "period", "error"),
    [
        ("0", "seconds", "The shortest interval is 1 second."),
        ("-5", "minutes", "The shortest interval is 1 second."),
        ("1.5", "seconds", "Enter a whole number."),
        ("soon", "seconds", "Enter a whole number."),
        ("", "seconds", "This field is required."),
        ("366", "days", "The longest interval is 1 year."),
        ("9" * 40, "days", "The longest interval is 1 year."),
        ("-" + "9" * 40, "days", "The shortest interval is 1 second."),
        ("1000", "microseconds", "Select a valid choice."),
    ],
)
def test_a_wrong_interval_is_refused_at_its_field(boss: Client, task: Any, every: str, period: str, error: str) -> None:
    response = boss.post(PAGE, {"action": "set", "every": every, "period": period})
    assert response.status_code == 200
    assert error in " ".join(chain(*response.context["form"].errors.values()))
    assert error in response.content.decode()
    assert not beat_was_told()
    assert not LogEntry.objects.exists()


def test_disable_and_enable_are_logged_and_told_to_beat(boss: Client, task: Any) -> None:
    act(boss, "disable")
    task.refresh_from_db()
    assert not task.enabled
    assert beat_was_told()
    PeriodicTasks.objects.update(last_update=LONG_AGO)
    act(boss, "enable")
    task.refresh_from_db()
    assert task.enabled
    assert beat_was_told()
    assert [entry.change_message for entry in LogEntry.objects.order_by("pk")] == [
        "Was every 60 seconds, enabled; now every 60 seconds, disabled.",
        "Was every 60 seconds, disabled; now every 60 seconds, enabled.",
    ]


def test_run_once_now_sends_the_tick_and_is_logged(boss: Client, task: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    sent: list[str] = []
    monkeypatch.setattr(sync_schedule, "send", lambda row: sent.append(row.name) or "")
    assert "Sent." in said(act(boss, "run"))[0]
    assert sent == ["periodic-fabric-sync"]
    assert LogEntry.objects.get().change_message == "Run once by hand."


def test_a_run_that_cannot_be_sent_is_told_and_not_logged(
    boss: Client, task: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sync_schedule, "send", lambda _row: "the broker does not answer")
    assert said(act(boss, "run")) == ["the broker does not answer"]
    assert not LogEntry.objects.exists()


@pytest.mark.parametrize("action", ["set", "enable", "disable", "run"])
def test_a_viewer_sees_it_without_a_lever_and_may_pull_none(
    viewer: Client, task: Any, action: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sync_schedule, "send", lambda _row: pytest.fail("sent"))
    assert "<form" not in viewer.get(PAGE).content.decode().partition('id="sync-schedule-state"')[2]
    PeriodicTask.objects.update(enabled=action != "enable")
    before = PeriodicTask.objects.values().get(pk=task.pk)
    assert viewer.post(PAGE, {"action": action, "every": 1, "period": "seconds"}).status_code == 403
    assert PeriodicTask.objects.values().get(pk=task.pk) == before


def test_nobody_else_sees_it(client: Client, db: None) -> None:
    assert "/login/" in client.get(PAGE)["Location"]
    client.force_login(User.objects.create_user("nobody", is_staff=True))
    assert client.get(PAGE).status_code == 403
    assert PAGE not in client.get("/admin/").content.decode()


def test_the_dashboard_leads_to_it(viewer: Client, task: Any) -> None:
    assert f'<a class="text-link" href="{PAGE}">' in viewer.get("/admin/").content.decode()


def test_another_action_is_refused(boss: Client, task: Any) -> None:
    assert boss.post(PAGE, {"action": "explode"}).status_code == 400


def test_without_its_row_it_leads_to_a_page_that_adds_it(boss: Client, task: Any) -> None:
    task.delete()
    response = boss.get(PAGE)
    assert "The periodic task has been deleted" in response.content.decode()
    add = boss.get(response.context["row_to_add"])
    initial = add.context["adminform"].form.initial
    assert (initial["task"], initial["queue"]) == (TICK_TASK, "git_sync")
    assert boss.post(PAGE, {"action": "run"}).status_code == 200


def test_of_several_rows_it_changes_none(boss: Client, task: Any) -> None:
    PeriodicTask.objects.create(name="second", task=TICK_TASK, interval=task.interval)
    assert "Several periodic tasks" in boss.get(PAGE).content.decode()
    act(boss, "disable")
    assert PeriodicTask.objects.filter(task=TICK_TASK, enabled=True).count() == 2


@pytest.mark.parametrize(
    ("every", "period", "shown"),
    [(5, "minutes", (5, "minutes")), (2_000_000, "microseconds", (2, "seconds"))],
)
def test_the_form_begins_with_what_is_set(
    boss: Client, task: Any, every: int, period: str, shown: tuple[int, str]
) -> None:
    PeriodicTask.objects.update(interval=IntervalSchedule.objects.create(every=every, period=period))
    initial = boss.get(PAGE).context["form"].initial
    assert (initial["every"], initial["period"]) == shown


def test_what_grows_old_is_renewed_alone(boss: Client, task: Any) -> None:
    SchedulerRun.objects.create(status="completed", started_at=timezone.now(), fabrics_due=3, syncs_triggered=2)
    part = boss.get(PAGE, headers={"HX-Request": "true"}).content.decode()
    assert 'id="sync-schedule-sentence"' in part
    assert "3 due, 2 sent" in part
    assert "<form" not in part


def test_it_does_not_slow_down_with_the_history(boss: Client, task: Any, django_assert_max_num_queries: Any) -> None:
    for minutes in range(30):
        SchedulerRun.objects.create(status="completed", started_at=timezone.now() - timedelta(minutes=minutes))
        boss.post(PAGE, {"action": "disable" if minutes % 2 else "enable"})
    with django_assert_max_num_queries(15):
        page = boss.get(PAGE)
    assert len(page.context["runs"]) == len(page.context["changes"]) == 5


def test_runs_are_shown_to_those_alone_who_may_see_them(task: Any, viewer: Client) -> None:
    SchedulerRun.objects.create(status="completed", started_at=timezone.now())
    assert "Last runs" in viewer.get(PAGE).content.decode()
    user = User.objects.get(username="viewer")
    user.user_permissions.set(Permission.objects.filter(codename="view_periodictask"))
    page = viewer.get(PAGE)
    assert page.status_code == 200
    assert "Last runs" not in page.content.decode()
    assert "Last runs" not in viewer.get(PAGE, headers={"HX-Request": "true"}).content.decode()
