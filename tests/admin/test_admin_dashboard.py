"""The first page: what it says of a fleet, to whom, and at what cost."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import Permission, User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone
from django_celery_beat.models import IntervalSchedule, PeriodicTask
from model_bakery import baker

from netbox_hedgehog.admin import dashboard
from netbox_hedgehog.models import (
    HedgehogFabric,
    HeldChange,
    RunHour,
    SchedulerRun,
    SyncRecord,
    SyncRun,
    SyncStatus,
)
from netbox_hedgehog.scheduling.fleet import TICK_TASK

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _schedule() -> None:
    interval = IntervalSchedule.objects.create(every=60, period="seconds")
    PeriodicTask.objects.filter(task=TICK_TASK).delete()
    PeriodicTask.objects.create(name="ticks", task=TICK_TASK, interval=interval, last_run_at=timezone.now())


def tick(ago: timedelta = timedelta(seconds=12)) -> None:
    SchedulerRun.objects.create(status="completed", started_at=timezone.now() - ago)


def text(client: Client) -> str:
    return " ".join(client.get("/admin/").content.decode().split())


def part() -> str:
    return reverse("hedgehog_dashboard")


class TestTheScheduler:
    def test_that_works_is_told_with_its_last_and_next_tick(self, boss):
        tick()
        page = text(boss)
        assert "every 1 min" in page
        assert re.search(r">1\d s ago<", page)
        assert re.search(r"Next tick</dt><dd><time[^>]*>in (\d+ s|1 min)<", page)
        assert 'role="alert"' not in page

    def test_without_ticks_is_told_with_the_remedy(self, boss):
        PeriodicTask.objects.update(last_run_at=None)
        tick(timedelta(hours=2))
        page = text(boss)
        assert 'role="alert"' in page
        assert "Start beat" in page

    def test_that_is_switched_off_is_told_so(self, boss):
        PeriodicTask.objects.update(enabled=False)
        assert "switched off" in text(boss)

    @pytest.mark.usefixtures("cache_away")
    def test_is_told_though_the_cache_is_down(self, boss):
        tick()
        assert "the cache does not answer" in text(boss)


class TestTheFleet:
    def test_is_counted_by_state_with_a_way_to_each(self, boss):
        baker.make_recipe("tests.due_fabric", _quantity=2, sync_status=SyncStatus.IN_SYNC)
        baker.make_recipe("tests.due_fabric", sync_status=SyncStatus.ERROR, sync_error="[git.x] broken → mend it")
        page = text(boss)
        assert '?sync_status__exact=in_sync">2</a>' in page
        assert '?schedule=due">3</a>' in page

    def test_failing_ones_are_listed_with_reason_and_remedy_worst_first(self, boss):
        for failures in (1, 5):
            baker.make_recipe(
                "tests.due_fabric",
                sync_status=SyncStatus.ERROR,
                sync_error=f"[git.x] broken {failures} <b> → mend it",
                consecutive_failures=failures,
            )
        page = text(boss)
        assert page.index("broken 5") < page.index("broken 1")
        assert "mend it" in page
        assert "<b>" not in page

    def test_what_is_held_waits_for_approval_there(self, boss, fabric):
        HeldChange.objects.create(
            fabric=fabric, commit="c", record={}, reasons=["it deletes 7"], budget={}, held_at=timezone.now()
        )
        assert "it deletes 7" in text(boss)

    def test_what_changed_is_listed_newest_first(self, boss, fabric):
        for created in (3, 4):
            run = SyncRun.objects.create(
                fabric=fabric, trigger="manual", status="succeeded", started_at=timezone.now(), created=created
            )
            SyncRecord.objects.create(run=run, content={})
        page = text(boss)
        assert page.index("4 created") < page.index("3 created")

    def test_that_is_empty_leads_to_the_first_steps(self, boss):
        page = text(boss)
        assert reverse("admin:netbox_hedgehog_gitrepository_add") in page
        assert reverse("admin:netbox_hedgehog_hedgehogfabric_add") in page


class TestTheLastDay:
    @staticmethod
    def hours(now: Any, **counts: int) -> dict[str, Any]:
        hour = now.replace(minute=0, second=0, microsecond=0)
        for status, runs in counts.items():
            RunHour.objects.create(hour=hour, status=status, runs=runs, within={"0.1": runs // 2, "2.5": runs})
        return dashboard._syncs(now)

    def test_is_shown_by_what_became_of_the_syncs(self):
        seen = self.hours(timezone.now(), succeeded=4, unchanged=90, failed=6, lost=2)
        assert seen["total"] == {"changed": "4", "unchanged": "90", "failed": "8"}
        assert (seen["half"], seen["most_of_them"]) == ("100 ms", "2.5 s")
        assert len(seen["hours"]) == 24

    def test_the_columns_stand_on_the_ground_and_what_is_there_is_seen(self):
        *empty, last = self.hours(timezone.now(), succeeded=1, unchanged=99_999)["hours"]
        assert all(bar.height == 0 for hour in empty for bar in hour.bars)
        unchanged, changed, failed = last.bars
        assert unchanged.y + unchanged.height == pytest.approx(100)
        assert changed.height >= 1.5
        assert changed.y + changed.height == pytest.approx(unchanged.y)
        assert failed.height == 0

    def test_older_hours_are_not_of_it(self):
        now = timezone.now()
        RunHour.objects.create(hour=now - timedelta(hours=25), status="failed", runs=9)
        assert dashboard._syncs(now)["most"] == 0


class TestWhoLooks:
    def test_nobody_sees_what_he_may_not(self, fabric):
        tick()
        user = User.objects.create_user("guest", is_staff=True)
        client = Client()
        client.force_login(user)
        page = client.get(part()).content.decode()
        assert [word for word in ("Schedule", "Fabrics", "Syncs", "Recent", "Failing", "Held") if word in page] == []
        user.user_permissions.add(Permission.objects.get(codename="view_hedgehogfabric"))
        page = client.get(part()).content.decode()
        assert "Fabrics" in page
        assert [word for word in ("Last tick", "Recent changes") if word in page] == []

    def test_strangers_are_sent_to_sign_in(self, client):
        assert client.get(part()).status_code == 302


def test_the_number_of_queries_does_not_grow_with_the_fleet(boss):
    def queries() -> int:
        with CaptureQueriesContext(connection) as asked:
            assert boss.get(part()).status_code == 200
        return len(asked)

    def grow(by: int) -> None:
        for fabric in baker.make_recipe(
            "tests.due_fabric", _quantity=by, sync_status="error", sync_error="[a.b] c → d"
        ):
            run = SyncRun.objects.create(fabric=fabric, trigger="manual", status="succeeded", started_at=timezone.now())
            SyncRecord.objects.create(run=run, content={})
            HeldChange.objects.create(
                fabric=fabric, commit="c", record={}, reasons=[], budget={}, held_at=timezone.now()
            )

    tick()
    grow(2)
    few = queries()
    grow(20)
    assert queries() == few < 25
    assert HedgehogFabric.objects.count() == 22


def test_the_longest_overdue_is_one_that_was_synced_before(boss: Client) -> None:
    baker.make_recipe("tests.never_synced_fabric")
    assert "Longest overdue" not in boss.get("/admin/").content.decode()
    baker.make_recipe("tests.due_fabric", sync_interval=300, last_sync=timezone.now() - timedelta(seconds=7500))
    shown = boss.get("/admin/").content.decode()
    assert "Longest overdue" in shown
    assert "2 h" in shown.partition("Longest overdue")[2][:300]
