from __future__ import annotations

import json

import pytest

from netbox_hedgehog.errors import RetryLater
from netbox_hedgehog.models import TickStatus
from netbox_hedgehog.scheduling.summary import MAX_ERRORS, MAX_MESSAGE_CHARACTERS, Summary

KEYS = {
    "status",
    "fabrics_checked",
    "fabrics_due",
    "syncs_triggered",
    "syncs_skipped",
    "errors",
    "duration_seconds",
}


class UnprintableError(Exception):
    def __str__(self) -> str:
        raise ValueError("no text for this one")


def entry(error: BaseException, **fields: object) -> dict[str, object]:
    summary = Summary()
    summary.add_error(error, **fields)
    (only,) = summary.as_dict()["errors"]
    return only


def test_it_has_exactly_the_keys_of_the_contract():
    assert set(Summary().as_dict()) == KEYS


def test_only_a_skipped_tick_gives_a_reason():
    skipped = Summary(status=TickStatus.SKIPPED, reason="another_tick_is_running").as_dict()
    assert set(skipped) == {*KEYS, "reason"}
    assert skipped["reason"] == "another_tick_is_running"


def test_it_is_json_and_says_what_it_counted():
    summary = Summary(fabrics_checked=5, fabrics_due=3, syncs_triggered=2, duration_seconds=0.123456)
    summary.syncs_skipped["claimed"] += 1
    summary.add_error(OSError("broken"), fabric_id=7, fabric="leaf")
    assert json.loads(json.dumps(summary.as_dict())) == {
        "status": "completed",
        "fabrics_checked": 5,
        "fabrics_due": 3,
        "syncs_triggered": 2,
        "syncs_skipped": {"claimed": 1},
        "errors": [{"fabric_id": 7, "fabric": "leaf", "code": "tick.OSError", "message": "broken"}],
        "duration_seconds": 0.1235,
    }


def test_an_error_of_the_tick_as_a_whole_names_fabric_0():
    assert entry(ValueError("x"))["fabric_id"] == 0


def test_a_sync_error_keeps_its_stable_code():
    assert entry(RetryLater("git.timeout", "too slow"))["code"] == "git.timeout"


def test_secrets_are_removed_from_messages_and_names():
    shown = entry(OSError("no route to https://bob:hunter2@git.example.com/"), fabric="token=abcdefgh")
    assert "hunter2" not in str(shown)
    assert "abcdefgh" not in str(shown)
    assert "[REDACTED]" in str(shown["message"])


def test_a_secret_at_the_cut_is_removed_before_the_message_is_cut():
    message = "x" * (MAX_MESSAGE_CHARACTERS - 20) + " https://bob:hunter2-and-more@git.example.com/"
    assert "hunter2" not in str(entry(OSError(message))["message"])


def test_a_message_is_cut_to_its_longest():
    assert len(str(entry(OSError("word " * 1000))["message"])) == MAX_MESSAGE_CHARACTERS


def test_more_errors_than_are_listed_are_counted():
    summary = Summary()
    for number in range(MAX_ERRORS + 3):
        summary.add_error(OSError("x"), fabric_id=number)
    assert len(summary.errors) == MAX_ERRORS
    assert summary.as_dict()["syncs_skipped"] == {"errors_not_listed": 3}


@pytest.mark.parametrize("text", ["a NUL \0 in it", "half a surrogate \udc80 in it"])
def test_text_that_the_database_refuses_is_written_readably(text):
    message = str(entry(OSError(text))["message"])
    assert "\0" not in message
    assert message.encode()


def test_an_error_that_cannot_be_printed_is_listed_all_the_same():
    assert entry(UnprintableError(), fabric_id=3)["code"] == "tick.UnprintableError"
