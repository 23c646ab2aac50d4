"""History is bounded by itself, and what an operator still needs of it stays."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest
from django.core.cache import cache
from django.db import OperationalError
from model_bakery import baker

from netbox_hedgehog.models import HedgehogFabric, SchedulerRun, SyncRun
from netbox_hedgehog.scheduling import retention
from netbox_hedgehog.scheduling.resources import Meter
from netbox_hedgehog.scheduling.retention import LOCK_KEY, LOCK_SECONDS, SYNC_RUNS, TICKS, batches, limits, prune
from netbox_hedgehog.scheduling.tick import run_tick
from tests.baker_recipes import NOW

pytestmark = pytest.mark.django_db


@pytest.fixture
def fabric() -> HedgehogFabric:
    return baker.make_recipe("tests.idle_fabric")


def run(fabric: HedgehogFabric, days_ago: float, status: str = "unchanged") -> SyncRun:
    return baker.make(SyncRun, fabric=fabric, started_at=NOW - timedelta(days=days_ago), status=status)


def tick(days_ago: float, status: str = "completed") -> SchedulerRun:
    return baker.make(SchedulerRun, started_at=NOW - timedelta(days=days_ago), status=status)


def left(model: Any) -> set[int]:
    return set(model.objects.values_list("pk", flat=True))


def pruned() -> tuple[int, int]:
    """How many sync runs and ticks one pruning deletes."""
    result = prune(NOW)
    assert result["status"] == "completed"
    return result["sync_runs"], result["ticks"]


def runs_before() -> datetime:
    return limits(NOW)[0]


class TestWhatStays:
    def test_syncs_within_the_limit(self, fabric):
        kept = {run(fabric, days_ago).pk for days_ago in (0, 1, 29.9, 30)}
        run(fabric, 30.001)
        assert pruned() == (1, 0)
        assert left(SyncRun) == kept

    def test_the_newest_sync_of_each_fabric_however_old(self, fabric):
        other = baker.make_recipe("tests.idle_fabric")
        run(fabric, 50)
        kept = {run(fabric, 40).pk, run(other, 400).pk}
        prune(NOW)
        assert left(SyncRun) == kept

    def test_the_newest_failure_of_each_fabric_however_old(self, fabric):
        other = baker.make_recipe("tests.idle_fabric")
        kept = {run(fabric, 1).pk, run(fabric, 60, "lost").pk, run(other, 1).pk, run(other, 90, "failed").pk}
        for days_ago in (61, 70):
            run(fabric, days_ago, "failed")
        run(other, 80)
        assert pruned() == (3, 0)
        assert left(SyncRun) == kept

    def test_of_two_at_the_same_moment_the_later_written_one(self, fabric):
        run(fabric, 50)
        newest = run(fabric, 50)
        prune(NOW)
        assert left(SyncRun) == {newest.pk}

    def test_the_newest_tick_and_the_newest_failed_one(self):
        tick(30), tick(40, "failed")
        kept = {tick(20).pk, tick(35, "failed").pk}
        assert pruned() == (0, 2)
        assert left(SchedulerRun) == kept

    def test_the_limits_are_settings(self, fabric, settings):
        settings.HEDGEHOG_KEEP_RUNS_DAYS, settings.HEDGEHOG_KEEP_TICKS_DAYS = 2, 1
        kept_run, kept_tick = run(fabric, 1), tick(0.5)
        run(fabric, 3), tick(1.5)
        assert pruned() == (1, 1)
        assert (left(SyncRun), left(SchedulerRun)) == ({kept_run.pk}, {kept_tick.pk})


class TestItsBatches:
    @pytest.fixture(autouse=True)
    def small(self, monkeypatch):
        monkeypatch.setattr(retention, "BATCH_ROWS", 3)

    def test_all_of_a_backlog_goes_batch_by_batch(self, fabric):
        newest = run(fabric, 31)
        for number in range(7):
            run(fabric, 32 + number)
        assert list(batches(SYNC_RUNS, runs_before())) == [2, 3, 2]
        assert left(SyncRun) == {newest.pk}

    def test_what_is_kept_for_ever_does_not_hide_what_is_below(self):
        for _ in range(5):
            run(baker.make_recipe("tests.idle_fabric"), 31)
        other = baker.make_recipe("tests.idle_fabric")
        run(other, 33), run(other, 32)
        assert sum(batches(SYNC_RUNS, runs_before())) == 1

    def test_rows_of_one_moment_are_divided_without_loss(self, fabric):
        for _ in range(7):
            run(fabric, 40)
        assert sum(batches(SYNC_RUNS, runs_before())) == 6
        assert SyncRun.objects.count() == 1

    def test_a_dry_run_counts_the_same_and_deletes_nothing(self, fabric):
        for number in range(7):
            run(fabric, 32 + number, "failed")
        assert sum(batches(SYNC_RUNS, runs_before(), dry_run=True)) == 6
        assert SyncRun.objects.count() == 7
        assert sum(batches(SYNC_RUNS, runs_before())) == 6


class TestByNumber:
    def test_the_newest_so_many_stay_of_all_fabrics_together(self, fabric, settings):
        settings.HEDGEHOG_KEEP_RUNS_COUNT = 3
        other = baker.make_recipe("tests.idle_fabric")
        kept = {run(each, days_ago).pk for each, days_ago in ((fabric, 1), (other, 2), (fabric, 3))}
        run(fabric, 4), run(other, 5)
        assert pruned() == (2, 0)
        assert left(SyncRun) == kept

    def test_and_of_each_fabric_the_newest_and_the_newest_failure(self, fabric, settings):
        settings.HEDGEHOG_KEEP_RUNS_COUNT = 1
        other = baker.make_recipe("tests.idle_fabric")
        kept = {run(fabric, 1).pk, run(fabric, 3, "failed").pk, run(other, 4).pk}
        run(fabric, 2), run(fabric, 5, "failed"), run(other, 6)
        assert pruned() == (3, 0)
        assert left(SyncRun) == kept

    def test_ticks_too(self, settings):
        settings.HEDGEHOG_KEEP_TICKS_COUNT = 2
        kept = {tick(1).pk, tick(2).pk}
        tick(3), tick(4)
        assert pruned() == (0, 2)
        assert left(SchedulerRun) == kept

    def test_the_shorter_of_the_two_limits_holds(self, fabric, settings):
        settings.HEDGEHOG_KEEP_RUNS_COUNT = 3
        kept = run(fabric, 1)
        run(fabric, 31), run(fabric, 32)
        assert pruned() == (2, 0)
        assert left(SyncRun) == {kept.pk}


class TestOnePruning:
    @pytest.fixture
    def backlog(self, fabric, monkeypatch):
        monkeypatch.setattr(retention, "BATCH_ROWS", 3)
        for number in range(7):
            run(fabric, 31 + number)
        tick(8), tick(9)

    def test_says_what_it_deleted_and_how_long_it_took(self, backlog, caplog):
        result = prune(NOW)
        assert (result["status"], result["sync_runs"], result["ticks"]) == ("completed", 6, 1)
        assert result["duration_seconds"] > 0
        assert "retention.pruned" in caplog.text

    def test_that_has_no_time_left_leaves_the_rest_to_the_next(self, backlog, monkeypatch):
        monkeypatch.setattr(retention, "MOST_SECONDS", -1.0)
        results = [prune(NOW) for _ in range(5)]
        assert [result["status"] for result in results] == ["partial"] * 4 + ["completed"]
        assert [result["ticks"] for result in results] == [1, 0, 0, 0, 0]
        assert [result["sync_runs"] for result in results] == [0, 2, 2, 2, 0]

    def test_is_alone(self, backlog):
        cache.add(LOCK_KEY, "another pruning", LOCK_SECONDS)
        assert prune(NOW)["status"] == "skipped"
        assert SyncRun.objects.count() == 7
        assert cache.get(LOCK_KEY) == "another pruning"

    def test_leaves_the_way_free(self, backlog):
        prune(NOW)
        assert cache.get(LOCK_KEY) is None

    def test_needs_no_cache(self, backlog, cache_away):
        assert prune(NOW)["sync_runs"] == 6

    def test_that_fails_says_so_without_secrets_and_leaves_the_way_free(self, backlog, monkeypatch, caplog):
        def broken(*_: object) -> None:
            raise OperationalError("postgres://user:hunter2@db is gone")

        monkeypatch.setattr(retention, "_window", broken)
        assert prune(NOW)["status"] == "failed"
        assert "retention.failed" in caplog.text
        assert "hunter2" not in caplog.text
        assert cache.get(LOCK_KEY) is None

    def test_looks_at_each_table_once_when_there_is_nothing_to_delete(self, fabric, django_assert_num_queries):
        run(fabric, 1), tick(1)
        with django_assert_num_queries(4):  # how many there are and what is too old, of each
            prune(NOW)

    def test_is_not_part_of_a_tick(self, now, backlog):
        run_tick(now, pytest.fail)
        assert SyncRun.objects.count() == 7


class TestResources:
    def test_each_tick_records_what_it_cost(self, now):
        baker.make_recipe("tests.due_fabric", _quantity=3)
        run_tick(now, lambda _: None)
        resources = SchedulerRun.objects.get().resources
        assert resources["queries"] > 3
        assert resources["fabrics_per_second"] > 0
        assert resources["peak_memory_mib"] > 10
        assert resources["peak_memory_growth_mib"] >= 0
        assert resources["claim_seconds"] > 0
        assert resources["dispatch_seconds"] > 0

    def test_a_skipped_tick_costs_nothing(self, now, monkeypatch):
        monkeypatch.setattr("netbox_hedgehog.scheduling.tick.TickLock.acquire", lambda _: False)
        run_tick(now, pytest.fail)
        resources = SchedulerRun.objects.get().resources
        assert (resources["queries"], resources["fabrics_per_second"]) == (0, 0)

    def test_it_counts_the_queries_of_its_block_alone(self):
        meter = Meter()
        with meter.counting_queries():
            SchedulerRun.objects.count()
            SchedulerRun.objects.count()
        SchedulerRun.objects.count()
        assert meter.used(0)["queries"] == 2


def test_ticks_are_pruned_by_the_same_means():
    tick(10), tick(9)
    assert list(batches(TICKS, limits(NOW)[1])) == [1]
