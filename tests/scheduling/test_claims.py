from __future__ import annotations

from datetime import datetime, timedelta
from uuid import UUID, uuid4

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    consumes,
    invariant,
    multiple,
    rule,
    run_state_machine_as_test,
)
from model_bakery import baker

from netbox_hedgehog.conf import conf
from netbox_hedgehog.models import Activity, HedgehogFabric, RunStatus, SyncRun, Trigger
from netbox_hedgehog.scheduling import claims
from netbox_hedgehog.scheduling.cancel import cancel
from netbox_hedgehog.scheduling.manual import request_sync
from netbox_hedgehog.scheduling.tick import run_tick
from tests.baker_recipes import NOW

pytestmark = pytest.mark.django_db

TOKEN = UUID(int=1)
QUEUED = timedelta(seconds=600)
RUNNING = timedelta(seconds=60)
SECOND = timedelta(seconds=1)


def state(fabric: HedgehogFabric, now: datetime = NOW) -> Activity:
    fabric.refresh_from_db()
    return fabric.activity(now)


class TestTake:
    def test_what_is_due_is_claimed_for_the_schedule_for_the_rest_of_the_tick(self):
        fabric = baker.make_recipe("tests.due_fabric")
        assert claims.take_due(NOW, TOKEN, 10) == [(fabric.pk, fabric.name)]
        fabric.refresh_from_db()
        assert (fabric.claim_token, fabric.claim_trigger) == (TOKEN, Trigger.SCHEDULE)
        assert (fabric.claimed_at, fabric.claim_started_at) == (NOW, None)
        assert fabric.claim_expires_at == NOW + timedelta(seconds=conf.tick_time_budget_seconds + 10)

    def test_once_its_message_is_sent_the_claim_holds_as_long_as_the_message(self):
        fabric = baker.make_recipe("tests.due_fabric")
        claims.take_due(NOW, TOKEN, 10)
        claims.confirm([fabric.pk], NOW, TOKEN)
        assert state(fabric, NOW + QUEUED - SECOND) == Activity.QUEUED
        assert state(fabric, NOW + QUEUED) == Activity.IDLE

    def test_a_sync_that_began_before_its_message_was_confirmed_keeps_its_own_lease(self):
        fabric = baker.make_recipe("tests.due_fabric")
        claims.take_due(NOW, TOKEN, 10)
        claims.begin(fabric.pk, NOW, uuid4(), "quick worker")
        claims.confirm([fabric.pk], NOW, TOKEN)
        fabric.refresh_from_db()
        assert fabric.claim_expires_at == NOW + RUNNING

    def test_no_more_are_taken_than_asked_for(self):
        baker.make_recipe("tests.due_fabric", _quantity=3)
        assert len(claims.take_due(NOW, TOKEN, 2)) == 2
        assert claims.live(NOW) == 2

    def test_what_was_taken_is_not_taken_again_before_it_expires(self):
        fabric = baker.make_recipe("tests.due_fabric")
        claims.take_due(NOW, TOKEN, 10)
        fabric.refresh_from_db()
        assert not claims.take_due(fabric.claim_expires_at - SECOND, uuid4(), 10)
        assert claims.take_due(fabric.claim_expires_at, uuid4(), 10)

    @pytest.mark.parametrize(
        ("order", "first"), [(claims.LONGEST_OVERDUE_FIRST, "daily"), (claims.SHORTEST_INTERVAL_FIRST, "minutely")]
    )
    def test_the_order_decides_who_is_taken(self, order, first):
        baker.make_recipe("tests.due_fabric", name="daily", sync_interval=86_400, last_sync=NOW - timedelta(days=2))
        baker.make_recipe("tests.due_fabric", name="minutely", sync_interval=60, last_sync=NOW - timedelta(seconds=60))
        (claim,) = claims.take_due(NOW, TOKEN, 1, order=order)
        assert claim.name == first

    def test_one_fabric_is_taken_though_it_is_not_due(self):
        fabric = baker.make_recipe("tests.idle_fabric")
        assert claims.take_one(fabric.pk, NOW, TOKEN, Trigger.MANUAL)
        assert state(fabric) == Activity.QUEUED

    @pytest.mark.parametrize("recipe", ["claimed_fabric", "running_fabric"])
    def test_one_fabric_that_is_held_is_not_taken(self, recipe):
        fabric = baker.make_recipe(f"tests.{recipe}")
        assert not claims.take_one(fabric.pk, NOW, TOKEN, Trigger.MANUAL)
        fabric.refresh_from_db()
        assert fabric.claim_token != TOKEN

    def test_taking_one_whose_sync_was_lost_records_the_loss(self):
        fabric = baker.make_recipe("tests.lost_fabric")
        assert claims.take_one(fabric.pk, NOW, TOKEN, Trigger.MANUAL)
        assert SyncRun.objects.get().status == RunStatus.LOST

    def test_a_fabric_that_does_not_exist_is_not_taken(self):
        assert not claims.take_one(12345, NOW, TOKEN, Trigger.MANUAL)


class TestBegin:
    @pytest.mark.parametrize("recipe", ["claimed_fabric", "idle_fabric", "due_fabric"])
    def test_a_queued_or_free_fabric_begins_under_the_runs_own_token(self, recipe):
        fabric = baker.make_recipe(f"tests.{recipe}")
        assert claims.begin(fabric.pk, NOW, TOKEN, "worker@host")
        assert state(fabric) == Activity.SYNCING
        assert (fabric.claim_token, fabric.claim_worker) == (TOKEN, "worker@host")
        assert fabric.claim_expires_at == NOW + RUNNING

    def test_a_running_one_does_not_begin_again(self):
        fabric = baker.make_recipe("tests.running_fabric")
        assert not claims.begin(fabric.pk, NOW, TOKEN, "worker")
        fabric.refresh_from_db()
        assert fabric.claim_token != TOKEN

    def test_one_that_was_lost_begins_again_and_the_loss_is_recorded(self):
        fabric = baker.make_recipe("tests.lost_fabric")
        lost_token, lost_worker = fabric.claim_token, fabric.claim_worker
        assert claims.begin(fabric.pk, NOW, TOKEN, "worker")
        run = SyncRun.objects.get()
        assert (run.status, run.token, run.worker) == (RunStatus.LOST, lost_token, lost_worker)

    @pytest.mark.parametrize("change", [{"sync_enabled": False}, {"status": "maintenance"}, {"sync_interval": 0}])
    def test_what_the_schedule_queued_does_not_begin_once_it_left_the_schedule(self, change):
        fabric = baker.make_recipe("tests.claimed_fabric", **change)
        assert not claims.begin(fabric.pk, NOW, TOKEN, "worker")
        assert claims.withdraw(fabric.pk)
        assert state(fabric) == Activity.IDLE

    def test_what_a_person_queued_begins_though_it_is_disabled(self):
        fabric = baker.make_recipe("tests.claimed_fabric", sync_enabled=False, claim_trigger=Trigger.MANUAL)
        assert claims.begin(fabric.pk, NOW, TOKEN, "worker")

    def test_a_late_message_does_not_count_as_of_its_expired_claim(self):
        fabric = baker.make_recipe("tests.claimed_fabric", claim_expires_at=NOW)
        claims.begin(fabric.pk, NOW, TOKEN, "worker")
        fabric.refresh_from_db()
        assert (fabric.claim_trigger, fabric.claimed_at) == ("", None)

    def test_a_worker_with_an_endless_name_may_begin(self):
        fabric = baker.make_recipe("tests.claimed_fabric")
        assert claims.begin(fabric.pk, NOW, TOKEN, "w" * 1000)

    @pytest.mark.parametrize("recipe", ["claimed_fabric", "running_fabric", "disabled_fabric"])
    def test_only_a_queued_claim_of_the_schedule_is_withdrawn(self, recipe):
        assert not claims.withdraw(baker.make_recipe(f"tests.{recipe}").pk)


class TestRenewAndRelease:
    def test_renewing_extends_ones_own_claim(self):
        fabric = baker.make_recipe("tests.running_fabric", claim_token=TOKEN)
        assert claims.renew(fabric.pk, NOW, TOKEN)
        fabric.refresh_from_db()
        assert fabric.claim_expires_at == NOW + RUNNING

    def test_a_claim_that_passed_to_another_is_not_renewed(self):
        fabric = baker.make_recipe("tests.running_fabric")
        before = fabric.claim_expires_at
        assert not claims.renew(fabric.pk, NOW, TOKEN)
        fabric.refresh_from_db()
        assert fabric.claim_expires_at == before

    def test_releasing_frees_ones_own_claims_only(self):
        mine = baker.make_recipe("tests.claimed_fabric", claim_token=TOKEN)
        other = baker.make_recipe("tests.claimed_fabric")
        assert claims.release([mine.pk, other.pk], TOKEN) == 1
        assert (state(mine), state(other)) == (Activity.IDLE, Activity.QUEUED)

    def test_releasing_leaves_nothing_of_the_claim(self):
        fabric = baker.make_recipe("tests.running_fabric", claim_token=TOKEN)
        claims.release([fabric.pk], TOKEN)
        assert HedgehogFabric.objects.filter(**claims.FREE).exists()

    def test_what_a_worker_has_begun_is_not_given_back_by_the_tick_that_queued_it(self):
        fabric = baker.make_recipe("tests.claimed_fabric", claim_token=TOKEN)
        claims.begin(fabric.pk, NOW, uuid4(), "worker")
        assert claims.release([fabric.pk], TOKEN) == 0


class TestExpire:
    def test_a_lost_sync_is_freed_and_recorded_with_what_is_known_of_it(self):
        fabric = baker.make_recipe("tests.lost_fabric")
        assert claims.expire(NOW) == 1
        run = SyncRun.objects.get()
        assert (run.fabric_id, run.status, run.trigger) == (fabric.pk, RunStatus.LOST, fabric.claim_trigger)
        assert (run.worker, run.token, run.error_code) == (fabric.claim_worker, fabric.claim_token, "sync.lost")
        assert run.started_at == fabric.claim_started_at
        assert run.duration_seconds == (NOW - fabric.claim_started_at).total_seconds()
        assert run.error_remedy
        assert state(fabric) == Activity.IDLE

    def test_a_message_that_nobody_took_is_freed_without_a_run(self):
        fabric = baker.make_recipe("tests.claimed_fabric", claim_expires_at=NOW)
        assert claims.expire(NOW) == 1
        assert state(fabric) == Activity.IDLE
        assert not SyncRun.objects.exists()

    def test_a_claim_lives_until_the_microsecond_of_its_end(self):
        baker.make_recipe("tests.running_fabric", claim_expires_at=NOW + timedelta(microseconds=1))
        assert (claims.expire(NOW), claims.live(NOW)) == (0, 1)
        assert (claims.expire(NOW + timedelta(microseconds=1)), claims.live(NOW)) == (1, 0)

    def test_a_sync_that_was_asked_for_by_nobody_counts_as_manual_when_lost(self):
        baker.make_recipe("tests.lost_fabric", claim_trigger="")
        claims.expire(NOW)
        assert SyncRun.objects.get().trigger == Trigger.MANUAL

    def test_the_oldest_go_first_when_there_are_more_than_one_call_frees(self, monkeypatch):
        monkeypatch.setattr(claims, "EXPIRED_AT_ONCE", 1)
        younger = baker.make_recipe("tests.lost_fabric", claim_expires_at=NOW - SECOND)
        older = baker.make_recipe("tests.lost_fabric", claim_expires_at=NOW - 2 * SECOND)
        assert claims.expire(NOW) == 1
        older.refresh_from_db()
        younger.refresh_from_db()
        assert (older.claim_expires_at, younger.claim_expires_at) == (None, NOW - SECOND)

    def test_a_late_but_living_sync_may_renew_until_somebody_frees_its_claim(self):
        fabric = baker.make_recipe("tests.lost_fabric", claim_token=TOKEN)
        assert claims.renew(fabric.pk, NOW, TOKEN)
        assert claims.expire(NOW) == 0


class TestManual:
    def test_it_is_queued_and_sent(self):
        fabric = baker.make_recipe("tests.idle_fabric")
        sent: list[int] = []
        assert request_sync(fabric.pk, NOW, sent.append)
        assert sent == [fabric.pk]
        assert state(fabric) == Activity.QUEUED
        assert fabric.claim_trigger == Trigger.MANUAL

    def test_one_that_is_queued_or_running_is_not_sent_again(self):
        fabric = baker.make_recipe("tests.running_fabric")
        assert not request_sync(fabric.pk, NOW, pytest.fail)

    @pytest.mark.parametrize("failure", [OSError("broker down"), KeyboardInterrupt()])
    def test_its_claim_is_given_back_when_it_cannot_be_sent(self, failure):
        fabric = baker.make_recipe("tests.idle_fabric")

        def fail(fabric_id: int) -> None:
            raise failure

        with pytest.raises(type(failure)):
            request_sync(fabric.pk, NOW, fail)
        assert state(fabric) == Activity.IDLE


class Interleavings(RuleBasedStateMachine):
    """Ticks, workers, people and accidents in any order, against a small model of what each of them believes.

    ``held`` is each fabric's claim as its holder last saw it; ``running`` are the syncs whose worker is alive, also
    those that do not know yet that their lease has ended; ``leases`` are theirs as they last saw them.
    """

    messages = Bundle("messages")
    syncs = Bundle("syncs")

    def __init__(self) -> None:
        super().__init__()
        HedgehogFabric.objects.all().delete()
        self.now = NOW
        self.fabrics = [fabric.pk for fabric in baker.make_recipe("tests.never_synced_fabric", _quantity=2)]
        self.held: dict[int, datetime] = {}
        self.running: dict[UUID, int] = {}
        self.leases: dict[UUID, datetime] = {}
        self.latest: dict[int, UUID] = {}
        self.waits: dict[int, datetime] = {}

    def is_held(self, fabric_id: int) -> bool:
        return self.held.get(fabric_id, self.now) > self.now

    def due(self) -> set[int]:
        rows = HedgehogFabric.objects.filter(sync_enabled=True)
        ripe = {row.pk for row in rows if row.last_sync is None or row.last_sync + timedelta(seconds=300) <= self.now}
        waiting = {fabric_id for fabric_id, until in self.waits.items() if until > self.now}
        return {fabric_id for fabric_id in ripe - waiting if not self.is_held(fabric_id)}

    def queue(self, fabric_id: int) -> tuple[int, datetime]:
        self.held[fabric_id] = self.now + QUEUED
        return fabric_id, self.now + QUEUED - timedelta(seconds=60)

    @rule(target=messages)
    def tick(self) -> object:
        expected = self.due()
        sent: list[int] = []
        summary = run_tick(self.now, sent.append)
        assert sorted(sent) == sorted(expected)
        assert summary.status == "completed"
        return multiple(*map(self.queue, sent))

    @rule(target=messages, which=st.integers(0, 1))
    def sync_now(self, which: int) -> object:
        fabric_id, sent = self.fabrics[which], []
        was_free = not self.is_held(fabric_id)
        assert request_sync(fabric_id, self.now, sent.append) == was_free
        if was_free:
            self.waits.pop(fabric_id, None)
        return multiple(*map(self.queue, sent))

    @rule(which=st.integers(0, 1))
    def cancel_sync(self, which: int) -> None:
        fabric_id = self.fabrics[which]
        was_held = self.is_held(fabric_id)
        assert cancel(fabric_id, "somebody", self.now) == was_held
        if was_held:
            del self.held[fabric_id]
            self.waits[fabric_id] = self.now + timedelta(seconds=300)
            self.leases |= {token: self.now for token, its_fabric in self.running.items() if its_fabric == fabric_id}

    @rule(message=consumes(messages))
    def lose_message(self, message: tuple[int, datetime]) -> None:
        """The broker forgets; the claim will expire."""

    @rule(target=syncs, message=consumes(messages) | messages)
    def deliver(self, message: tuple[int, datetime]) -> object:
        """A worker takes a message; the broker may deliver the same once more later."""
        fabric_id, expires = message
        if expires <= self.now:
            return multiple()
        token = uuid4()
        if not claims.begin(fabric_id, self.now, token, "worker"):
            return multiple()
        rivals = [other for other, its_fabric in self.running.items() if its_fabric == fabric_id]
        assert all(self.leases[rival] <= self.now for rival in rivals), "two at once"
        self.running[token] = fabric_id
        self.latest[fabric_id] = token
        self.held[fabric_id] = self.leases[token] = self.now + RUNNING
        return multiple(token)

    @rule(token=syncs)
    def heartbeat(self, token: UUID) -> None:
        fabric_id = self.running.get(token)
        if fabric_id and claims.renew(fabric_id, self.now, token):
            self.held[fabric_id] = self.leases[token] = self.now + RUNNING

    @rule(token=consumes(syncs))
    def finish(self, token: UUID) -> None:
        fabric_id = self.running.pop(token, None)
        if fabric_id and claims.release([fabric_id], token):
            assert self.latest[fabric_id] == token, "it was taken over, and writes all the same"
            HedgehogFabric.objects.filter(pk=fabric_id).update(last_sync=self.now)
            self.held.pop(fabric_id)

    @rule(token=consumes(syncs))
    def kill_worker(self, token: UUID) -> None:
        self.running.pop(token, None)

    @rule(seconds=st.sampled_from([1, 20, 60, 300, 600]))
    def pass_time(self, seconds: int) -> None:
        self.now += timedelta(seconds=seconds)

    @rule(which=st.integers(0, 1), enabled=st.booleans())
    def edit(self, which: int, enabled: bool) -> None:
        HedgehogFabric.objects.filter(pk=self.fabrics[which]).update(sync_enabled=enabled)

    @invariant()
    def the_database_and_the_holders_agree(self) -> None:
        live = set(HedgehogFabric.objects.filter(claim_expires_at__gt=self.now).values_list("pk", flat=True))
        assert live == {fabric_id for fabric_id in self.fabrics if self.is_held(fabric_id)}

    def teardown(self) -> None:
        """Never lost: after the longest lease and one interval, one tick sends everything that is enabled."""
        HedgehogFabric.objects.update(sync_enabled=True)
        self.now += timedelta(seconds=max(conf.queued_claim_seconds, conf.running_claim_seconds, 300))
        sent: list[int] = []
        run_tick(self.now, sent.append)
        assert sorted(sent) == sorted(self.fabrics)


def test_in_any_order_of_events_no_two_syncs_run_at_once_and_none_is_lost():
    run_state_machine_as_test(
        Interleavings,
        settings=settings(
            max_examples=15,
            stateful_step_count=20,
            deadline=None,
            suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
        ),
    )
