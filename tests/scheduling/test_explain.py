"""Why not? The answer never disagrees with the tick, names every reason, and says what helps."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django_celery_beat.models import CrontabSchedule, IntervalSchedule, PeriodicTask
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from model_bakery import baker

from netbox_hedgehog.models import FabricStatus, HedgehogFabric, SchedulerRun, SyncRun
from netbox_hedgehog.scheduling import explain as explain_module
from netbox_hedgehog.scheduling.claims import LONGEST_OVERDUE_FIRST
from netbox_hedgehog.scheduling.due import due, source_fingerprint
from netbox_hedgehog.scheduling.explain import explain, why_not
from netbox_hedgehog.scheduling.fleet import TICK_TASK, fleet_reasons, survey
from netbox_hedgehog.scheduling.reasons import Reason, Why
from netbox_hedgehog.tasks import periodic_fabric_sync_scheduler
from tests.baker_recipes import NOW, WORKER

pytestmark = pytest.mark.django_db

MICROSECOND = timedelta(microseconds=1)

# Any of them keeps a fabric from being due; one of them is there whenever it is not.
OBSTACLES = {
    Why.SYNCING,
    Why.QUEUED,
    Why.DISABLED,
    Why.NOT_ACTIVE,
    Why.NO_INTERVAL,
    Why.NO_SOURCE,
    Why.NOT_YET,
    Why.BACKING_OFF,
}


def seconds_ago(seconds: float) -> datetime:
    return NOW - timedelta(seconds=seconds)


@pytest.fixture(autouse=True)
def schedule() -> PeriodicTask:
    """Beat and a worker are well: a tick was sent and ran half a minute ago."""
    PeriodicTask.objects.filter(task=TICK_TASK).delete()
    SchedulerRun.objects.create(status="completed", started_at=seconds_ago(30))
    return PeriodicTask.objects.create(
        name="tick",
        task=TICK_TASK,
        interval=IntervalSchedule.objects.create(every=60, period="seconds"),
        last_run_at=seconds_ago(30),
    )


def reasons_of(fabric: HedgehogFabric, now: datetime = NOW) -> dict[Why, Reason]:
    return {reason.code: reason for reason in why_not(fabric.pk, now)}


def fleet_codes(now: datetime = NOW) -> list[Why]:
    return [reason.code for reason in fleet_reasons(survey(now))]


def test_it_knows_the_tick_by_the_name_of_its_task():
    assert periodic_fabric_sync_scheduler.name == TICK_TASK


ENDS_OF_THE_CALENDAR = datetime(1, 1, 2), datetime(9999, 12, 30)  # noqa: DTZ001 - Hypothesis wants them so
near = st.integers(-3, 3).map(lambda count: NOW + count * MICROSECOND)
moments = near | st.datetimes(*ENDS_OF_THE_CALENDAR, timezones=st.just(UTC))
columns = st.fixed_dictionaries(
    {
        "status": st.sampled_from([*FabricStatus.values, FabricStatus.ACTIVE, FabricStatus.ACTIVE]),
        "sync_enabled": st.sampled_from([True, True, True, False]),
        "sync_interval": st.sampled_from([-1, 0, 1, 300, 300, 2**31 - 1]),
        "last_sync": st.none() | moments | near.map(lambda moment: moment - timedelta(seconds=300)),
        "claim_expires_at": st.none() | moments,
        "claim_started_at": st.none() | near,
        "retry_at": st.none() | moments,
        "sync_status": st.sampled_from(["in_sync", "held", "error"]),
    }
)
sources = st.sampled_from(["usable", "usable", "no repository", "blank URL"])
moderately = settings(
    max_examples=50, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)


@moderately
@given(table=st.lists(st.tuples(columns, sources, st.booleans()), max_size=12))
def test_it_says_due_now_of_exactly_those_that_a_tick_takes_and_names_an_obstacle_of_all_others(table):
    HedgehogFabric.objects.all().delete()
    repositories = {
        "usable": baker.make_recipe("tests.repository"),
        "blank URL": baker.make_recipe("tests.repository", url=""),
        "no repository": None,
    }
    for number, (row, source, failed) in enumerate(table):
        made = HedgehogFabric.objects.create(name=str(number), git_repository=repositories[source], **row)
        if failed:
            fingerprint = HedgehogFabric.objects.annotate(source=source_fingerprint()).get(pk=made.pk).source
            HedgehogFabric.objects.filter(pk=made.pk).update(failed_source=fingerprint)

    answers = explain(HedgehogFabric.objects.all(), NOW)

    assert len(answers) == len(table)
    line = list(due(NOW).order_by(*LONGEST_OVERDUE_FIRST).values_list("pk", flat=True))
    assert {answer.fabric_id: answer.position for answer in answers if answer.is_due} == {
        pk: position for position, pk in enumerate(line, start=1)
    }
    for answer in answers:
        codes = {reason.code for reason in answer.reasons}
        assert (Why.DUE in codes) is answer.is_due
        assert bool(codes & OBSTACLES) is not answer.is_due
        assert all(reason.sentence and reason.action for reason in answer.reasons)


@pytest.mark.parametrize(
    ("recipe", "fields", "codes"),
    [
        ("due", {}, [Why.DUE]),
        ("never_synced", {}, [Why.DUE]),
        ("idle", {}, [Why.NOT_YET]),
        ("disabled", {}, [Why.DISABLED]),
        ("planned", {}, [Why.NOT_ACTIVE]),
        ("due", {"sync_interval": 0}, [Why.NO_INTERVAL]),
        ("due", {"sync_interval": -5}, [Why.NO_INTERVAL]),
        ("sourceless", {}, [Why.NO_SOURCE]),
        ("due", {"git_repository__url": ""}, [Why.NO_SOURCE]),
        ("claimed", {}, [Why.QUEUED]),
        ("running", {}, [Why.SYNCING]),
        ("lost", {}, [Why.DUE]),
        ("backing_off", {}, [Why.BACKING_OFF]),
        ("idle", {"sync_status": "held"}, [Why.NOT_YET, Why.HELD]),
        ("backing_off", {"sync_status": "held"}, [Why.NOT_YET, Why.HELD]),
        ("due", {"last_sync": NOW + timedelta(days=1)}, [Why.NOT_YET, Why.CLOCK]),
        (
            "sourceless",
            {"sync_enabled": False, "status": "planned", "sync_interval": 0},
            [Why.DISABLED, Why.NOT_ACTIVE, Why.NO_INTERVAL, Why.NO_SOURCE],
        ),
        ("running", {"sync_enabled": False}, [Why.SYNCING, Why.DISABLED]),
    ],
)
def test_each_state_has_its_reasons_all_of_them_and_the_weightiest_first(recipe, fields, codes):
    fabric = baker.make_recipe(f"tests.{recipe}_fabric", **fields)
    assert [reason.code for reason in why_not(fabric.pk, NOW)] == codes


class TestItsSentences:
    def test_not_due_until_when(self):
        fabric = baker.make_recipe("tests.idle_fabric", last_sync=seconds_ago(100))
        said = reasons_of(fabric)[Why.NOT_YET].sentence
        assert said == "It is not due until 2026-03-01 12:03:20 UTC (in 3 min)."

    def test_backing_off_until_when_after_how_many_failures_with_the_last_error(self):
        said = reasons_of(baker.make_recipe("tests.backing_off_fabric"))[Why.BACKING_OFF].sentence
        assert said == (
            "It failed 3 times in a row and backs off until 2026-03-01 12:02:00 UTC (in 2 min)."
            " Last error: [git.unreachable] No route to the Git server."
        )

    def test_one_failure_without_a_text(self):
        fabric = baker.make_recipe("tests.backing_off_fabric", consecutive_failures=1, sync_error="")
        said = reasons_of(fabric)[Why.BACKING_OFF].sentence
        assert said == "It failed once and backs off until 2026-03-01 12:02:00 UTC (in 2 min)."

    @pytest.mark.parametrize(("trigger", "who"), [("schedule", "by the schedule"), ("manual", "by hand")])
    def test_queued_by_whom_since_when_and_until_when(self, trigger, who):
        reason = reasons_of(baker.make_recipe("tests.claimed_fabric", claim_trigger=trigger))[Why.QUEUED]
        assert reason.sentence == (
            f"A sync, asked for {who}, has been queued since 2026-03-01 11:59:50 UTC (10 s ago)."
        )
        assert "2026-03-01 12:09:50 UTC (in 9 min)" in reason.action

    def test_syncing_on_which_worker_since_when(self):
        reason = reasons_of(baker.make_recipe("tests.running_fabric"))[Why.SYNCING]
        assert reason.sentence == f"Worker {WORKER} has been syncing it since 2026-03-01 11:59:55 UTC (5 s ago)."
        assert "2026-03-01 12:00:55 UTC (in 55 s)" in reason.action

    def test_a_claim_with_holes_is_explained_too(self):
        fabric = baker.make_recipe("tests.claimed_fabric", claimed_at=None)
        assert "since at an unknown time" in reasons_of(fabric)[Why.QUEUED].sentence

    def test_due_since_when_and_its_place_in_line(self):
        baker.make_recipe("tests.never_synced_fabric")
        fabric = baker.make_recipe("tests.due_fabric")
        reason = reasons_of(fabric)[Why.DUE]
        assert reason.sentence == "It is due now (due since 2026-03-01 12:00:00 UTC (now)), number 2 in line."
        assert reason.action.startswith("Nothing to do")

    def test_never_synced(self):
        fabric = baker.make_recipe("tests.never_synced_fabric")
        assert reasons_of(fabric)[Why.DUE].sentence == "It is due now (never synced), number 1 in line."

    def test_one_that_was_claimed_between_two_queries_has_no_place(self, monkeypatch):
        monkeypatch.setattr(explain_module, "_positions", lambda *_: {})
        baker.make_recipe("tests.never_synced_fabric")
        (answer,) = explain(HedgehogFabric.objects.all(), NOW)
        assert answer.reasons[0].sentence == "It is due now (never synced)."

    def test_a_place_is_counted_as_far_as_the_next_tick_goes(self, settings, monkeypatch):
        settings.HEDGEHOG_TICK_MAX_DISPATCH = 2
        monkeypatch.setattr(explain_module, "LEAST_COUNTED", 0)
        fabrics = [baker.make_recipe("tests.never_synced_fabric") for _ in range(4)]
        told = [(reasons[Why.DUE].sentence, Why.CAP_REACHED in reasons) for reasons in map(reasons_of, fabrics)]
        assert [sentence.partition("), ")[2] for sentence, _ in told] == [
            "number 1 in line.",
            "number 2 in line.",
            "number 3 in line.",
            "with more than 2 before it.",
        ]
        assert [capped for _, capped in told] == [False, False, True, True]

    def test_a_repository_without_a_url_is_named(self):
        fabric = baker.make_recipe("tests.due_fabric", git_repository__url="", git_repository__name="Lab")
        assert reasons_of(fabric)[Why.NO_SOURCE].sentence == "Its Git repository “Lab” has no URL."

    def test_the_date_of_a_last_sync_in_the_future(self):
        fabric = baker.make_recipe("tests.due_fabric", last_sync=NOW + timedelta(days=3))
        assert "2026-03-04 12:00:00 UTC (in 3 d)" in reasons_of(fabric)[Why.CLOCK].sentence

    @pytest.mark.parametrize(
        ("fields", "code", "words"),
        [
            ({"last_sync": datetime(9999, 12, 30, tzinfo=UTC)}, Why.NOT_YET, "a time after year 9999"),
            ({"last_sync": datetime(1, 1, 2, tzinfo=UTC)}, Why.DUE, "0001-01-0"),
        ],
    )
    def test_moments_at_the_ends_of_the_calendar_do_not_break_it(self, fields, code, words):
        fabric = baker.make_recipe("tests.due_fabric", **fields)
        HedgehogFabric.objects.filter(last_sync__gt=NOW).update(sync_interval=2**31 - 1)
        assert words in reasons_of(fabric)[code].sentence

    def test_a_moment_before_the_calendar(self):
        assert explain_module.at_microseconds(-(10**18), NOW) == "a time before year 1"

    def test_a_fabric_that_does_not_exist(self):
        with pytest.raises(HedgehogFabric.DoesNotExist, match="no fabric 12345"):
            why_not(12345, NOW)


class TestTheLine:
    def test_those_beyond_the_cap_learn_how_many_are_ahead(self, settings):
        settings.HEDGEHOG_TICK_MAX_DISPATCH = 1
        first = baker.make_recipe("tests.never_synced_fabric")
        second = baker.make_recipe("tests.due_fabric")
        assert Why.CAP_REACHED not in reasons_of(first)
        reasons = reasons_of(second)
        assert reasons[Why.CAP_REACHED].sentence.startswith(
            "1 fabrics have been due for longer, and the next tick hands out 1 at most"
        )
        assert reasons[Why.DUE].action == "See what keeps it waiting."

    def test_a_full_queue_keeps_every_due_fabric_waiting(self, settings):
        settings.HEDGEHOG_MAX_LIVE_CLAIMS = 1
        baker.make_recipe("tests.running_fabric")
        reasons = reasons_of(baker.make_recipe("tests.due_fabric"))
        assert reasons[Why.BACKPRESSURE].sentence.startswith("1 syncs are queued or running")
        assert Why.CAP_REACHED not in reasons


class TestTheTicks:
    def test_all_is_well(self):
        assert fleet_codes() == []

    def test_no_row_no_tick(self, schedule):
        schedule.delete()
        assert fleet_codes() == [Why.SCHEDULE_MISSING]

    def test_a_row_that_is_switched_off(self, schedule):
        PeriodicTask.objects.update(enabled=False)
        assert fleet_codes() == [Why.SCHEDULE_DISABLED]

    def test_a_renamed_row_is_still_the_schedule_and_another_row_with_it(self, schedule):
        PeriodicTask.objects.create(name="second", task=TICK_TASK, interval=schedule.interval, enabled=False)
        PeriodicTask.objects.filter(pk=schedule.pk).update(name="renamed")
        assert fleet_codes() == []

    def test_three_intervals_without_a_tick_are_just_late(self):
        SchedulerRun.objects.update(started_at=seconds_ago(180))
        assert fleet_codes() == []

    def test_beat_that_stopped(self):
        SchedulerRun.objects.update(started_at=seconds_ago(181))
        PeriodicTask.objects.update(last_run_at=seconds_ago(181))
        assert fleet_codes() == [Why.NO_BEAT]
        said = reasons_of(baker.make_recipe("tests.due_fabric"))[Why.NO_BEAT].sentence
        assert said == (
            "The last tick ran 2026-03-01 11:56:59 UTC (3 min ago);"
            " beat sent none since 2026-03-01 11:56:59 UTC (3 min ago)."
        )

    def test_beat_that_sends_what_no_worker_takes(self):
        SchedulerRun.objects.update(started_at=seconds_ago(3600))
        assert fleet_codes() == [Why.NO_WORKER]
        said = reasons_of(baker.make_recipe("tests.due_fabric"))[Why.NO_WORKER].sentence
        assert said == (
            "The last tick ran 2026-03-01 11:00:00 UTC (60 min ago); beat sent one 2026-03-01 11:59:30 UTC (30 s ago)."
        )

    def test_a_fresh_installation_without_beat(self):
        SchedulerRun.objects.all().delete()
        PeriodicTask.objects.update(last_run_at=None)
        said = reasons_of(baker.make_recipe("tests.due_fabric"))[Why.NO_BEAT].sentence
        assert said == "No tick has run yet; beat sent none yet."

    def test_it_goes_by_the_interval_that_the_operator_set(self, schedule):
        IntervalSchedule.objects.filter(pk=schedule.interval_id).update(every=1, period="hours")
        SchedulerRun.objects.update(started_at=seconds_ago(2 * 3600))
        assert fleet_codes() == []

    def test_the_lateness_of_a_crontab_is_not_judged(self, schedule):
        PeriodicTask.objects.update(interval=None, crontab=baker.make(CrontabSchedule, timezone="UTC"))
        SchedulerRun.objects.all().delete()
        assert fleet_codes() == []

    @pytest.mark.parametrize(
        ("errors", "said"), [([{"message": "database is down"}], "database is down"), ([], "no error was recorded.")]
    )
    def test_a_failed_tick_and_its_first_error(self, errors, said):
        SchedulerRun.objects.create(status="failed", started_at=seconds_ago(5), errors=errors)
        reason = reasons_of(baker.make_recipe("tests.due_fabric"))[Why.TICK_FAILED]
        assert reason.sentence == f"The last tick, 2026-03-01 11:59:55 UTC (5 s ago), failed: {said}"


class TestTheWorkers:
    def queued(self, seconds: float) -> HedgehogFabric:
        return baker.make_recipe("tests.claimed_fabric", claimed_at=seconds_ago(seconds))

    def test_a_sync_that_waits_a_minute_is_nothing_special(self):
        assert Why.NO_WORKER not in reasons_of(self.queued(60))

    def test_longer_without_any_beginning_means_that_no_worker_is_there(self):
        baker.make(SyncRun, started_at=seconds_ago(62), fabric=baker.make_recipe("tests.idle_fabric"))
        reason = reasons_of(self.queued(61))[Why.NO_WORKER]
        assert reason.sentence.startswith("Syncs have been queued since 2026-03-01 11:58:59 UTC (61 s ago)")
        assert fleet_codes() == [Why.NO_WORKER]

    def test_a_sync_that_ended_since_shows_that_a_worker_is_there(self):
        fabric = self.queued(300)
        baker.make(SyncRun, started_at=seconds_ago(200), fabric=baker.make_recipe("tests.idle_fabric"))
        assert Why.NO_WORKER not in reasons_of(fabric)

    def test_a_sync_that_runs_shows_it_too(self):
        fabric = self.queued(300)
        baker.make_recipe("tests.running_fabric")
        assert Why.NO_WORKER not in reasons_of(fabric)

    def test_a_fabric_that_is_merely_not_due_is_not_told(self):
        self.queued(300)
        assert set(reasons_of(baker.make_recipe("tests.idle_fabric"))) == {Why.NOT_YET}


def test_many_fabrics_take_as_many_queries_as_one(django_assert_num_queries):
    def one_of_each(**more: Any) -> None:
        for recipe in ("due", "never_synced", "idle", "disabled", "running", "claimed", "backing_off", "sourceless"):
            baker.make_recipe(f"tests.{recipe}_fabric", **more)

    one_of_each()
    with django_assert_num_queries(6):
        assert len(explain(HedgehogFabric.objects.all(), NOW)) == 8
    for _ in range(3):
        one_of_each()
    with django_assert_num_queries(6):
        assert len(explain(HedgehogFabric.objects.all(), NOW)) == 32


def test_a_survey_at_hand_is_not_made_again_and_the_order_is_the_callers(django_assert_num_queries):
    names = [baker.make_recipe("tests.idle_fabric", name=name).name for name in ("b", "c", "a")]
    fleet = survey(NOW)
    with django_assert_num_queries(1):
        answers = explain(HedgehogFabric.objects.order_by("-name")[:2], NOW, fleet)
    assert [answer.name for answer in answers] == sorted(names, reverse=True)[:2]
