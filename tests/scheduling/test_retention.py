"""History is bounded by itself, and what an operator still needs of it stays."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest
from django.db import OperationalError
from model_bakery import baker

from netbox_hedgehog.models import HedgehogFabric, SchedulerRun, SyncRun
from netbox_hedgehog.scheduling import retention
from netbox_hedgehog.scheduling.resources import Meter
from netbox_hedgehog.scheduling.retention import SYNC_RUNS, TICKS, Pruned, batches, limits, prune_in_passing
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


def runs_before() -> datetime:
    return limits(NOW)[0]


class TestWhatStays:
    def test_syncs_within_the_limit(self, fabric):
        kept = {run(fabric, days_ago).pk for days_ago in (0, 1, 29.9, 30)}
        run(fabric, 30.001)
        assert prune_in_passing(NOW, 1) == Pruned(sync_runs=1, ticks=0)
        assert left(SyncRun) == kept

    def test_the_newest_sync_of_each_fabric_however_old(self, fabric):
        other = baker.make_recipe("tests.idle_fabric")
        run(fabric, 50)
        kept = {run(fabric, 40).pk, run(other, 400).pk}
        prune_in_passing(NOW, 1)
        assert left(SyncRun) == kept

    def test_the_newest_failure_of_each_fabric_however_old(self, fabric):
        other = baker.make_recipe("tests.idle_fabric")
        kept = {run(fabric, 1).pk, run(fabric, 60, "lost").pk, run(other, 1).pk, run(other, 90, "failed").pk}
        for days_ago in (61, 70):
            run(fabric, days_ago, "failed")
        run(other, 80)
        assert prune_in_passing(NOW, 1).sync_runs == 3
        assert left(SyncRun) == kept

    def test_of_two_at_the_same_moment_the_later_written_one(self, fabric):
        run(fabric, 50)
        newest = run(fabric, 50)
        prune_in_passing(NOW, 1)
        assert left(SyncRun) == {newest.pk}

    def test_the_newest_tick_and_the_newest_failed_one(self):
        tick(30), tick(40, "failed")
        kept = {tick(20).pk, tick(35, "failed").pk}
        assert prune_in_passing(NOW, 1) == Pruned(sync_runs=0, ticks=2)
        assert left(SchedulerRun) == kept

    def test_the_limits_are_settings(self, fabric, settings):
        settings.HEDGEHOG_KEEP_RUNS_DAYS, settings.HEDGEHOG_KEEP_TICKS_DAYS = 2, 1
        kept_run, kept_tick = run(fabric, 1), tick(0.5)
        run(fabric, 3), tick(1.5)
        assert prune_in_passing(NOW, 1) == Pruned(1, 1)
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

    def test_a_tick_stops_when_its_share_of_time_is_over(self, fabric, monkeypatch):
        monkeypatch.setattr(retention, "monotonic", iter([0.0, 5.0]).__next__)
        for number in range(7):
            run(fabric, 32 + number)
        assert prune_in_passing(NOW, 30) == Pruned(2, 0)

    def test_a_tick_stops_at_the_first_batch_with_nothing_to_delete(self, django_assert_num_queries):
        for _ in range(9):
            run(baker.make_recipe("tests.idle_fabric"), 31)
        with django_assert_num_queries(4):  # one look at each table, and one at a random place of the syncs
            prune_in_passing(NOW, 30)

    def test_what_stopped_at_once_does_not_hide_older_rows_from_the_ticks_for_ever(self, monkeypatch):
        for _ in range(5):
            run(baker.make_recipe("tests.idle_fabric"), 31)
        other = baker.make_recipe("tests.idle_fabric")
        run(other, 50), run(other, 33)
        monkeypatch.setattr(retention.random, "random", lambda: 0.5)
        assert prune_in_passing(NOW, 30).sync_runs == 1


class TestInATick:
    def test_each_tick_prunes(self, now, fabric):
        run(fabric, 1), run(fabric, 31), tick(8), tick(9)
        run_tick(now, pytest.fail)
        assert (SyncRun.objects.count(), SchedulerRun.objects.count()) == (1, 1)

    def test_not_when_its_time_is_up(self, now, fabric, django_assert_num_queries):
        with django_assert_num_queries(0):
            assert prune_in_passing(NOW, 0) == Pruned(0, 0)

    def test_not_in_a_skipped_tick(self, now, monkeypatch):
        monkeypatch.setattr("netbox_hedgehog.scheduling.tick.TickLock.acquire", lambda _: False)
        tick(8), tick(9)
        assert run_tick(now, pytest.fail).status == "skipped"
        assert SchedulerRun.objects.count() == 3

    def test_its_failure_is_logged_and_the_tick_goes_by(self, now, monkeypatch, caplog):
        def broken(*_: object) -> None:
            raise OperationalError("postgres://user:hunter2@db is gone")

        monkeypatch.setattr(retention, "_window", broken)
        assert run_tick(now, pytest.fail).status == "completed"
        assert "retention.failed" in caplog.text
        assert "hunter2" not in caplog.text


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
