"""The command fabric_status."""

from __future__ import annotations

import json
from datetime import timedelta
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone
from model_bakery import baker

from netbox_hedgehog.management.commands import fabric_status
from netbox_hedgehog.models import HedgehogFabric, SyncStatus

pytestmark = pytest.mark.django_db


def said(*arguments: str) -> str:
    output = StringIO()
    call_command("fabric_status", *arguments, stdout=output)
    return output.getvalue()


@pytest.fixture
def fabrics(monkeypatch) -> dict[str, HedgehogFabric]:
    now = timezone.now()
    monkeypatch.setattr("netbox_hedgehog.management.commands.fabric_status.timezone.now", lambda: now)
    good = {"last_sync": now - timedelta(seconds=30), "sync_status": SyncStatus.IN_SYNC, "sync_interval": 90}
    return {
        "Oslo": baker.make_recipe("tests.idle_fabric", name="Oslo", resource_count=1234, **good),
        "Rome [x]": baker.make_recipe("tests.disabled_fabric", name="Rome [x]"),
        "Bonn": baker.make_recipe(
            "tests.backing_off_fabric",
            name="Bonn",
            sync_status=SyncStatus.ERROR,
            sync_error="[git.auth_failed] The server refuses.\nSecond line",
            retry_at=now + timedelta(minutes=10, seconds=1),
        ),
    }


def row(text: str, name: str) -> str:
    return next(line for line in text.splitlines() if name in line)


def test_each_fabric_is_a_row(fabrics):
    text = said("Oslo", "Rome [x]")
    for part in ("in sync", "idle", "30 s ago", "in 60 s", "90 s", "1,234"):
        assert part in row(text, "Oslo")
    assert "not by schedule" in row(text, "Rome [x]")
    assert "2 fabrics, 0 failed or held." in text


def test_a_failed_one_says_why_and_when_next_and_is_the_exit_code(fabrics):
    output = StringIO()
    with pytest.raises(SystemExit) as ended:
        call_command("fabric_status", "--bad", stdout=output)
    assert ended.value.code == 1
    assert "in 10 min" in row(output.getvalue(), "Bonn")
    assert "[git.auth_failed] The server refuses." in output.getvalue()
    assert "Oslo" not in output.getvalue()
    assert "1 fabrics, 1 failed or held." in output.getvalue()


def test_what_hinders_all_is_said_first(fabrics):
    assert said("Oslo").index("! No tick has run yet") < said("Oslo").index("Oslo")


def test_for_programs_it_is_json(fabrics):
    (document,) = json.loads(said("Oslo", "--json"))
    oslo = HedgehogFabric.objects.get(name="Oslo")
    assert document["last_sync"] == oslo.last_sync.isoformat()
    assert document["next_due_at"] == (oslo.last_sync + timedelta(seconds=90)).isoformat()
    assert (document["sync_status"], document["activity"], document["resources"]) == ("in_sync", "idle", 1234)


def test_a_due_time_beyond_all_years_is_none(fabrics):
    HedgehogFabric.objects.filter(name="Oslo").update(sync_interval=2**31 - 1, last_sync="9990-01-01T00:00Z")
    assert json.loads(said("Oslo", "--json"))[0]["next_due_at"] is None
    assert "not by schedule" in row(said("Oslo"), "Oslo")


def test_an_overdue_one_says_for_how_long(fabrics):
    HedgehogFabric.objects.filter(name="Oslo").update(last_sync=timezone.now() - timedelta(minutes=30))
    assert "due 28 min ago" in row(said("Oslo"), "Oslo")


def test_an_unknown_name_is_an_error_that_helps(fabrics):
    with pytest.raises(CommandError, match="Did you mean “Oslo”") as caught:
        said("Osol")
    assert caught.value.returncode == 2  # 1 would say that a fabric failed


def test_it_is_shown_anew_until_interrupted(fabrics, monkeypatch):
    waits: list[float] = []

    def wait(seconds: float) -> None:
        waits.append(seconds)
        HedgehogFabric.objects.filter(name="Oslo").update(resource_count=5678)
        if len(waits) == 2:
            raise KeyboardInterrupt

    monkeypatch.setattr(fabric_status.time, "sleep", wait)
    text = said("--watch", "7")
    assert waits == [7, 7]
    assert text.index("1,234") < text.index("5,678")  # one after the other, where there is no terminal


def test_watching_shows_what_fits_the_terminal_and_what_failed_first(fabrics, monkeypatch):
    class Terminal(StringIO):
        def isatty(self) -> bool:
            return True

    def wait(seconds: float) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(fabric_status.time, "sleep", wait)
    monkeypatch.setattr(fabric_status, "fleet_reasons", lambda survey: [])
    monkeypatch.setenv("LINES", "7")
    monkeypatch.setenv("COLUMNS", "150")
    output = Terminal()
    call_command("fabric_status", "--watch", stdout=output)
    assert f"{len(fabrics)} fabrics, 1 failed or held. The first 1 of them:" in output.getvalue()
    assert "Bonn" in output.getvalue()
    assert "Oslo" not in output.getvalue()


@pytest.mark.parametrize("pause", ["0", "-1", "nan", "inf", "soon"])
def test_a_pause_that_is_none_is_refused(pause):
    with pytest.raises(CommandError):
        said("--watch", pause)
