from __future__ import annotations

import json
from uuid import uuid4

import pytest
from billiard.exceptions import SoftTimeLimitExceeded
from django.core.cache import cache

from netbox_hedgehog.errors import RetryLater
from netbox_hedgehog.models import HedgehogFabric
from netbox_hedgehog.sync import progress as module
from netbox_hedgehog.sync.progress import Teller, progress_of
from netbox_hedgehog.sync.run import run_sync
from netbox_hedgehog.tasks import git_sync_fabric
from netbox_hedgehog.tasks.progress import StatePublisher
from tests.support.remote import document

pytestmark = pytest.mark.django_db


@pytest.fixture
def clock(monkeypatch):
    """The monotonic clock, which stands still until a test moves it."""
    seconds = [1000.0]
    monkeypatch.setattr(module, "monotonic", lambda: seconds[0])
    return seconds


@pytest.fixture
def unhurried(monkeypatch):
    """Every step is told."""
    monkeypatch.setattr(module, "SECONDS_BETWEEN", 0)


@pytest.fixture
def fabric(remote) -> HedgehogFabric:
    remote.commit({f"{number}.yaml": document(f"leaf-{number}", ports=number) for number in range(20)})
    return remote.fabric()


class TestASync:
    def test_tells_what_it_receives_indexes_and_reads(self, fabric, remote, unhurried):
        told: list[tuple[str, int, int]] = []
        run_sync(fabric.pk, worker="test", progress=lambda *step: told.append(step))
        remote.commit({f"{number}.yaml": document(f"leaf-{number}", ports=99) for number in range(5)})
        run_sync(fabric.pk, worker="test", progress=lambda *step: told.append(step))
        assert {stage for stage, _, _ in told} >= {"receiving", "reading"}
        reading = [(done, total) for stage, done, total in told if stage == "reading"]
        assert reading == [(done, 20) for done in range(21)] + [(done, 5) for done in range(6)]
        assert all(0 <= done <= total for _, done, total in told)

    def test_can_be_watched_by_other_processes_while_it_runs(self, fabric, unhurried):
        seen = []

        def watch(*step: object) -> None:
            running = HedgehogFabric.objects.get()
            seen.append((step, progress_of([running])[running.pk]))

        run_sync(fabric.pk, worker="test", progress=watch)
        assert seen
        assert all(step == tuple(told.values()) for step, told in seen)
        assert json.loads(json.dumps(seen[-1][1])) == {"stage": "reading", "done": 20, "total": 20}
        assert progress_of(HedgehogFabric.objects.all()) == {}

    def test_that_does_nothing_tells_nothing(self, fabric):
        run_sync(fabric.pk, worker="test")
        run_sync(fabric.pk, worker="test", progress=pytest.fail)

    def test_is_stopped_by_an_error_of_who_listens(self, fabric):
        def stop(*_: object) -> None:
            raise RetryLater("sync.stopped", "x")

        assert run_sync(fabric.pk, worker="test", progress=stop)["error"]["code"] == "sync.stopped"

    def test_does_not_need_the_cache(self, fabric, cache_away, unhurried):
        told: list[tuple[object, ...]] = []
        result = run_sync(fabric.pk, worker="test", progress=lambda *step: told.append(step))
        assert (result["status"], bool(told)) == ("succeeded", True)
        assert progress_of([HedgehogFabric(pk=1, claim_token=uuid4(), claim_started_at=fabric.last_sync)]) == {}


class TestATeller:
    def test_speaks_once_a_second(self, clock):
        told: list[int] = []
        tell = Teller(uuid4(), lambda _, done, __: told.append(done))
        for done in range(30):
            tell("receiving", done, 30)
            clock[0] += 0.1
        assert told == [0, 10, 20]

    def test_asks_a_cache_that_is_down_once_only(self, monkeypatch, clock):
        asked: list[int] = []

        def down(*_: object) -> None:
            asked.append(1)
            raise ConnectionError

        monkeypatch.setattr(cache, "set", down)
        tell = Teller(uuid4())
        for _ in range(3):
            tell("reading", 1, 2)
            clock[0] += 1
        assert len(asked) == 1

    def test_lets_a_time_limit_of_the_worker_through(self, monkeypatch):
        def strike(*_: object) -> None:
            raise SoftTimeLimitExceeded

        monkeypatch.setattr(cache, "set", strike)
        with pytest.raises(SoftTimeLimitExceeded):
            Teller(uuid4())("reading", 1, 2)


class TestTheTask:
    @pytest.fixture
    def running(self):
        """The task as a worker runs it."""
        git_sync_fabric.push_request(id=str(uuid4()), is_eager=False, hostname="test")
        yield git_sync_fabric
        git_sync_fabric.backend.forget(git_sync_fabric.request.id)
        git_sync_fabric.pop_request()

    @pytest.mark.filterwarnings("ignore:Call to deprecated setex")  # in Celery's own client
    def test_has_the_state_progress_while_it_runs(self, running, fabric):
        running.run(fabric.pk)
        result = running.AsyncResult(running.request.id)
        assert result.state == "PROGRESS"
        assert set(result.info) == {"fabric_id", "stage", "done", "total"}
        assert (result.info["fabric_id"], result.info["stage"]) == (fabric.pk, "receiving")

    def test_leaves_a_result_store_that_is_down_alone(self, running, monkeypatch):
        asked: list[int] = []

        def down(*_: object, **__: object) -> None:
            asked.append(1)
            raise ConnectionError

        monkeypatch.setattr(running, "update_state", down)
        publish = StatePublisher(running, 1)
        publish("reading", 1, 2)
        publish("reading", 2, 2)
        assert len(asked) == 1

    def test_lets_a_time_limit_of_the_worker_through(self, running, monkeypatch):
        def strike(*_: object, **__: object) -> None:
            raise SoftTimeLimitExceeded

        monkeypatch.setattr(running, "update_state", strike)
        with pytest.raises(SoftTimeLimitExceeded):
            StatePublisher(running, 1)("reading", 1, 2)

    def test_in_the_foreground_publishes_nothing(self, monkeypatch, fabric):
        monkeypatch.setattr(git_sync_fabric, "update_state", pytest.fail)
        assert git_sync_fabric.apply([fabric.pk]).get()["status"] == "succeeded"
