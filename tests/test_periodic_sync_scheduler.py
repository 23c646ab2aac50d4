"""The tick by its contract: whom it sends, in which order, how many, and what it reports."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from datetime import timedelta
from importlib import import_module
from typing import Any
from uuid import uuid4

import pytest
from django.apps import apps
from django.core.cache import cache
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from django_celery_beat.models import PeriodicTask
from django_celery_beat.schedulers import DatabaseScheduler
from model_bakery import baker

from netbox_hedgehog.celery import app
from netbox_hedgehog.models import Activity, HedgehogFabric, SchedulerRun
from netbox_hedgehog.scheduling import claims
from netbox_hedgehog.scheduling.lock import KEY
from netbox_hedgehog.scheduling.tick import run_tick
from netbox_hedgehog.tasks import periodic_fabric_sync_scheduler
from tests.baker_recipes import NOW

pytestmark = pytest.mark.django_db

TASK = "netbox_hedgehog.tasks.periodic_fabric_sync_scheduler"
DELAY = "netbox_hedgehog.tasks.git_sync_tasks.git_sync_fabric.delay"


@pytest.fixture
def delayed(monkeypatch) -> list[int]:
    """The fabric ids that `git_sync_fabric.delay` was called with."""
    sent: list[int] = []
    monkeypatch.setattr(DELAY, sent.append)
    return sent


@pytest.fixture
def eager() -> Iterator[None]:
    """Celery runs each task where it is sent."""
    app.conf.task_always_eager = True
    yield
    app.conf.task_always_eager = False


def failing_for(*broken: int, sent: list[int] | None = None) -> Callable[[int], None]:
    def dispatch(fabric_id: int) -> None:
        if fabric_id in broken:
            raise OSError("cannot publish")
        if sent is not None:
            sent.append(fabric_id)

    return dispatch


def overdue(seconds: int, **fields: Any) -> HedgehogFabric:
    """A fabric whose sync has been due for so long."""
    return baker.make_recipe(
        "tests.due_fabric", sync_interval=300, last_sync=NOW - timedelta(seconds=300 + seconds), **fields
    )


class TestWhomItSends:
    def test_every_due_fabric_once_and_nobody_else(self, now):
        due = [baker.make_recipe("tests.due_fabric"), baker.make_recipe("tests.never_synced_fabric")]
        for recipe in ("idle", "disabled", "planned", "claimed", "running", "sourceless"):
            baker.make_recipe(f"tests.{recipe}_fabric")
        sent: list[int] = []
        run_tick(now, sent.append)
        assert sorted(sent) == [fabric.pk for fabric in due]

    def test_each_fabric_by_its_own_interval(self, now):
        quick = baker.make_recipe("tests.due_fabric", sync_interval=60, last_sync=now - timedelta(seconds=90))
        baker.make_recipe("tests.due_fabric", sync_interval=3600, last_sync=now - timedelta(seconds=90))
        sent: list[int] = []
        run_tick(now, sent.append)
        assert sent == [quick.pk]

    def test_the_longest_overdue_first_and_before_them_those_never_synced(self, now):
        little, much = overdue(10), overdue(1000)
        never, medium = baker.make_recipe("tests.never_synced_fabric"), overdue(100)
        sent: list[int] = []
        run_tick(now, sent.append)
        assert sent == [never.pk, much.pk, medium.pk, little.pk]

    def test_a_second_tick_does_not_send_what_the_first_one_sent(self, now):
        baker.make_recipe("tests.due_fabric")
        run_tick(now, lambda _: None)
        assert run_tick(now + timedelta(seconds=60), pytest.fail).syncs_triggered == 0

    def test_what_no_worker_took_is_sent_again_when_its_message_has_expired(self, now):
        fabric = baker.make_recipe("tests.due_fabric")
        run_tick(now, lambda _: None)
        sent: list[int] = []
        run_tick(now + timedelta(seconds=600), sent.append)
        assert sent == [fabric.pk]


class TestItsTask:
    def test_it_calls_delay_with_the_id_alone(self, delayed):
        fabric = baker.make_recipe("tests.never_synced_fabric")
        periodic_fabric_sync_scheduler()
        assert delayed == [fabric.pk]

    def test_it_returns_the_recorded_summary_as_json(self, delayed):
        baker.make_recipe("tests.never_synced_fabric")
        result = json.loads(json.dumps(periodic_fabric_sync_scheduler()))
        duration = result.pop("duration_seconds")
        assert result == {
            "status": "completed",
            "fabrics_checked": 1,
            "fabrics_due": 1,
            "syncs_triggered": 1,
            "syncs_skipped": {},
            "errors": [],
        }
        assert SchedulerRun.objects.get().duration_seconds == duration

    def test_it_uses_the_clock_of_the_moment(self, delayed):
        before = timezone.now()
        periodic_fabric_sync_scheduler()
        assert before <= SchedulerRun.objects.get().started_at <= timezone.now()

    def test_it_can_run_as_a_celery_task(self, delayed):
        baker.make_recipe("tests.never_synced_fabric")
        assert periodic_fabric_sync_scheduler.apply().get()["syncs_triggered"] == 1
        assert app.tasks[TASK] is not None

    def test_without_a_broker_it_ends_with_the_syncs_done(self, eager):
        fabric = baker.make_recipe("tests.never_synced_fabric", git_repository__url="gopher://127.0.0.1/refused")
        assert periodic_fabric_sync_scheduler()["syncs_triggered"] == 1
        fabric.refresh_from_db()
        assert (fabric.sync_status, fabric.activity(timezone.now())) == ("error", Activity.IDLE)


@pytest.mark.django_db(transaction=True)  # beat closes connections, also in the middle of a transaction
class TestItsSchedule:
    @pytest.fixture
    def scheduler(self, transactional_db) -> Iterator[DatabaseScheduler]:
        # Tests that flush the database take the row of the migration along.
        with connection.schema_editor(atomic=False) as editor:
            import_module("netbox_hedgehog.migrations.0002_register_schedule").register(apps, editor)
        scheduler = DatabaseScheduler(app=app, lazy=True)
        assert "periodic-fabric-sync" in scheduler.schedule
        scheduler.schedule_changed()  # from its second look on it compares
        yield scheduler
        scheduler.close()

    @pytest.fixture
    def queue(self) -> Iterator[Any]:
        with app.connection_for_write() as broker, broker.SimpleQueue("git_sync") as queue:
            queue.clear()
            yield queue

    def test_the_database_scheduler_sends_it_every_60_seconds(self, scheduler):
        entry = scheduler.schedule["periodic-fabric-sync"]
        assert entry.task == TASK
        assert entry.schedule.run_every == timedelta(seconds=60)
        entry.last_run_at = timezone.now() - timedelta(seconds=61)
        assert entry.is_due().is_due

    def test_what_it_sends_arrives_as_the_tick_on_its_own_queue(self, scheduler, queue):
        scheduler.apply_async(scheduler.schedule["periodic-fabric-sync"], advance=False)
        message = queue.get(timeout=10)
        message.ack()
        assert message.headers["task"] == TASK
        assert message.headers["expires"]
        assert message.properties["priority"] == 6

    def test_an_edited_interval_is_what_it_goes_by(self, scheduler):
        task = PeriodicTask.objects.get(name="periodic-fabric-sync")
        task.interval = baker.make("django_celery_beat.IntervalSchedule", every=7, period="seconds")
        task.save()
        assert scheduler.schedule["periodic-fabric-sync"].schedule.run_every == timedelta(seconds=7)

    def test_a_disabled_one_is_not_sent(self, scheduler):
        task = PeriodicTask.objects.get(name="periodic-fabric-sync")
        task.enabled = False
        task.save()
        assert "periodic-fabric-sync" not in scheduler.schedule


class TestItsReport:
    def test_it_counts_whom_it_looked_after_whom_it_sent_and_why_others_not(self, now):
        for recipe in ("due", "never_synced", "idle", "disabled", "planned", "claimed", "running", "sourceless"):
            baker.make_recipe(f"tests.{recipe}_fabric")
        summary = run_tick(now, lambda _: None)
        assert (summary.status, summary.fabrics_checked) == ("completed", 6)
        assert (summary.fabrics_due, summary.syncs_triggered) == (2, 2)
        assert summary.syncs_skipped == {"claimed": 2, "no_source": 1}

    def test_each_tick_is_recorded_with_its_summary(self, now):
        broken = baker.make_recipe("tests.due_fabric", name="broken")
        baker.make_recipe("tests.sourceless_fabric")
        summary = run_tick(now, failing_for(broken.pk))
        run = SchedulerRun.objects.get()
        assert run.started_at == now
        fields = {**summary.as_dict(), "reason": ""}
        assert {name: getattr(run, name) for name in fields} == fields

    def test_no_fabrics_at_all_are_nothing_to_complain_about(self, now):
        summary = run_tick(now, pytest.fail)
        assert (summary.status, summary.fabrics_checked, summary.fabrics_due) == ("completed", 0, 0)

    def test_a_skipped_tick_says_why_and_is_recorded_too(self, now):
        cache.set(KEY, "another tick")
        result = run_tick(now, pytest.fail).as_dict()
        assert (result["status"], result["reason"]) == ("skipped", "another_tick_is_running")
        assert SchedulerRun.objects.get().reason == "another_tick_is_running"

    def test_its_duration_is_measured(self, now, clock):
        baker.make_recipe("tests.due_fabric")
        assert run_tick(now, lambda _: clock.advance(1.5)).duration_seconds == 1.5

    def test_a_tick_of_20_fabrics_takes_no_more_queries_than_one_of_2(self, now):
        def queries(fabrics: int) -> int:
            baker.make_recipe("tests.due_fabric", _quantity=fabrics)
            with CaptureQueriesContext(connection) as captured:
                assert run_tick(now, lambda _: None).syncs_triggered == fabrics
            return len(captured)

        assert queries(20) == queries(2) < 25

    def test_what_it_cost_is_recorded(self, now):
        baker.make_recipe("tests.due_fabric", _quantity=2)
        run_tick(now, lambda _: None)
        resources = SchedulerRun.objects.get().resources
        assert resources["queries"] > 5
        assert resources["peak_memory_mib"] > resources["peak_memory_growth_mib"] >= 0
        assert resources["fabrics_per_second"] > 0


class Clock:
    def __init__(self) -> None:
        self.seconds = 1000.0

    def __call__(self) -> float:
        return self.seconds

    def advance(self, seconds: float) -> None:
        self.seconds += seconds


@pytest.fixture
def clock(monkeypatch) -> Clock:
    """The tick's stopwatch, which moves only when told to."""
    clock = Clock()
    monkeypatch.setattr("netbox_hedgehog.scheduling.tick.monotonic", clock)
    return clock


class TestItsBounds:
    def test_no_more_than_the_cap_are_sent_and_the_rest_first_in_the_next_tick(self, now, settings):
        settings.HEDGEHOG_TICK_MAX_DISPATCH = 2
        fabrics = [overdue(seconds) for seconds in (300, 200, 100)]
        first, second = [], []
        summary = run_tick(now, first.append)
        assert first == [fabrics[0].pk, fabrics[1].pk]
        assert (summary.status, summary.syncs_skipped) == ("partial", {"left_for_next_tick": 1})
        assert run_tick(now, second.append).status == "completed"
        assert second == [fabrics[2].pk]

    def test_neither_those_that_wait_nor_those_due_every_minute_starve_the_others(self, now, settings):
        settings.HEDGEHOG_TICK_MAX_DISPATCH = 2
        waiting = {overdue(10_000 + number).pk for number in range(4)}
        minutely = baker.make_recipe("tests.due_fabric", sync_interval=60, last_sync=now - timedelta(seconds=60))
        sent: list[int] = []

        def sync_at_once(fabric_id: int) -> None:
            sent.append(fabric_id)
            HedgehogFabric.objects.filter(pk=fabric_id).update(**claims.FREE, last_sync=moment)

        for minute in range(4):
            moment = now + minute * timedelta(seconds=60)
            run_tick(moment, sync_at_once)
        assert sent.count(minutely.pk) == 4
        assert waiting < set(sent)

    @pytest.mark.parametrize("chunk", [1, 2, 3, 100])
    def test_chunks_of_any_size_send_each_fabric_once(self, now, settings, chunk):
        settings.HEDGEHOG_TICK_CHUNK_SIZE = chunk
        fabrics = baker.make_recipe("tests.due_fabric", _quantity=5)
        sent: list[int] = []
        run_tick(now, sent.append)
        assert sorted(sent) == sorted(fabric.pk for fabric in fabrics)

    def test_who_was_sent_and_synced_and_is_due_again_waits_for_the_next_tick(self, now, settings):
        settings.HEDGEHOG_TICK_CHUNK_SIZE = 1
        fabrics = baker.make_recipe("tests.due_fabric", _quantity=3)
        sent: list[int] = []

        def is_due_again_at_once(fabric_id: int) -> None:
            sent.append(fabric_id)
            HedgehogFabric.objects.filter(pk=fabric_id).update(**claims.FREE, last_sync=None)

        run_tick(now, is_due_again_at_once)
        assert sent == sorted(set(sent))
        assert claims.live(now) == 0
        run_tick(now + timedelta(seconds=60), sent.append)
        assert set(sent) == {fabric.pk for fabric in fabrics}

    def test_no_more_than_a_chunk_is_claimed_before_it_is_sent(self, now, settings):
        settings.HEDGEHOG_TICK_CHUNK_SIZE = 2
        baker.make_recipe("tests.due_fabric", _quantity=5)
        ahead: list[int] = []
        run_tick(now, lambda _: ahead.append(claims.live(now) - len(ahead)))
        assert max(ahead) == 2

    def test_a_chunk_is_never_larger_than_what_is_left_of_the_cap(self, now, settings):
        settings.HEDGEHOG_TICK_CHUNK_SIZE, settings.HEDGEHOG_TICK_MAX_DISPATCH = 2, 3
        baker.make_recipe("tests.due_fabric", _quantity=5)
        assert run_tick(now, lambda _: None).syncs_triggered == 3
        assert claims.live(now) == 3

    def test_when_its_time_is_up_it_gives_back_what_it_has_claimed_and_not_sent(self, now, settings, clock):
        settings.HEDGEHOG_TICK_TIME_BUDGET_SECONDS = 10
        baker.make_recipe("tests.due_fabric", _quantity=5)
        summary = run_tick(now, lambda _: clock.advance(4))
        assert (summary.status, summary.syncs_triggered) == ("partial", 3)
        assert summary.syncs_skipped == {"left_for_next_tick": 2}
        assert claims.live(now) == 3

    def test_when_its_time_is_up_after_a_chunk_it_claims_no_other(self, now, settings, clock):
        settings.HEDGEHOG_TICK_TIME_BUDGET_SECONDS, settings.HEDGEHOG_TICK_CHUNK_SIZE = 10, 2
        baker.make_recipe("tests.due_fabric", _quantity=5)
        assert run_tick(now, lambda _: clock.advance(5)).syncs_triggered == 2
        assert claims.live(now) == 2

    @pytest.mark.parametrize(("bound", "sent"), [(5, 3), (4, 2), (2, 0), (1, 0)])
    def test_no_more_are_queued_than_the_live_claims_leave_room_for(self, now, settings, bound, sent):
        settings.HEDGEHOG_MAX_LIVE_CLAIMS = bound
        baker.make_recipe("tests.claimed_fabric")
        baker.make_recipe("tests.running_fabric")
        baker.make_recipe("tests.due_fabric", _quantity=3)
        summary = run_tick(now, lambda _: None)
        assert summary.syncs_triggered == sent
        assert summary.status == ("completed" if sent == 3 else "partial")

    def test_expired_claims_leave_room(self, now, settings):
        settings.HEDGEHOG_MAX_LIVE_CLAIMS = 1
        baker.make_recipe("tests.lost_fabric")
        assert run_tick(now, lambda _: None).syncs_triggered == 1


class TestItsClaims:
    def test_each_fabric_is_claimed_when_it_is_sent(self, now):
        fabric = baker.make_recipe("tests.due_fabric")

        def dispatch(fabric_id: int) -> None:
            fabric.refresh_from_db()
            assert fabric.activity(now) == Activity.QUEUED

        assert run_tick(now, dispatch).errors == []

    @pytest.mark.django_db(transaction=True)
    def test_the_claim_is_committed_when_the_message_is_published(self, now):
        baker.make_recipe("tests.due_fabric")
        inside: list[bool] = []
        run_tick(now, lambda _: inside.append(connection.in_atomic_block or not connection.get_autocommit()))
        assert inside == [False]

    def test_a_claim_is_given_back_when_its_message_cannot_be_published(self, now):
        broken, fine = baker.make_recipe("tests.due_fabric", _quantity=2)
        run_tick(now, failing_for(broken.pk))
        broken.refresh_from_db()
        fine.refresh_from_db()
        assert (broken.activity(now), fine.activity(now)) == (Activity.IDLE, Activity.QUEUED)

    def test_one_whose_publish_failed_is_not_tried_again_in_the_same_tick(self, now, settings):
        settings.HEDGEHOG_TICK_CHUNK_SIZE = 1
        broken = baker.make_recipe("tests.never_synced_fabric")
        baker.make_recipe("tests.due_fabric", _quantity=2)
        summary = run_tick(now, failing_for(broken.pk))
        assert len(summary.errors) == 1
        assert summary.syncs_triggered == 2

    def test_one_that_a_worker_began_while_others_failed_stays_with_the_worker(self, now):
        quick, broken = baker.make_recipe("tests.due_fabric", _quantity=2)

        def dispatch(fabric_id: int) -> None:
            if fabric_id == broken.pk:
                raise OSError
            claims.begin(fabric_id, now, uuid4(), "worker")

        run_tick(now, dispatch)
        quick.refresh_from_db()
        assert quick.activity(now) == Activity.SYNCING

    def test_the_lock_is_held_while_it_works_and_free_afterwards(self, now):
        baker.make_recipe("tests.due_fabric")
        held: list[object] = []
        run_tick(now, lambda _: held.append(cache.get(KEY)))
        assert held[0]
        assert cache.get(KEY) is None
