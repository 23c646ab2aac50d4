"""An operator reads and changes the schedule."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.contrib.admin.models import LogEntry
from django.utils import timezone
from django_celery_beat.models import IntervalSchedule, PeriodicTask
from playwright.sync_api import expect

from netbox_hedgehog.models import SchedulerRun
from netbox_hedgehog.scheduling.fleet import TICK_TASK
from tests.e2e.conftest import System
from tests.support.browser import PHONE

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.e2e]


@pytest.fixture
def task():
    """The row of the migration; emptying the tables between these tests takes it away."""
    interval = IntervalSchedule.objects.create(every=60, period="seconds")
    made, _ = PeriodicTask.objects.update_or_create(
        name="periodic-fabric-sync",
        defaults={"task": TICK_TASK, "interval": interval, "queue": "git_sync", "priority": 6},
    )
    return made


@pytest.fixture
def lately(task):
    """It ran twelve seconds ago, for the 4,812th time."""
    now = timezone.now()
    PeriodicTask.objects.update(last_run_at=now - timedelta(seconds=12), total_run_count=4812)
    for ago in range(12, 300, 60):
        SchedulerRun.objects.create(
            status="completed",
            started_at=now - timedelta(seconds=ago),
            duration_seconds=0.08,
            fabrics_checked=3,
            fabrics_due=1,
            syncs_triggered=1,
        )


def test_it_is_read_and_changed(desk, lately, task, check_accessible, screenshot):
    desk.get_by_role("link", name="Sync schedule", exact=True).click()
    sentence = desk.locator("#sync-schedule-sentence")
    expect(sentence).to_contain_text("Every 60 seconds")
    expect(sentence).to_contain_text("4,812 runs")
    check_accessible(desk)

    desk.get_by_label("Every").fill("0")
    desk.get_by_role("button", name="Set interval").click()
    expect(desk.get_by_role("alert")).to_have_text("The shortest interval is 1 second.")
    check_accessible(desk)

    desk.get_by_label("Every").fill("2")
    desk.get_by_label("Unit").select_option("minutes")
    desk.keyboard.press("Enter")
    expect(desk.get_by_text("A running beat follows within seconds.").first).to_be_visible()
    expect(sentence).to_contain_text("Every 2 minutes, enabled")

    desk.get_by_role("button", name="Disable").click()
    expect(sentence).to_contain_text("disabled")
    expect(desk.get_by_text("Enable it under “Sync schedule” in the admin.")).to_be_visible()
    check_accessible(desk)

    desk.get_by_role("button", name="Enable").click()
    expect(sentence).to_contain_text("enabled")
    screenshot(desk, "sync-schedule")
    desk.get_by_role("link", name="Whole history").click()
    expect(desk.get_by_text("Was every 60 seconds, enabled; now every 2 minutes, enabled.")).to_be_visible()
    assert LogEntry.objects.count() == 3


def test_a_running_beat_follows_an_edit_while_the_page_shows_it(desk, task, tmp_path):
    task.interval.every = 3600
    task.interval.save()
    system = System(tmp_path / "var")
    try:
        system.worker(concurrency=1).wait_for(" ready.")
        system.beat()
        desk.goto("/admin/schedule/")
        desk.get_by_role("button", name="Run once now").click()
        expect(desk.get_by_text("Sent. It appears under")).to_be_visible()
        runs = desk.locator("#sync-schedule-runs .hedgehog-run")
        expect(runs).to_have_count(1, timeout=60_000)
        desk.get_by_label("Every").fill("1")
        desk.get_by_role("button", name="Set interval").click()
        expect(desk.locator("#sync-schedule-sentence")).to_contain_text("Every second, enabled")
        expect(runs).to_have_count(5, timeout=60_000)
    finally:
        system.stop()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.usefixtures("lately")
def test_on_a_phone_nothing_is_wider_than_the_screen(phone, scheme, check_accessible, screenshot):
    phone.emulate_media(color_scheme=scheme)
    phone.goto("/admin/schedule/")
    expect(phone.get_by_role("button", name="Run once now")).to_be_visible()
    assert phone.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]
    check_accessible(phone)
    screenshot(phone, f"sync-schedule-phone-{scheme}")
