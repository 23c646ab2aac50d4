"""What the history comes to is counted once, never falls, and costs no sync anything."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest
from django.db import OperationalError
from model_bakery import baker

from netbox_hedgehog.models import HedgehogFabric, RunHour, RunTotal, SchedulerRun, SyncRun
from netbox_hedgehog.scheduling import totals
from netbox_hedgehog.scheduling.tick import run_tick
from netbox_hedgehog.scheduling.totals import SETTLED_AFTER, count_in_passing
from tests.baker_recipes import NOW

pytestmark = pytest.mark.django_db

MINUTE = timedelta(minutes=1)


@pytest.fixture
def fabric() -> HedgehogFabric:
    return baker.make_recipe("tests.idle_fabric")


@pytest.fixture
def counting(fabric) -> None:
    """Counting has begun."""
    count_in_passing(NOW - MINUTE)


def run(fabric: HedgehogFabric, status: str = "unchanged", seconds: float = 0.2, **fields: Any) -> SyncRun:
    return baker.make(SyncRun, fabric=fabric, started_at=NOW, status=status, duration_seconds=seconds, **fields)


def ticks(number: int, since: datetime = NOW) -> None:
    for minute in range(number):
        count_in_passing(since + minute * MINUTE)


def counted(kind: str = "sync") -> dict[tuple[str, str], int]:
    return {(total.status, total.error_code): total.runs for total in RunTotal.objects.filter(kind=kind)}


def test_each_run_is_counted_once_by_outcome(counting, fabric):
    run(fabric)
    run(fabric)
    run(fabric, "failed", error_code="git.timeout")
    ticks(2)
    expected = {("unchanged", ""): 2, ("failed", "git.timeout"): 1}
    assert counted() == expected
    ticks(3, since=NOW + 10 * MINUTE)
    assert counted() == expected


def test_durations_and_changes_are_summed(counting, fabric):
    run(fabric, "succeeded", 0.2, created=3, updated=1)
    ticks(2)
    run(fabric, "succeeded", 45.0, created=2, deleted=4)
    ticks(2, since=NOW + 10 * MINUTE)
    (total,) = RunTotal.objects.filter(kind="sync")
    assert total.runs == 2
    assert total.seconds == pytest.approx(45.2)
    assert total.sums == {"created": 5, "updated": 1, "deleted": 4}
    assert (total.within["0.1"], total.within["0.25"], total.within["30"], total.within["60"]) == (0, 1, 1, 2)


def test_syncs_are_counted_by_the_hour_in_which_they_began(counting, fabric):
    run(fabric)
    SyncRun.objects.update(started_at=NOW - timedelta(hours=1))
    run(fabric)
    run(fabric, "failed", error_code="git.a")
    ticks(2)
    run(fabric, "failed", 3, error_code="git.b")
    ticks(2, since=NOW + 10 * MINUTE)
    hour = NOW.replace(minute=0, second=0, microsecond=0)
    found = {(each.hour, each.status): each for each in RunHour.objects.all()}
    assert {key: each.runs for key, each in found.items()} == {
        (hour - timedelta(hours=1), "unchanged"): 1,
        (hour, "unchanged"): 1,
        (hour, "failed"): 2,
    }
    assert (found[hour, "failed"].within["0.25"], found[hour, "failed"].within["5"]) == (1, 2)


def test_hours_are_forgotten_after_a_week(counting, fabric):
    RunHour.objects.create(hour=NOW - timedelta(days=8), status="failed", runs=1)
    run(fabric)
    ticks(2)
    assert {each.hour > NOW - timedelta(days=1) for each in RunHour.objects.all()} == {True}


def test_what_is_new_is_not_counted_before_everything_numbered_before_it_is_committed(counting, fabric):
    """Rows get their numbers before they are committed: what commits late must still be counted."""
    late = run(fabric)
    SyncRun.objects.filter(pk=late.pk).delete()  # numbered, and not there yet
    run(fabric)
    count_in_passing(NOW)
    assert counted() == {}
    late.save(force_insert=True)
    count_in_passing(NOW + MINUTE)
    assert counted() == {("unchanged", ""): 2}


def test_ticks_in_quick_succession_do_not_shorten_that_time(counting, fabric):
    count_in_passing(NOW)
    run(fabric)
    count_in_passing(NOW + SETTLED_AFTER / 2)
    count_in_passing(NOW + SETTLED_AFTER)
    count_in_passing(NOW + SETTLED_AFTER * 1.5)
    assert counted() == {}
    count_in_passing(NOW + SETTLED_AFTER * 2)
    assert counted() == {("unchanged", ""): 1}


def test_what_is_pruned_stays_counted(counting, fabric):
    run(fabric)
    ticks(2)
    SyncRun.objects.all().delete()
    ticks(2, since=NOW + 10 * MINUTE)
    run(fabric)
    ticks(2, since=NOW + 20 * MINUTE)
    assert counted() == {("unchanged", ""): 2}


def test_counting_begins_with_what_comes_instead_of_reading_millions(fabric):
    run(fabric)
    ticks(3)
    assert counted() == {}


def test_each_tick_counts_and_is_counted():
    for minute in range(4):
        run_tick(NOW + minute * MINUTE, dispatch=lambda _: None)
    assert counted("tick") == {("completed", ""): 2}  # the first began it, the last is not settled
    assert SchedulerRun.objects.count() == 4


def test_a_tick_never_fails_for_it(monkeypatch, operator_log):
    def fail(*_args: object) -> None:
        raise OperationalError("the database is gone: password=hunter2")

    monkeypatch.setattr(totals, "_count", fail)
    count_in_passing(NOW)
    assert "totals.failed" in operator_log.getvalue()
    assert "hunter2" not in operator_log.getvalue()


def test_it_takes_as_many_queries_for_many_runs_as_for_one(counting, fabric, django_assert_max_num_queries):
    taken = []
    for round_, number in enumerate((1, 1, 300)):
        baker.make(SyncRun, number, fabric=fabric, started_at=NOW, status="unchanged")
        count_in_passing(NOW + 10 * round_ * MINUTE)
        with django_assert_max_num_queries(20) as queries:
            count_in_passing(NOW + (10 * round_ + 1) * MINUTE)
        taken.append(len(queries))
    assert taken[1] == taken[2]
