from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import timedelta
from uuid import UUID

import pytest
from django.db import OperationalError, connection
from django.utils import timezone
from model_bakery import baker

from netbox_hedgehog.observability.logs import bound
from netbox_hedgehog.scheduling import claims
from netbox_hedgehog.sync.heartbeat import Heartbeat
from tests.baker_recipes import TOKEN

PATIENCE_SECONDS = 30


class Renewals:
    """Stands in for ``claims.renew``: answers with each of ``answers``, then True; ``enough`` is set after three."""

    def __init__(self, *answers: bool | Exception) -> None:
        self.answers = list(answers)
        self.asked: list[tuple[int, UUID]] = []
        self.enough = threading.Event()

    def __call__(self, fabric_id: int, now: object, token: UUID) -> bool:
        self.asked.append((fabric_id, token))
        if len(self.asked) == 3:
            self.enough.set()
        answer = self.answers.pop(0) if self.answers else True
        if isinstance(answer, Exception):
            raise answer
        return answer


@pytest.fixture
def renewing(monkeypatch, settings) -> Callable[..., Renewals]:
    def arrange(*answers: bool | Exception) -> Renewals:
        settings.HEDGEHOG_RUNNING_CLAIM_SECONDS = 0.003
        renewals = Renewals(*answers)
        monkeypatch.setattr(claims, "renew", renewals)
        return renewals

    return arrange


def test_it_renews_its_own_claim_again_and_again(renewing):
    renewals = renewing()
    with Heartbeat(7, TOKEN):
        assert renewals.enough.wait(PATIENCE_SECONDS)
    assert set(renewals.asked) == {(7, TOKEN)}


def test_it_stops_when_the_sync_ends(renewing):
    renewals = renewing()
    with Heartbeat(7, TOKEN) as heartbeat:
        assert renewals.enough.wait(PATIENCE_SECONDS)
    assert not heartbeat._thread.is_alive()


def test_it_stops_when_the_claim_is_lost(renewing, caplog):
    renewals = renewing(False)
    with Heartbeat(7, TOKEN) as heartbeat:
        heartbeat._thread.join(PATIENCE_SECONDS)
        assert not heartbeat._thread.is_alive()
    assert len(renewals.asked) == 1
    assert "sync.claim_lost" in caplog.text


def test_its_lines_name_what_the_syncs_lines_name(renewing, operator_log):
    renewing(False)
    with bound(fabric="lab", run="r-1"), Heartbeat(7, TOKEN) as heartbeat:
        heartbeat._thread.join(PATIENCE_SECONDS)
    (line,) = operator_log.getvalue().splitlines()
    assert {"sync.claim_lost", "fabric=lab", "run=r-1"} <= set(line.split())


def test_it_goes_on_when_the_database_is_away_for_a_moment(renewing, caplog):
    renewals = renewing(OperationalError("gone"))
    with Heartbeat(7, TOKEN):
        assert renewals.enough.wait(PATIENCE_SECONDS)
    assert "sync.heartbeat_missed" in caplog.text


@pytest.mark.django_db(transaction=True)
@pytest.mark.skipif(connection.vendor != "postgresql", reason="threads cannot share SQLite's database in memory")
def test_a_long_sync_keeps_its_claim(monkeypatch, settings):
    settings.HEDGEHOG_RUNNING_CLAIM_SECONDS = 0.003
    fabric = baker.make_recipe("tests.running_fabric", claim_expires_at=timezone.now() - timedelta(seconds=1))
    before = fabric.claim_expires_at
    renewed = threading.Event()
    renew = claims.renew

    def renew_and_tell(*args: object) -> bool:
        result = renew(*args)
        renewed.set()
        return result

    monkeypatch.setattr(claims, "renew", renew_and_tell)
    with Heartbeat(fabric.pk, fabric.claim_token):
        assert renewed.wait(PATIENCE_SECONDS)
    fabric.refresh_from_db()
    assert fabric.claim_expires_at > before
