"""The batched publish path sends what Celery would send, and all of it or nothing."""

from __future__ import annotations

import base64
import json
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from unittest import mock

import pytest
import redis
from celery import Celery, signals
from kombu.exceptions import OperationalError
from model_bakery import baker

from netbox_hedgehog.celery import app
from netbox_hedgehog.models import Activity, HedgehogFabric, SyncRun
from netbox_hedgehog.scheduling.tick import run_tick
from netbox_hedgehog.tasks import git_sync_fabric, periodic_fabric_sync_scheduler, publishing
from netbox_hedgehog.tasks.publishing import CLAIM_HEADER, BatchedTask
from tests.baker_recipes import NOW, TOKEN
from tests.e2e.conftest import system  # noqa: F401 - a fixture
from tests.support.waiting import eventually

PER_MESSAGE = {"id", "root_id", "argsrepr", "correlation_id", "delivery_tag", "expires", "body", "ignore_result"}


@pytest.fixture
def broker() -> Iterator[redis.Redis]:
    client = redis.Redis.from_url(app.conf.broker_url)
    client.flushdb()
    yield client
    client.flushdb()
    client.close()


@pytest.fixture
def no_broker(closed_port: int) -> Iterator[None]:
    """Celery's own broker is down, and nobody waits for it to come back."""
    at_once = {"max_retries": 0, "interval_start": 0, "interval_step": 0, "interval_max": 0}
    changed = {
        "broker_url": f"redis://127.0.0.1:{closed_port}/0",
        "broker_write_url": f"redis://127.0.0.1:{closed_port}/0",
        "broker_transport_options": app.conf.broker_transport_options | at_once,
    }
    kept = {name: app.conf[name] for name in changed}
    app.conf.update(changed)
    _forget_connections()
    yield
    app.conf.update(kept)
    _forget_connections()


def _forget_connections() -> None:
    """Pools are kept by URL; the app keeps the one that it found first."""
    app._pool = app.amqp._producer_pool = None


def queued(client: redis.Redis) -> dict[str, list[dict[str, Any]]]:
    """The raw messages by key, the oldest first."""
    lists = (key for key in client.scan_iter() if client.type(key) == b"list")
    return {key.decode(): [json.loads(raw) for raw in reversed(client.lrange(key, 0, -1))] for key in lists}


def body_of(message: dict[str, Any]) -> Any:
    return json.loads(base64.b64decode(message["body"]))


def common(part: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in part.items() if name not in PER_MESSAGE}


class TestAMessage:
    @pytest.fixture
    def both(self, broker) -> tuple[dict[str, Any], dict[str, Any]]:
        """An ordinary message and a batched one, for fabrics 1 and 2, from the same queue."""
        git_sync_fabric.delay(1)
        with git_sync_fabric.batch():
            git_sync_fabric.delay(2)
        ((ordinary, batched),) = queued(broker).values()
        return ordinary, batched

    def test_equals_an_ordinary_one_in_all_that_is_not_its_own(self, both):
        ordinary, batched = both
        assert list(batched) == list(ordinary)
        assert list(batched["headers"]) == list(ordinary["headers"])
        assert list(batched["properties"]) == list(ordinary["properties"])
        assert common(batched["headers"]) == common(ordinary["headers"])
        assert common(batched["properties"]) == common(ordinary["properties"])
        assert common(batched) | {"headers": 0, "properties": 0} == common(ordinary) | {"headers": 0, "properties": 0}

    def test_carries_its_own_fabric_in_its_body_and_its_description(self, both):
        ordinary, batched = both
        assert body_of(batched) == [[2], *body_of(ordinary)[1:]]
        assert (ordinary["headers"]["argsrepr"], batched["headers"]["argsrepr"]) == ("(1,)", "(2,)")

    def test_has_one_id_of_its_own_wherever_an_ordinary_one_has(self, both):
        for message in both:
            headers = message["headers"]
            assert headers["id"] == headers["root_id"] == message["properties"]["correlation_id"]
        assert both[0]["headers"]["id"] != both[1]["headers"]["id"]

    def test_has_a_delivery_tag_of_its_own(self, broker):
        with git_sync_fabric.batch():
            for fabric_id in range(50):
                git_sync_fabric.delay(fabric_id)
        ((*messages,),) = queued(broker).values()
        assert len({message["properties"]["delivery_tag"] for message in messages}) == 50
        assert len({message["headers"]["id"] for message in messages}) == 50

    def test_names_the_claim_that_it_may_begin(self, broker):
        with git_sync_fabric.batch(TOKEN):
            git_sync_fabric.delay(1)
            git_sync_fabric.delay(2)
        ((*messages,),) = queued(broker).values()
        assert [message["headers"][CLAIM_HEADER] for message in messages] == [str(TOKEN)] * 2

    def test_names_the_claim_also_where_messages_are_sent_one_by_one(self, broker, monkeypatch):
        monkeypatch.setattr(publishing, "_can_defer", lambda *_: False)
        with git_sync_fabric.batch(TOKEN):
            git_sync_fabric.delay(1)
        ((message,),) = queued(broker).values()
        assert message["headers"][CLAIM_HEADER] == str(TOKEN)

    def test_expires_as_late_as_an_ordinary_one(self, both):
        ordinary, batched = (datetime.fromisoformat(message["headers"]["expires"]) for message in both)
        assert abs(batched - ordinary) < timedelta(seconds=30)
        assert ordinary - datetime.now(UTC) > timedelta(seconds=60)

    def test_waits_in_the_list_of_its_priority(self, broker, settings):
        with git_sync_fabric.batch():
            git_sync_fabric.delay(1)
        ((key, (message,)),) = queued(broker).items()
        assert key == f"git_sync\x06\x16{settings.HEDGEHOG_SYNC_PRIORITY}"
        assert message["properties"]["priority"] == settings.HEDGEHOG_SYNC_PRIORITY

    def test_is_delivered_in_the_order_of_the_calls(self, broker):
        with git_sync_fabric.batch():
            for fabric_id in (3, 1, 2):
                git_sync_fabric.delay(fabric_id)
        ((*messages,),) = queued(broker).values()
        assert [body_of(message)[0] for message in messages] == [[3], [1], [2]]

    def test_names_the_tick_that_sent_it_as_ordinary_ones_do(self, broker):
        @app.task(name="test.tick", shared=False)
        def tick() -> None:
            git_sync_fabric.delay(1)
            with git_sync_fabric.batch():
                git_sync_fabric.delay(2)

        tick.apply(task_id="the-tick")
        del app.tasks["test.tick"]
        ((ordinary, batched),) = queued(broker).values()
        assert common(batched["headers"]) == common(ordinary["headers"])
        assert batched["headers"]["root_id"] == ordinary["headers"]["root_id"] == "the-tick"
        assert batched["headers"]["parent_id"] == "the-tick"

    def test_may_contain_percent_signs(self, broker, monkeypatch):
        monkeypatch.setattr("celery.app.amqp.anon_nodename", lambda: "gen%d@100%s")
        with git_sync_fabric.batch():
            git_sync_fabric.delay(1)
        (((message,)),) = queued(broker).values()
        assert message["headers"]["origin"] == "gen%d@100%s"


class TestABatch:
    def test_sends_nothing_before_its_end_and_then_everything(self, broker):
        with git_sync_fabric.batch():
            git_sync_fabric.delay(1)
            git_sync_fabric.delay(2)
            assert queued(broker) == {}
        assert [len(messages) for messages in queued(broker).values()] == [2]

    def test_sends_nothing_when_its_block_fails(self, broker):
        def half_way() -> None:
            with git_sync_fabric.batch():
                git_sync_fabric.delay(1)
                raise ValueError("half way")

        with pytest.raises(ValueError, match="half way"):
            half_way()
        assert queued(broker) == {}

    def test_without_calls_asks_nobody(self, no_broker):
        with git_sync_fabric.batch():
            pass

    def test_costs_the_broker_one_command_however_many_it_sends(self, broker):
        git_sync_fabric.delay(1)  # declares the queue
        with git_sync_fabric.batch():
            for fabric_id in range(500):
                git_sync_fabric.delay(fabric_id)
            before = broker.info("commandstats").get("cmdstat_lpush", {"calls": 0})["calls"]
        assert broker.info("commandstats")["cmdstat_lpush"]["calls"] == before + 1

    def test_leaves_other_threads_alone(self, broker):
        with git_sync_fabric.batch():
            elsewhere = threading.Thread(target=git_sync_fabric.delay, args=(1,))
            elsewhere.start()
            elsewhere.join()
            assert len(queued(broker)) == 1

    @pytest.mark.parametrize(
        "call",
        [
            lambda: git_sync_fabric.apply_async((1,), countdown=1),
            lambda: git_sync_fabric.apply_async((1,), {}, "an-id"),
            lambda: git_sync_fabric.delay(fabric_id=1),
            periodic_fabric_sync_scheduler.delay,
        ],
        ids=["an option", "a task id", "a keyword", "another task"],
    )
    def test_leaves_every_other_call_to_celery(self, broker, call):
        with git_sync_fabric.batch():
            assert call().id
            assert len(queued(broker)) == 1

    def test_is_over_when_it_has_ended(self, broker):
        with git_sync_fabric.batch():
            git_sync_fabric.delay(1)
        assert git_sync_fabric.delay(2).id

    def test_survives_a_broker_that_dropped_its_connections(self, broker):
        for fabric_id in (1, 2):
            with git_sync_fabric.batch():
                git_sync_fabric.delay(fabric_id)
            broker.client_kill_filter(_type="normal", skipme=True)
        assert [len(messages) for messages in queued(broker).values()] == [2]

    def test_fails_when_the_broker_is_down(self, no_broker):
        with pytest.raises(OperationalError), git_sync_fabric.batch():
            git_sync_fabric.delay(1)

    def test_leaves_no_connection_taken_when_it_failed(self, broker, monkeypatch):
        monkeypatch.setattr("netbox_hedgehog.tasks.publishing._Batch.push", mock.Mock(side_effect=OSError))
        for _ in range(2 * app.conf.broker_pool_limit):
            with pytest.raises(OSError), git_sync_fabric.batch():  # noqa: PT011 - it has no text
                git_sync_fabric.delay(1)

    def test_leaves_no_result_for_which_nobody_could_ask(self, broker):
        git_sync_fabric.delay(1)
        with git_sync_fabric.batch():
            git_sync_fabric.delay(2)
        (messages,) = queued(broker).values()
        assert [message["headers"]["ignore_result"] for message in messages] == [False, True]

    def test_subscribes_to_no_result(self, broker, monkeypatch):
        subscribe = mock.Mock()
        monkeypatch.setattr(git_sync_fabric.backend.result_consumer, "consume_from", subscribe)
        with git_sync_fabric.batch():
            git_sync_fabric.delay(1)
        subscribe.assert_not_called()
        git_sync_fabric.delay(2)
        subscribe.assert_called_once()


class TestCelerysOwnWay:
    def test_is_taken_when_someone_listens_for_messages(self, broker):
        heard: list[str] = []

        def listen(headers: dict[str, Any], **_: Any) -> None:
            heard.append(headers["argsrepr"])

        signals.before_task_publish.connect(listen)
        try:
            with git_sync_fabric.batch():
                git_sync_fabric.delay(1)
                git_sync_fabric.delay(2)
        finally:
            signals.before_task_publish.disconnect(listen)
        assert heard == ["(1,)", "(2,)"]

    @pytest.mark.parametrize(("name", "value"), [("task_compression", "gzip"), ("task_send_sent_event", True)])
    def test_is_taken_when_messages_cannot_be_repeated(self, broker, name, value):
        kept = app.conf[name]
        app.conf[name] = value
        try:
            with git_sync_fabric.batch():
                assert git_sync_fabric.delay(1).id
        finally:
            app.conf[name] = kept

    def test_is_taken_when_tasks_run_where_they_are_sent(self, broker, monkeypatch):
        monkeypatch.setattr("netbox_hedgehog.tasks.git_sync_tasks.run_sync", lambda fabric_id, **_: fabric_id)
        app.conf.task_always_eager = True
        try:
            with git_sync_fabric.batch():
                assert git_sync_fabric.delay(7).get() == 7
        finally:
            app.conf.task_always_eager = False
        assert queued(broker) == {}

    def test_is_taken_on_other_brokers_with_one_producer_for_the_batch(self, monkeypatch):
        with Celery("other", broker="memory://", set_as_current=False) as other:
            task = other.task(BatchedTask.run, base=BatchedTask, name="test.other", bind=True, shared=False)
            producers: list[Any] = []
            monkeypatch.setattr(other, "send_task", lambda *_, producer, **__: producers.append(producer))
            with task.batch():
                task.delay(1)
                task.delay(2)
        assert len(producers) == 2
        assert producers[0] is producers[1] is not None

    def test_is_taken_on_rabbitmq(self, closed_port):
        with Celery("other", broker=f"amqp://127.0.0.1:{closed_port}//", set_as_current=False) as other:
            task = other.task(BatchedTask.run, base=BatchedTask, name="test.other", bind=True, shared=False)
            other.conf.task_publish_retry = False
            with task.batch(), pytest.raises(OperationalError):
                task.delay(1)


@pytest.mark.django_db
class TestInATick:
    def test_whoever_replaces_delay_sees_every_fabric(self, broker, monkeypatch):
        fabrics = baker.make_recipe("tests.due_fabric", _quantity=3)
        seen: list[int] = []
        monkeypatch.setattr(git_sync_fabric, "delay", seen.append)
        assert periodic_fabric_sync_scheduler()["syncs_triggered"] == 3
        assert sorted(seen) == [fabric.pk for fabric in fabrics]
        assert queued(broker) == {}

    def test_a_message_leaves_for_every_fabric(self, broker, settings):
        settings.HEDGEHOG_TICK_CHUNK_SIZE = 2
        fabrics = baker.make_recipe("tests.due_fabric", _quantity=5)
        assert periodic_fabric_sync_scheduler()["syncs_triggered"] == 5
        ((*messages,),) = queued(broker).values()
        assert sorted(body_of(message)[0][0] for message in messages) == [fabric.pk for fabric in fabrics]

    def test_a_chunk_that_fails_at_its_end_is_given_back_with_one_error(self, no_broker):
        baker.make_recipe("tests.due_fabric", _quantity=5)
        summary = run_tick(NOW, git_sync_fabric.delay, git_sync_fabric.batch)
        assert (summary.status, summary.syncs_triggered, len(summary.errors)) == ("partial", 0, 1)
        assert summary.errors[0]["fabric_id"] == 0
        assert summary.syncs_skipped["left_for_next_tick"] == 5
        assert {fabric.activity(NOW) for fabric in HedgehogFabric.objects.all()} == {Activity.IDLE}

    def test_chunks_sent_before_one_that_fails_stay_sent(self, broker, settings, monkeypatch):
        settings.HEDGEHOG_TICK_CHUNK_SIZE = 2
        baker.make_recipe("tests.due_fabric", _quantity=6)
        push, pushed = "netbox_hedgehog.tasks.publishing._Batch.push", []

        def second_fails(_batch: Any, _key: str, messages: list[str]) -> None:
            if pushed:
                raise OSError("connection lost")
            pushed.extend(messages)

        monkeypatch.setattr(push, second_fails)
        summary = run_tick(NOW, git_sync_fabric.delay, git_sync_fabric.batch)
        assert (summary.status, summary.syncs_triggered, len(summary.errors)) == ("partial", 2, 1)
        activities = sorted(fabric.activity(NOW) for fabric in HedgehogFabric.objects.all())
        assert activities == [Activity.IDLE] * 4 + [Activity.QUEUED] * 2


@pytest.mark.e2e
@pytest.mark.django_db(transaction=True)
def test_a_real_worker_runs_batched_messages_and_drops_expired_ones(system, monkeypatch):  # noqa: F811
    fresh, stale = baker.make_recipe("tests.never_synced_fabric", _quantity=2, git_repository__url="ftp://refused/")
    with monkeypatch.context() as patch:
        patch.setattr(git_sync_fabric, "_exec_options", git_sync_fabric._get_exec_options() | {"expires": 0.01})
        with git_sync_fabric.batch():
            git_sync_fabric.delay(stale.pk)
    with git_sync_fabric.batch():
        git_sync_fabric.delay(fresh.pk)
    worker = system.worker(concurrency=1)
    run = eventually(lambda: SyncRun.objects.filter(fabric=fresh).first(), "the batched sync ran")
    assert run.worker.startswith("celery@")
    assert not SyncRun.objects.filter(fabric=stale).exists(), worker.lines


def test_a_kombu_that_sends_by_another_command_is_noticed_and_nothing_is_sent(monkeypatch):
    monkeypatch.setattr(
        publishing._Recorder, "add", lambda recorder, _command, *rest: recorder.commands.append(("xadd", *rest))
    )
    with pytest.raises(NotImplementedError, match="xadd"), git_sync_fabric.batch():
        git_sync_fabric.delay(1)
