"""The commands list_due, run_tick and prune_history."""

from __future__ import annotations

import json
from datetime import timedelta
from io import StringIO
from typing import Any

import pytest
from django.core.cache import cache
from django.core.management import CommandError, call_command
from django.utils import timezone
from model_bakery import baker

from netbox_hedgehog.models import HedgehogFabric, SchedulerRun, SyncRun
from netbox_hedgehog.scheduling import claims
from netbox_hedgehog.scheduling.due import due
from netbox_hedgehog.scheduling.lock import KEY

pytestmark = pytest.mark.django_db

DELAY = "netbox_hedgehog.tasks.git_sync_tasks.git_sync_fabric.delay"


def output_of(*command: str, **options: Any) -> str:
    output = StringIO()
    call_command(*command, stdout=output, **options)
    return output.getvalue()


@pytest.mark.parametrize(
    "command",
    ["list_due", "run_tick", "prune_history", "sync_schedule", "fabric_status", "fabric_history", "fabric_diff"],
)
def test_each_explains_itself_and_all_its_options(command, capsys):
    with pytest.raises(SystemExit) as exit_:
        call_command(command, "--help")
    assert exit_.value.code == 0
    said = capsys.readouterr().out
    assert f"{command} [-h]" in said
    assert "\n  --" in said


class TestListDue:
    @pytest.fixture(autouse=True)
    def fabrics(self) -> dict[str, HedgehogFabric]:
        fresh = timezone.now()
        return {
            fabric.name: fabric
            for fabric in (
                baker.make_recipe("tests.never_synced_fabric", name="Zagreb"),
                baker.make_recipe("tests.due_fabric", name="Aarhus"),
                baker.make_recipe("tests.disabled_fabric", name="Berlin"),
                baker.make_recipe("tests.idle_fabric", name="Cairo", last_sync=fresh),
            )
        }

    def test_it_shows_who_is_due_in_the_order_of_the_tick_and_why_others_are_not(self):
        said = output_of("list_due")
        assert said.index("Zagreb") < said.index("Aarhus") < said.index("Berlin")
        assert "Its sync is disabled." in said
        assert "number 1 in line" in said
        assert "Cairo" not in said
        assert "2 due now, 1 not, 1 not due yet (--all lists them)." in said

    def test_with_all_also_those_that_merely_wait(self):
        said = output_of("list_due", "--all")
        assert "It is not due until" in said
        assert "2 due now, 2 not." in said

    def test_named_ones_only_whatever_their_state(self):
        said = output_of("list_due", "Cairo")
        assert "Cairo" in said
        assert "Aarhus" not in said
        assert "0 due now, 1 not." in said

    def test_an_unknown_name_is_an_error_that_helps(self):
        with pytest.raises(CommandError) as error:
            output_of("list_due", "Cairo", "Belin", "qqqq")
        assert str(error.value) == ("There is no fabric “Belin”. Did you mean “Berlin”?\nThere is no fabric “qqqq”.")

    def test_what_concerns_all_is_said_once_and_first(self):
        SchedulerRun.objects.all().delete()
        said = output_of("list_due")
        assert said.startswith("! ")
        assert said.count("No tick has run yet") + said.count("the periodic task has been deleted") == 1

    def test_json_has_every_reason_with_its_code(self):
        document = json.loads(output_of("list_due", "--json", "--all"))
        assert [fabric["name"] for fabric in document["fabrics"]] == ["Zagreb", "Aarhus", "Berlin", "Cairo"]
        assert [fabric["position"] for fabric in document["fabrics"]] == [1, 2, None, None]
        assert document["fabrics"][2]["reasons"] == [
            {"code": "disabled", "sentence": "Its sync is disabled.", "action": "Enable sync on the fabric."}
        ]
        assert {reason["code"] for reason in document["fleet"]} <= {"no_beat", "no_worker", "schedule_missing"}

    def test_a_name_with_brackets_is_shown_as_it_is(self):
        baker.make_recipe("tests.never_synced_fabric", name="[red]Lab[/red]")
        assert "[red]Lab[/red]" in output_of("list_due")

    def test_an_empty_installation(self):
        HedgehogFabric.objects.all().delete()
        assert "0 due now, 0 not." in output_of("list_due")

    def test_it_changes_nothing(self):
        before = list(HedgehogFabric.objects.order_by("pk").values())
        output_of("list_due", "--all")
        assert list(HedgehogFabric.objects.order_by("pk").values()) == before


class TestRunTick:
    @pytest.fixture(autouse=True)
    def sent(self, monkeypatch) -> list[int]:
        sent: list[int] = []
        monkeypatch.setattr(DELAY, sent.append)
        return sent

    def test_it_hands_out_what_is_due_and_prints_the_summary(self, sent):
        fabric = baker.make_recipe("tests.never_synced_fabric")
        baker.make_recipe("tests.sourceless_fabric", last_sync=None)
        said = output_of("run_tick")
        assert sent == [fabric.pk]
        assert "completed" in said
        assert "skipped: no source" in said
        assert not due(timezone.now()).exists()
        assert claims.live(timezone.now()) == 1

    def test_json_is_the_summary_of_the_task(self):
        baker.make_recipe("tests.never_synced_fabric")
        summary = json.loads(output_of("run_tick", "--json"))
        assert (summary["status"], summary["syncs_triggered"]) == ("completed", 1)
        assert summary["duration_seconds"] == SchedulerRun.objects.get().duration_seconds

    def test_a_partial_tick_is_no_failure_and_its_errors_are_shown(self, monkeypatch):
        def broken(_: int) -> None:
            raise OSError("no broker at redis://:hunter2@broker")

        monkeypatch.setattr(DELAY, broken)
        baker.make_recipe("tests.never_synced_fabric", name="Oslo")
        said = output_of("run_tick")
        assert "partial" in said
        assert "Oslo: [tick.OSError] no broker at redis://[REDACTED]@broker" in said

    def test_a_skipped_tick_ends_with_3(self):
        cache.set(KEY, "another tick")
        with pytest.raises(CommandError, match="was skipped: another tick is running") as error:
            output_of("run_tick")
        assert error.value.returncode == 3

    def test_a_failed_tick_ends_with_1_and_shows_why(self, monkeypatch):
        def broken(_: object) -> None:
            raise MemoryError("no memory left")

        monkeypatch.setattr("netbox_hedgehog.scheduling.tick.census", broken)
        output = StringIO()
        with pytest.raises(CommandError, match="failed: see the errors of its summary") as error:
            call_command("run_tick", stdout=output)
        assert error.value.returncode == 1
        assert "tick: [tick.MemoryError] no memory left" in output.getvalue()


class TestPruneHistory:
    @pytest.fixture(autouse=True)
    def history(self) -> None:
        now, fabric = timezone.now(), baker.make_recipe("tests.idle_fabric")
        for days_ago in (1, 40, 41, 42):
            baker.make(SyncRun, fabric=fabric, started_at=now - timedelta(days=days_ago), status="unchanged")
        for days_ago in (1, 8):
            baker.make(SchedulerRun, started_at=now - timedelta(days=days_ago), status="completed")

    def test_it_deletes_what_is_past_retention_and_says_how_much(self):
        said = output_of("prune_history")
        assert "Deleted 3 sync runs from before " in said
        assert "Deleted 1 scheduler runs from before " in said
        assert (SyncRun.objects.count(), SchedulerRun.objects.count()) == (1, 1)

    def test_a_dry_run_only_counts(self):
        assert "Would delete 3 sync runs from before " in output_of("prune_history", "--dry-run")
        assert (SyncRun.objects.count(), SchedulerRun.objects.count()) == (4, 2)

    def test_it_shows_its_progress_when_asked_to(self):
        assert "3 sync runs so far" in output_of("prune_history", verbosity=2)
