"""A process that asks often is told which claims have ended, and is never told so of one that lives."""

from __future__ import annotations

import threading
from unittest import mock
from uuid import UUID, uuid4

import pytest
from django.db import OperationalError
from model_bakery import baker

from netbox_hedgehog.models import HedgehogFabric, RunStatus, SyncRun
from netbox_hedgehog.scheduling import ended
from netbox_hedgehog.scheduling.ended import ENOUGH, KEPT_CLAIMS, EndedClaims
from tests.baker_recipes import NOW, TOKEN
from tests.support.waiting import PATIENCE_SECONDS, eventually


@pytest.fixture
def claims() -> EndedClaims:
    return EndedClaims()


@pytest.fixture
def fabrics(db) -> list[HedgehogFabric]:
    return baker.make_recipe("tests.due_fabric", _quantity=2)


def settled(fabric: HedgehogFabric, token: UUID = TOKEN, **more: object) -> None:
    SyncRun.objects.create(
        fabric=fabric, token=token, status=RunStatus.UNCHANGED, trigger="schedule", started_at=NOW, **more
    )


def asked(claims: EndedClaims, *fabrics: HedgehogFabric, token: UUID = TOKEN) -> list[bool]:
    return [claims.has_ended(str(token), fabric.pk) for fabric in fabrics]


def test_a_claim_under_which_a_run_was_recorded_has_ended_for_that_fabric_alone(claims, fabrics):
    next_tick = uuid4()
    assert asked(claims, *fabrics) == asked(claims, *fabrics, token=next_tick) == [False, False]
    settled(fabrics[0])
    claims.read()
    assert asked(claims, *fabrics) == [True, False]
    assert asked(claims, *fabrics, token=next_tick) == [False, False]


def test_a_run_under_a_token_of_its_own_says_nothing_about_the_claim(claims, fabrics):
    asked(claims, *fabrics)
    settled(fabrics[0], token=uuid4())
    claims.read()
    assert asked(claims, *fabrics) == [False, False]


def test_a_run_that_becomes_visible_after_later_ones_is_found(claims, fabrics):
    asked(claims, *fabrics)
    settled(fabrics[1], pk=1002)
    claims.read()
    settled(fabrics[0], pk=1001)
    claims.read()
    assert asked(claims, *fabrics) == [True, True]


def test_what_was_read_twice_is_not_read_again(claims, fabrics, django_assert_num_queries):
    settled(fabrics[0])
    for _ in range(2):
        claims.read()
    asked(claims, *fabrics)
    with django_assert_num_queries(1):
        claims.read()
    assert asked(claims, *fabrics) == [False, False]


def test_of_a_long_history_the_latest_is_read(claims, fabrics, monkeypatch):
    monkeypatch.setattr(ended, "_MOST_ROWS", 1)
    asked(claims, *fabrics)
    for fabric in fabrics:
        settled(fabric)
    claims.read()
    assert asked(claims, *fabrics) == [False, True]


def test_the_claims_of_old_ticks_are_forgotten(claims, fabrics):
    asked(claims, *fabrics)
    settled(fabrics[0])
    claims.read()
    for _ in range(KEPT_CLAIMS - 1):
        asked(claims, *fabrics, token=uuid4())
    assert asked(claims, fabrics[0]) == [True]
    asked(claims, *fabrics, token=uuid4())
    assert asked(claims, fabrics[0]) == [False]


class TestTheReader:
    @pytest.fixture
    def read(self, claims, monkeypatch) -> threading.Event:
        """Set when the database would be asked."""
        read = threading.Event()
        monkeypatch.setattr(claims, "read", read.set)
        monkeypatch.setattr(ended, "_EVERY_SECONDS", 0)
        monkeypatch.setattr(ended, "_AFTER_ERROR_SECONDS", 0)
        return read

    def ask(self, claims: EndedClaims, times: int) -> None:
        for fabric_id in range(times):
            claims.has_ended(str(TOKEN), fabric_id)

    def test_does_not_ask_the_database_for_a_few(self, claims, read):
        self.ask(claims, ENOUGH - 1)
        assert not read.wait(0.1)

    def test_asks_it_for_many_and_again_while_they_come(self, claims, read):
        self.ask(claims, ENOUGH)
        assert read.wait(PATIENCE_SECONDS)
        read.clear()
        assert not read.wait(0.1)
        self.ask(claims, 1)
        assert read.wait(PATIENCE_SECONDS)

    def test_goes_on_when_the_database_was_away(self, claims, read, monkeypatch):
        failed = threading.Event()

        def fail() -> None:
            failed.set()
            raise OperationalError("away")

        monkeypatch.setattr(claims, "read", fail)
        self.ask(claims, ENOUGH)
        assert failed.wait(PATIENCE_SECONDS)
        monkeypatch.setattr(claims, "read", read.set)
        self.ask(claims, 1)
        assert read.wait(PATIENCE_SECONDS)

    def test_gives_its_connection_back_when_nobody_asks_and_takes_another_when_somebody_does(
        self, claims, read, monkeypatch
    ):
        closed = threading.Event()
        monkeypatch.setattr(ended, "_IDLE_SECONDS", 0.01)
        monkeypatch.setattr(ended, "connections", mock.Mock(close_all=closed.set))
        claims._newest = claims._newest_before = 1_000_000
        self.ask(claims, ENOUGH)
        assert closed.wait(PATIENCE_SECONDS)
        assert read.wait(PATIENCE_SECONDS)
        eventually(lambda: claims._newest == claims._newest_before == 0, "it begins anew")
        read.clear()
        self.ask(claims, 1)
        assert read.wait(PATIENCE_SECONDS)

    @pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
    def test_that_has_died_is_replaced(self, claims, read, monkeypatch):
        died = threading.Event()

        def die() -> None:
            died.set()
            raise SystemExit

        monkeypatch.setattr(claims, "read", die)
        self.ask(claims, ENOUGH)
        assert died.wait(PATIENCE_SECONDS)
        claims._reader.join(PATIENCE_SECONDS)
        monkeypatch.setattr(claims, "read", read.set)
        self.ask(claims, 1)
        assert read.wait(PATIENCE_SECONDS)

    def test_that_cannot_be_started_stops_nobody(self, claims, read, monkeypatch):
        with monkeypatch.context() as patch:
            patch.setattr(threading.Thread, "start", mock.Mock(side_effect=RuntimeError("can't start new thread")))
            self.ask(claims, ENOUGH)
        self.ask(claims, 1)
        assert read.wait(PATIENCE_SECONDS)
