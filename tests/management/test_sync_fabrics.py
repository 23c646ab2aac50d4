from __future__ import annotations

import io
import json
from functools import partial
from typing import Any
from uuid import uuid4

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone
from model_bakery import baker

from netbox_hedgehog import tasks
from netbox_hedgehog.celery import app
from netbox_hedgehog.management import following
from netbox_hedgehog.models import HedgehogFabric, SyncRun
from netbox_hedgehog.scheduling import claims
from netbox_hedgehog.sync.progress import Teller
from netbox_hedgehog.sync.run import run_sync
from tests.support.remote import document

pytestmark = pytest.mark.django_db


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def run(*arguments: str, output: io.StringIO | None = None) -> tuple[int, str]:
    """The exit code and what was printed."""
    output = output or io.StringIO()
    try:
        call_command("sync_fabrics", *arguments, stdout=output, no_color=True)
    except SystemExit as ended:
        return int(ended.code or 0), output.getvalue()
    except CommandError as error:
        return error.returncode, f"{output.getvalue()}{error}"
    return 0, output.getvalue()


@pytest.fixture
def east(remote):
    remote.commit({"a.yaml": document("a"), "b.yaml": document("b")})
    return remote.fabric(name="east")


@pytest.fixture
def west(east):
    """Has no such directory."""
    return baker.make_recipe(
        "tests.never_synced_fabric", name="west", git_repository=east.git_repository, gitops_directory="/nowhere"
    )


@pytest.fixture
def sent(monkeypatch):
    ids: list[int] = []
    monkeypatch.setattr(tasks.git_sync_fabric, "delay", ids.append)
    return ids


@pytest.fixture
def _worker(monkeypatch):
    """One that is quicker than the command."""
    monkeypatch.setattr(tasks.git_sync_fabric, "delay", lambda fabric_id: run_sync(fabric_id, worker="test"))


class TestChoosing:
    def test_named_ones_are_queued_due_or_not(self, east, sent):
        HedgehogFabric.objects.update(last_sync=timezone.now(), sync_enabled=False)
        assert run("east") == (0, "1 queued.\n")
        assert sent == [east.pk]
        east.refresh_from_db()
        assert (east.claim_trigger, east.activity(timezone.now())) == ("manual", "queued")

    def test_those_that_are_due(self, east, west, sent):
        HedgehogFabric.objects.filter(name="west").update(last_sync=timezone.now())
        assert run("--due")[0] == 0
        assert sent == [east.pk]

    def test_all_that_have_a_source(self, east, west, sent):
        baker.make_recipe("tests.never_synced_fabric", name="no source", git_repository=None)
        assert run("--all")[0] == 0
        assert sent == [east.pk, west.pk]

    @pytest.mark.parametrize("arguments", [(), ("east", "--all"), ("--due", "--all"), ("east", "--dry-run", "--wait")])
    def test_that_makes_no_sense_is_wrong_use(self, east, sent, arguments):
        assert run(*arguments)[0] == 2
        assert sent == []

    def test_an_unknown_name_is_wrong_use_and_a_close_one_is_offered(self, east, sent):
        code, said = run("east", "eats")
        assert (code, sent) == (2, [])
        assert "There is no fabric “eats”. Did you mean “east”?" in said


def test_one_that_is_under_way_is_not_queued_twice(east, sent):
    run("east")
    assert run("east") == (0, "0 queued, 1 queued or syncing already.\n")
    assert sent == [east.pk]


def test_with_the_broker_down_it_says_so_without_its_password_and_leaves_no_claim(east, monkeypatch, closed_port):
    def to_a_closed_port(fabric_id: int) -> None:
        with app.connection_for_write(f"redis://:hunter2@127.0.0.1:{closed_port}/0") as broker:
            tasks.git_sync_fabric.apply_async((fabric_id,), connection=broker, retry=False)

    monkeypatch.setattr(tasks.git_sync_fabric, "delay", to_a_closed_port)
    code, said = run("east", "--wait")
    assert code == 3
    assert "The sync of east could not be queued" in said
    assert "hunter2" not in said
    east.refresh_from_db()
    assert east.claim_token is None


@pytest.mark.usefixtures("_worker")
class TestWaiting:
    def test_it_says_how_each_ended(self, east):
        code, said = run("east", "--wait")
        assert code == 0
        assert "east: succeeded  +2 ~0 -0  commit " in said

    def test_a_failure_is_told_and_is_exit_code_1(self, east, west):
        code, said = run("east", "west", "--wait")
        assert code == 1
        assert "west: failed: git.directory_not_found: " in said
        assert "east: succeeded" in said

    def test_a_held_change_is_exit_code_1(self, east, remote):
        run("east", "--wait")
        HedgehogFabric.objects.update(budget_deletions=0)
        remote.commit({"a.yaml": None})
        code, said = run("east", "--wait")
        assert (code, "east: held for approval" in said) == (1, True)

    def test_as_json(self, east, west):
        code, said = run("--all", "--wait", "--json")
        document = json.loads(said)
        assert (code, document["queued"], document["busy"], document["problem"]) == (1, 2, 0, "")
        outcomes = {each["fabric"]: each for each in document["fabrics"]}
        assert (outcomes["east"]["status"], outcomes["east"]["created"]) == ("succeeded", 2)
        assert outcomes["west"]["error"]["code"] == "git.directory_not_found"

    def test_on_a_terminal_there_are_bars(self, east):
        code, said = run("east", "--wait", output=Terminal())
        assert code == 0
        assert "1/1" in said
        assert "east: succeeded" in said


class TestWaitingLonger:
    @pytest.fixture
    def between_looks(self, monkeypatch):
        """What happens while the command sleeps, one step a time."""
        steps: list[Any] = []
        monkeypatch.setattr(following, "sleep", lambda _: steps.pop(0)())
        return steps

    @pytest.mark.parametrize("output", [io.StringIO, Terminal])
    def test_each_state_is_shown_once(self, east, sent, between_looks, now, output):
        def begin() -> None:
            assert claims.begin(east.pk, timezone.now(), token, "w1")

        def tell(stage: str, done: int) -> None:
            Teller(token)(stage, done, 30)

        def end() -> None:
            claims.release([east.pk], token)
            baker.make(SyncRun, fabric=east, status="unchanged", commit="c0ffee" * 6)

        token = uuid4()
        tellings = [partial(tell, "receiving", 10), partial(tell, "receiving", 20), partial(tell, "reading", 5)]
        between_looks += [lambda: None, begin, lambda: None, *tellings, end]
        code, said = run("east", "--wait", output=output())
        assert code == 0
        if output is io.StringIO:
            assert [line.split("  ")[0] for line in said.splitlines()] == [
                "1 queued.",
                "east: queued",
                "east: syncing",
                "east: receiving 10 of 30",
                "east: reading 5 of 30",
                "east: unchanged",
            ]

    def test_a_run_that_ended_before_it_was_asked_for_is_not_taken_for_the_answer(self, east, sent, between_looks):
        baker.make(SyncRun, fabric=east, status="failed", started_at=timezone.now())
        between_looks.append(lambda: run_sync(east.pk, worker="test"))
        assert run("east", "--wait")[0] == 0

    def test_one_that_was_under_way_already_is_followed_to_its_end(self, east, sent, between_looks):
        run("east")
        between_looks.append(lambda: run_sync(east.pk, worker="test"))
        code, said = run("east", "--wait")
        assert (code, sent) == (0, [east.pk])
        assert "east: succeeded" in said

    def test_a_message_that_nobody_takes_ends_with_its_claim(self, east, sent, between_looks):
        between_looks.append(lambda: HedgehogFabric.objects.update(claim_expires_at=timezone.now()))
        code, said = run("east", "--wait")
        assert code == 1
        assert "east: no outcome: no worker took it in time" in said

    def test_and_says_so_in_json(self, east, sent, between_looks):
        between_looks.append(lambda: HedgehogFabric.objects.update(claim_expires_at=timezone.now()))
        assert json.loads(run("east", "--wait", "--json")[1])["fabrics"] == [{"fabric": "east", "status": "lost"}]


class TestDryRun:
    def test_it_shows_what_would_change_and_queues_nothing(self, east, sent):
        code, said = run("east", "--dry-run")
        assert (code, sent, SyncRun.objects.count(), east.resources.count()) == (0, [], 0, 0)
        head, *lines = said.splitlines()
        assert head.startswith("east  commit ")
        assert head.endswith("2 created, 0 updated, 0 deleted, 0 unchanged")
        assert [line.strip() for line in lines] == ["+ Switch default/a  (a.yaml:2)", "+ Switch default/b  (b.yaml:2)"]

    def test_what_would_fail_is_exit_code_1(self, west, sent):
        code, said = run("west", "--dry-run")
        assert code == 1
        assert "west  would fail: [git.directory_not_found]" in said

    def test_what_would_be_held_is_exit_code_1(self, east, remote):
        run_sync(east.pk, worker="test")
        HedgehogFabric.objects.update(budget_deletions=0)
        remote.commit({"a.yaml": None})
        code, said = run("east", "--dry-run")
        assert code == 1
        assert "would be held: It would delete 1 of 2 resources" in said

    def test_as_json(self, east, west):
        code, said = run("--all", "--dry-run", "--json")
        shown = json.loads(said)
        assert code == 1
        assert [(each["fabric"], each["created"], "error" in each) for each in shown] == [
            ("east", 2, False),
            ("west", 0, True),
        ]


def test_who_stops_waiting_is_told_that_the_syncs_go_on(east, sent, monkeypatch):
    def interrupt(seconds: float) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(following, "sleep", interrupt)
    errors = io.StringIO()
    with pytest.raises(KeyboardInterrupt):
        call_command("sync_fabrics", "east", "--wait", stdout=io.StringIO(), stderr=errors)
    assert "the syncs go on" in errors.getvalue()
    assert sent == [east.pk]
