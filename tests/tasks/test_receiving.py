"""Messages that have come for nothing end in the worker's main process."""

from __future__ import annotations

from typing import Any
from unittest import mock
from uuid import uuid4

import pytest
import redis
from celery.worker import state
from kombu.message import Message
from model_bakery import baker

from netbox_hedgehog.celery import app
from netbox_hedgehog.models import RunStatus, SyncRun
from netbox_hedgehog.scheduling.ended import ENOUGH, EndedClaims
from netbox_hedgehog.tasks import git_sync_fabric, receiving
from netbox_hedgehog.tasks.publishing import CLAIM_HEADER
from netbox_hedgehog.tasks.receiving import SyncRequest
from tests.baker_recipes import NOW, TOKEN
from tests.e2e.conftest import system  # noqa: F401 - a fixture
from tests.support.waiting import PATIENCE_SECONDS, eventually


@pytest.fixture
def ended(monkeypatch) -> mock.Mock:
    """What `EndedClaims.has_ended` says."""
    ended = mock.Mock(return_value=True)
    monkeypatch.setattr(receiving, "ENDED_CLAIMS", mock.Mock(spec=EndedClaims, has_ended=ended))
    return ended


def request(args: Any = (7,), **headers: Any) -> tuple[SyncRequest, mock.Mock]:
    """A request as a worker makes it, and what acknowledges its message."""
    body = (list(args) if isinstance(args, tuple) else args, {}, {})
    named = {"id": str(uuid4()), "task": git_sync_fabric.name, **headers}
    message = Message(headers=named, body=b"", properties={}, delivery_info={})
    ack = mock.Mock()
    return SyncRequest(message, on_ack=ack, app=app, body=body, decoded=True), ack


def test_one_whose_claim_has_ended_is_acknowledged_and_not_handed_over(ended):
    made, ack = request(**{CLAIM_HEADER: str(TOKEN)})
    state.task_reserved(made)
    assert made.revoked()
    ended.assert_called_once_with(str(TOKEN), 7)
    assert made not in state.reserved_requests
    ended.return_value = False  # what was known of an old tick is forgotten
    assert made.revoked()
    ack.assert_called_once()


def test_one_whose_claim_may_live_goes_its_way(ended):
    ended.return_value = False
    made, ack = request(**{CLAIM_HEADER: str(TOKEN)})
    assert not made.revoked()
    ack.assert_not_called()


@pytest.mark.parametrize(
    ("args", "headers"),
    [
        ((7,), {}),
        ((7,), {CLAIM_HEADER: {"not": "text"}}),
        (([7],), {CLAIM_HEADER: str(TOKEN)}),
        ((), {CLAIM_HEADER: str(TOKEN)}),
        ("7", {CLAIM_HEADER: str(TOKEN)}),
    ],
    ids=["of a person", "a claim that is none", "a fabric that is none", "no fabric", "no list"],
)
def test_what_is_not_a_message_of_the_schedule_goes_its_way(ended, args, headers):
    made, ack = request(args, **headers)
    assert not made.revoked()
    ended.assert_not_called()
    ack.assert_not_called()


def test_one_that_has_expired_is_dropped_as_celery_does(ended):
    ended.return_value = False
    made, ack = request(**{CLAIM_HEADER: str(TOKEN), "expires": "2026-01-01T00:00:00Z", "ignore_result": True})
    assert made.revoked()
    ack.assert_called_once()


@pytest.mark.e2e
@pytest.mark.django_db(transaction=True)
def test_a_real_worker_drops_what_another_sync_has_settled(system, settings):  # noqa: F811
    settled, other = baker.make_recipe("tests.due_fabric", _quantity=2, git_repository__url="ftp://refused/")
    SyncRun.objects.create(fabric=settled, token=TOKEN, status=RunStatus.UNCHANGED, trigger="schedule", started_at=NOW)
    sent = 4000
    with git_sync_fabric.batch(TOKEN):
        for _ in range(sent):
            git_sync_fabric.delay(settled.pk)
    with git_sync_fabric.batch():
        git_sync_fabric.delay(other.pk)
    system.worker(concurrency=1).wait_for("ready.")
    eventually(lambda: SyncRun.objects.filter(fabric=other).exists(), "the message behind them was handed over")
    with redis.Redis.from_url(settings.CELERY_BROKER_URL) as broker:
        eventually(lambda: not broker.exists("unacked"), "every message is acknowledged")
    ((_, stats),) = app.control.inspect(timeout=PATIENCE_SECONDS, limit=1).stats().items()
    assert ENOUGH / 2 < stats["total"][git_sync_fabric.name] < sent / 2
