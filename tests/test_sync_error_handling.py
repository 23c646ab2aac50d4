"""Failures of dispatch and of syncs: isolated, classified, redacted, backed off, and never in the way of the next."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
from billiard.exceptions import SoftTimeLimitExceeded
from django.db import InterfaceError, OperationalError, connection
from django.utils import timezone
from model_bakery import baker

from netbox_hedgehog.errors import ContentProblem, InternalFault, NeedsOperator, RetryLater
from netbox_hedgehog.models import (
    Activity,
    FabricResource,
    GitRepository,
    HedgehogFabric,
    RunStatus,
    SchedulerRun,
    SyncRun,
    Trigger,
)
from netbox_hedgehog.scheduling import claims
from netbox_hedgehog.scheduling.manual import request_sync
from netbox_hedgehog.scheduling.tick import FAILURES_THAT_MEAN_BROKER_DOWN, run_tick
from netbox_hedgehog.sync import patience
from netbox_hedgehog.sync.run import run_sync
from netbox_hedgehog.tasks import git_sync_fabric
from tests.baker_recipes import NOW
from tests.support.remote import document

pytestmark = pytest.mark.django_db

SECRET = "hunter2-0123456789abcdef"
SECRETIVE = [
    f"cannot reach https://robot:{SECRET}@git.example.com/fabrics.git",
    f"cannot reach redis://:{SECRET}@broker.example.com/0",
    f"Authorization: Bearer {SECRET}",
    f"login failed, password={SECRET}",
    f'{{"token": "{SECRET}"}}',
    f"-----BEGIN OPENSSH PRIVATE KEY-----\n{SECRET}\n-----END OPENSSH PRIVATE KEY-----",
]


class Clock:
    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> datetime:
        return self.now


@pytest.fixture
def clock(monkeypatch) -> Clock:
    """The clock of the whole process, which moves only when told to."""
    clock = Clock()
    monkeypatch.setattr(timezone, "now", clock)
    return clock


def sync(fabric: HedgehogFabric) -> dict[str, Any]:
    result = run_sync(fabric.pk, worker="test")
    fabric.refresh_from_db()
    return dict(result)


def break_sync(monkeypatch: pytest.MonkeyPatch, error: BaseException) -> None:
    """Every sync fails with ``error`` when it asks the server for its head."""

    def fail(*_: object) -> None:
        raise error

    monkeypatch.setattr("netbox_hedgehog.sync.run.head_of", fail)


def everything_written(log: io.StringIO) -> str:
    """All that an operator may come to see."""
    fabrics = HedgehogFabric.objects.values_list("sync_error", flat=True)
    runs = SyncRun.objects.values_list("error_message", "error_remedy")
    return str([*fabrics, *runs, *SchedulerRun.objects.values_list("errors"), log.getvalue()])


class TestDispatch:
    @pytest.mark.parametrize("error", [OSError("x"), ValueError("x"), KeyError(1), RetryLater("broker.x", "x")])
    def test_a_fabric_that_cannot_be_sent_is_reported_and_the_others_go_on(self, error):
        fabrics = baker.make_recipe("tests.due_fabric", _quantity=3)
        broken = fabrics[1]
        sent: list[int] = []

        def dispatch(fabric_id: int) -> None:
            if fabric_id == broken.pk:
                raise error
            sent.append(fabric_id)

        summary = run_tick(NOW, dispatch)
        assert sent == [fabrics[0].pk, fabrics[2].pk]
        assert summary.status == "partial"
        (entry,) = summary.errors
        assert (entry["fabric_id"], entry["fabric"]) == (broken.pk, broken.name)
        assert entry["code"]

    def test_it_is_first_in_the_next_tick(self):
        broken = baker.make_recipe("tests.never_synced_fabric")
        baker.make_recipe("tests.due_fabric")
        run_tick(NOW, lambda fabric_id: {}[fabric_id] if fabric_id == broken.pk else None)
        sent: list[int] = []
        run_tick(NOW + timedelta(seconds=60), sent.append)
        assert sent == [broken.pk]

    @pytest.mark.parametrize("chunk", [1, 2, 500])
    def test_a_broker_that_is_down_is_not_tried_for_every_fabric(self, settings, chunk):
        settings.HEDGEHOG_TICK_CHUNK_SIZE = chunk
        baker.make_recipe("tests.due_fabric", _quantity=10)
        tried: list[int] = []

        def dispatch(fabric_id: int) -> None:
            tried.append(fabric_id)
            raise ConnectionRefusedError

        summary = run_tick(NOW, dispatch)
        assert len(tried) == FAILURES_THAT_MEAN_BROKER_DOWN == 3
        assert (summary.status, len(summary.errors), summary.syncs_triggered) == ("partial", 3, 0)
        assert summary.syncs_skipped == {"left_for_next_tick": 10}
        assert claims.live(NOW) == 0

    def test_a_broker_that_fails_now_and_then_does_not_count_as_down(self):
        fabrics = baker.make_recipe("tests.due_fabric", _quantity=9)
        failing = {fabric.pk for number, fabric in enumerate(fabrics) if number % 3}

        def dispatch(fabric_id: int) -> None:
            if fabric_id in failing:
                raise OSError

        summary = run_tick(NOW, dispatch)
        assert (summary.syncs_triggered, len(summary.errors)) == (3, 6)

    def test_a_broker_that_is_back_gets_all_of_them_in_the_next_tick(self):
        baker.make_recipe("tests.due_fabric", _quantity=5)
        run_tick(NOW, lambda fabric_id: {}[fabric_id])
        assert run_tick(NOW + timedelta(seconds=60), lambda _: None).syncs_triggered == 5

    def test_a_batch_that_the_broker_does_not_take_counts_as_not_sent(self):
        baker.make_recipe("tests.due_fabric", _quantity=4)

        class Refused:
            def __enter__(self) -> None: ...
            def __exit__(self, *_: object) -> None:
                raise ConnectionResetError(f"redis://:{SECRET}@broker/0 went away")

        summary = run_tick(NOW, lambda _: None, Refused)
        assert (summary.status, summary.syncs_triggered, claims.live(NOW)) == ("partial", 0, 0)
        (entry,) = summary.errors
        assert (entry["fabric_id"], SECRET in entry["message"]) == (0, False)

    @pytest.mark.parametrize("text", SECRETIVE)
    def test_no_secret_of_an_error_is_reported_logged_or_stored(self, text, operator_log, caplog):
        baker.make_recipe("tests.due_fabric")

        def dispatch(fabric_id: int) -> None:
            raise OSError(text)

        result = run_tick(NOW, dispatch).as_dict()
        assert result["errors"]
        assert SECRET not in str(result)
        assert SECRET not in everything_written(operator_log)
        assert SECRET not in caplog.text
        assert "[REDACTED]" in str(result)

    @pytest.mark.parametrize("text", SECRETIVE)
    def test_no_secret_of_a_failed_tick_is_reported_logged_or_stored(self, text, operator_log, monkeypatch):
        def fail(now: datetime) -> None:
            raise OperationalError(text)

        monkeypatch.setattr("netbox_hedgehog.scheduling.tick.census", fail)
        result = run_tick(NOW, pytest.fail).as_dict()
        assert result["status"] == "failed"
        assert "OperationalError" in operator_log.getvalue()
        assert SECRET not in str(result) + everything_written(operator_log)


class TestFailure:
    def test_it_is_written_with_its_code_what_happened_and_what_to_do(self, remote, clock):
        fabric = remote.fabric(git_repository__branch="no-such-branch")
        remote.commit({"a.yaml": document("leaf")})
        result = sync(fabric)
        assert (result["status"], result["error"]["code"]) == ("failed", "git.ref_not_found")
        assert fabric.sync_status == "error"
        assert fabric.sync_error.startswith("[git.ref_not_found] The ref 'no-such-branch'")
        assert "Correct the branch" in fabric.sync_error
        run = SyncRun.objects.get()
        assert (run.status, run.error_code, run.error_message) == (
            RunStatus.FAILED,
            "git.ref_not_found",
            result["error"]["message"],
        )
        assert run.error_remedy

    @pytest.mark.parametrize(
        ("files", "place"),
        [
            ({"b.yaml": "apiVersion: v1\nkind: [unclosed\n"}, "b.yaml:"),
            ({"b.yaml": document("fine") + document("Not A Name")}, "b.yaml:5"),
            ({"sub/c.yaml": document("leaf")}, "sub/c.yaml:2"),
        ],
        ids=["syntax", "name", "twice"],
    )
    def test_a_manifest_that_cannot_be_read_names_file_and_line_and_changes_nothing(self, remote, files, place):
        first = remote.commit({"a.yaml": document("leaf", ports=1)})
        fabric = remote.fabric()
        sync(fabric)
        last_sync = fabric.last_sync
        broken = remote.commit({"a.yaml": document("leaf", ports=2), "new.yaml": document("new"), **files})
        result = sync(fabric)
        assert (result["error"]["code"], result["commit"]) == ("manifest.invalid", broken)
        assert place in result["error"]["message"]
        assert FabricResource.objects.get().spec == {"ports": 1}
        assert (fabric.desired_state_commit, fabric.last_sync, fabric.resource_count) == (first, last_sync, 1)
        assert SyncRun.objects.first().commit == broken

    def test_a_corrected_manifest_is_applied(self, remote):
        remote.commit({"a.yaml": "kind: [unclosed"})
        fabric = remote.fabric()
        sync(fabric)
        remote.commit({"a.yaml": document("leaf")})
        assert sync(fabric)["status"] == "succeeded"
        assert (fabric.sync_status, fabric.sync_error) == ("in_sync", "")

    @pytest.mark.parametrize(
        ("files", "code"),
        [
            ({"one/a.yaml": None}, "git.directory_not_found"),
            ({"one/a.yaml": None, "one/README.md": "empty"}, "sync.directory_emptied"),
            ({"one/a.yaml": "# nothing left\n"}, "sync.directory_emptied"),
            ({"one/a.yaml": None, "one": "now a file"}, "git.not_a_directory"),
        ],
        ids=["removed", "without manifests", "without documents", "a file"],
    )
    def test_a_directory_that_is_gone_or_empty_deletes_nothing(self, remote, files, code):
        remote.commit({"one/a.yaml": document("leaf"), "two/b.yaml": document("other")})
        fabric = remote.fabric("/one")
        sync(fabric)
        remote.commit(files)
        assert sync(fabric)["error"]["code"] == code
        assert (FabricResource.objects.get().name, fabric.resource_count) == ("leaf", 1)

    def test_a_mirror_that_is_damaged_is_fetched_anew_by_the_next_sync(self, remote, settings):
        remote.commit({"a.yaml": document("leaf", ports=list(range(100)))})
        first = remote.fabric()
        sync(first)
        (pack,) = settings.DATA_DIR.glob("mirrors/*.git/objects/pack/*.pack")
        pack.chmod(0o644)
        damaged = bytearray(pack.read_bytes())
        damaged[-40:-20] = bytes(20)  # in the last object; the checksum of the pack follows it
        pack.write_bytes(damaged)
        second = remote.fabric(git_repository=first.git_repository)
        assert sync(second)["error"]["code"] == "git.corrupt"
        assert sync(second)["status"] == "succeeded"

    def test_a_server_that_is_down_is_an_error_to_retry(self, remote, closed_port):
        fabric = remote.fabric(git_repository__url=f"http://127.0.0.1:{closed_port}/fabrics.git")
        assert sync(fabric)["error"]["code"] == "git.refused"
        assert fabric.retry_at > timezone.now()

    def test_a_fabric_without_a_repository_that_is_synced_by_hand_says_so(self):
        fabric = baker.make_recipe("tests.sourceless_fabric")
        assert sync(fabric)["error"]["code"] == "sync.no_source"

    @pytest.mark.parametrize("text", ["NUL \0 inside", "half a surrogate \ud800"], ids=["NUL", "surrogate"])
    def test_text_that_no_database_takes_is_a_problem_with_its_place(self, remote, text):
        remote.commit({"a.yaml": document("leaf", motto=text)})
        fabric = remote.fabric()
        result = sync(fabric)
        assert result["error"]["code"] == "manifest.invalid"
        assert "a.yaml:2" in fabric.sync_error
        assert fabric.activity(timezone.now()) == Activity.IDLE


class TestClassification:
    @pytest.mark.parametrize(
        ("error", "code"),
        [
            (SoftTimeLimitExceeded(), "sync.timeout"),
            (OperationalError("gone"), "database.error"),
            (InterfaceError("closed"), "database.error"),
            (MemoryError(), "internal.error"),
            (ZeroDivisionError("x"), "internal.error"),
            (RetryLater("git.timeout", "slow"), "git.timeout"),
            (InternalFault("git.storage", "disk"), "git.storage"),
        ],
    )
    def test_any_error_ends_as_a_recorded_failure_and_is_never_raised(self, monkeypatch, error, code):
        break_sync(monkeypatch, error)
        fabric = baker.make_recipe("tests.claimed_fabric")
        result = sync(fabric)
        assert (result["status"], result["error"]["code"]) == ("failed", code)
        assert fabric.sync_error.startswith(f"[{code}]")
        assert fabric.activity(timezone.now()) == Activity.IDLE
        assert fabric.consecutive_failures == 1

    def test_our_own_defect_is_logged_with_its_traceback(self, monkeypatch, operator_log):
        break_sync(monkeypatch, ZeroDivisionError("our fault"))
        sync(baker.make_recipe("tests.due_fabric"))
        assert "Traceback" in operator_log.getvalue()

    @pytest.mark.parametrize("end", [SystemExit, KeyboardInterrupt])
    def test_a_worker_that_is_told_to_stop_records_the_failure_and_stops(self, monkeypatch, end):
        break_sync(monkeypatch, end())
        fabric = baker.make_recipe("tests.claimed_fabric")
        with pytest.raises(end):
            sync(fabric)
        fabric.refresh_from_db()
        assert (fabric.sync_status, fabric.activity(timezone.now())) == ("error", Activity.IDLE)

    @pytest.mark.parametrize("text", SECRETIVE)
    @pytest.mark.parametrize("kind", [OSError, OperationalError, lambda text: NeedsOperator("git.x", text, text)])
    def test_no_secret_of_a_failure_is_returned_logged_or_stored(self, monkeypatch, text, kind, operator_log, caplog):
        break_sync(monkeypatch, kind(text))
        fabric = baker.make_recipe("tests.due_fabric")
        result = sync(fabric)
        assert "[REDACTED]" in fabric.sync_error
        assert SECRET not in str(result) + everything_written(operator_log)

    def test_no_credential_of_the_repository_appears_anywhere(self, remote, operator_log):
        remote.server.status = 401
        fabric = remote.fabric(git_repository__username="robot", git_repository__password=SECRET)
        result = sync(fabric)
        assert result["error"]["code"] == "git.auth_failed"
        assert SECRET not in str(result) + everything_written(operator_log)


class TestBackOff:
    def waits(self, fabric: HedgehogFabric, clock: Clock, times: int) -> Iterator[float]:
        for _ in range(times):
            sync(fabric)
            yield (fabric.retry_at - clock.now).total_seconds()

    @pytest.mark.parametrize("kind", [RetryLater, InternalFault])
    def test_it_grows_with_each_failure_between_half_and_all_of_the_doubled_base(self, monkeypatch, clock, kind):
        break_sync(monkeypatch, kind("git.x", "x"))
        fabric = baker.make_recipe("tests.due_fabric")
        longest = [60, 120, 240, 480, 960, 1920, 3600, 3600]
        for wait, bound in zip(self.waits(fabric, clock, 8), longest, strict=True):
            assert bound / 2 <= wait <= bound
        assert fabric.consecutive_failures == 8

    @pytest.mark.parametrize(("interval", "least"), [(300, 300), (10, 30), (0, 30), (86_400, 86_400)])
    def test_what_an_operator_must_mend_is_never_tried_more_often_than_the_fabric_syncs(
        self, monkeypatch, clock, interval, least
    ):
        break_sync(monkeypatch, NeedsOperator("git.auth_failed", "x"))
        fabric = baker.make_recipe("tests.due_fabric", sync_interval=interval)
        waits = list(self.waits(fabric, clock, 8))
        assert min(waits) >= least
        assert waits[0] <= max(60, interval)
        assert max(3600 / 2, interval) <= waits[-1] <= max(3600, interval)

    def test_the_failures_of_a_source_that_was_changed_do_not_count_against_the_new_one(self, monkeypatch, clock):
        break_sync(monkeypatch, NeedsOperator("git.not_found", "x"))
        fabric = baker.make_recipe("tests.due_fabric", sync_interval=60)
        assert list(self.waits(fabric, clock, 8))[-1] >= 1800
        GitRepository.objects.update(url="https://git.example.com/changed.git")
        assert list(self.waits(fabric, clock, 1)) == [60]
        assert fabric.consecutive_failures == 1

    def test_what_a_commit_must_mend_is_looked_at_again_at_the_fabrics_own_interval(self, monkeypatch, clock):
        break_sync(monkeypatch, ContentProblem("manifest.invalid", "x"))
        fabric = baker.make_recipe("tests.due_fabric", sync_interval=300)
        assert list(self.waits(fabric, clock, 3)) == [300, 300, 300]

    @pytest.mark.parametrize(("interval", "wait"), [(10**6, 3600), (0, 0), (-5, 0)])
    def test_that_interval_is_bounded_too(self, monkeypatch, clock, interval, wait):
        break_sync(monkeypatch, ContentProblem("manifest.invalid", "x"))
        fabric = baker.make_recipe("tests.due_fabric", sync_interval=interval)
        assert list(self.waits(fabric, clock, 1)) == [wait]

    def test_until_it_is_over_the_schedule_leaves_the_fabric_alone(self, monkeypatch, clock):
        break_sync(monkeypatch, RetryLater("git.x", "x"))
        fabric = baker.make_recipe("tests.due_fabric")
        sync(fabric)
        assert run_tick(fabric.retry_at - timedelta(seconds=1), pytest.fail).syncs_skipped == {"backing_off": 1}
        sent: list[int] = []
        run_tick(fabric.retry_at, sent.append)
        assert sent == [fabric.pk]

    def test_a_success_ends_it(self, remote):
        remote.commit({"a.yaml": document("leaf")})
        remote.server.status = 503
        fabric = remote.fabric()
        sync(fabric)
        assert fabric.retry_at
        remote.server.status = None
        sync(fabric)
        assert (fabric.retry_at, fabric.consecutive_failures, fabric.failed_source) == (None, 0, "")

    def test_sync_now_ends_it(self):
        fabric = baker.make_recipe("tests.backing_off_fabric")
        assert request_sync(fabric.pk, NOW, lambda _: None)
        fabric.refresh_from_db()
        assert (fabric.retry_at, fabric.consecutive_failures) == (None, 0)

    def test_sync_now_that_cannot_be_sent_frees_the_fabric(self):
        fabric = baker.make_recipe("tests.backing_off_fabric")
        with pytest.raises(KeyError):
            request_sync(fabric.pk, NOW, lambda fabric_id: {}[fabric_id])
        fabric.refresh_from_db()
        assert fabric.activity(NOW) == Activity.IDLE

    def test_a_corrected_source_is_tried_at_the_next_tick(self, remote, clock):
        remote.commit({"a.yaml": document("leaf")})
        fabric = remote.fabric(git_repository__url=remote.server.url("misspelt.git"))
        assert sync(fabric)["error"]["code"] == "git.not_found"
        run_tick(clock.now, pytest.fail)
        GitRepository.objects.update(url=remote.url)
        sent: list[int] = []
        run_tick(clock.now, sent.append)
        assert sent == [fabric.pk]
        assert sync(fabric)["status"] == "succeeded"

    def test_a_source_that_was_corrected_while_its_sync_ran_is_tried_at_once(self, monkeypatch, clock):
        fabric = baker.make_recipe("tests.due_fabric")

        def correct_and_fail(*_: object) -> None:
            GitRepository.objects.update(url="https://git.example.com/corrected.git")
            raise NeedsOperator("git.not_found", "x")

        monkeypatch.setattr("netbox_hedgehog.sync.run.head_of", correct_and_fail)
        sync(fabric)
        assert run_tick(clock.now, lambda _: None).syncs_triggered == 1


class TestMessagesThatTheBrokerLost:
    """A restarted broker without persistence; the claims of its messages would hold for ten minutes."""

    @pytest.fixture
    def queued(self) -> HedgehogFabric:
        fabric = baker.make_recipe("tests.due_fabric")
        assert run_tick(NOW, lambda _: None).syncs_triggered == 1
        return fabric

    def test_are_sent_anew_as_soon_as_they_are_missed(self, queued):
        sent: list[int] = []
        run_tick(NOW + timedelta(seconds=59), sent.append, waiting=lambda: 0)
        assert sent == []
        run_tick(NOW + timedelta(seconds=60), sent.append, waiting=lambda: 0)
        assert sent == [queued.pk]

    def test_are_not_given_up_while_the_broker_holds_any(self, queued):
        run_tick(NOW + timedelta(seconds=60), pytest.fail, waiting=lambda: 1)
        queued.refresh_from_db()
        assert queued.activity(NOW + timedelta(seconds=60)) == Activity.QUEUED

    def test_are_not_given_up_while_it_cannot_be_asked(self, queued, operator_log):
        summary = run_tick(NOW + timedelta(seconds=60), pytest.fail, waiting=lambda: {}[0])
        assert (summary.status, summary.errors) == ("completed", [])
        assert "tick.queue_not_asked" in operator_log.getvalue()

    def test_are_of_no_concern_to_a_sync_that_runs(self, queued):
        assert claims.begin(queued.pk, NOW, token := uuid4(), "worker")
        assert claims.renew(queued.pk, NOW + timedelta(seconds=50), token)
        run_tick(NOW + timedelta(seconds=60), pytest.fail, waiting=lambda: 0)
        queued.refresh_from_db()
        assert queued.claim_token == token

    def test_cost_the_broker_no_question_while_nothing_waits_for_long(self, queued):
        run_tick(NOW + timedelta(seconds=59), pytest.fail, waiting=pytest.fail)

    def test_do_no_harm_when_they_arrive_after_all(self, queued, monkeypatch):
        run_tick(NOW + timedelta(seconds=60), lambda _: None, waiting=lambda: 0)
        assert claims.begin(queued.pk, NOW + timedelta(seconds=61), uuid4(), "by the old message")
        assert not claims.begin(queued.pk, NOW + timedelta(seconds=61), uuid4(), "by the new one")


class TestClaim:
    def test_a_sync_that_another_is_running_of_is_skipped(self, remote):
        fabric = remote.fabric(
            claim_token=uuid4(),
            claim_started_at=timezone.now(),
            claim_expires_at=timezone.now() + timedelta(seconds=60),
        )
        before = HedgehogFabric.objects.values().get()
        result = sync(fabric)
        assert (result["status"], result["reason"]) == ("skipped", "already_running")
        assert HedgehogFabric.objects.values().get() == before
        assert remote.server.requests == 0

    @pytest.mark.parametrize("change", [{"sync_enabled": False}, {"status": "decommissioned"}, {"sync_interval": -1}])
    def test_a_message_of_the_schedule_for_a_fabric_that_left_it_is_skipped_and_frees_it(self, clock, change):
        fabric = baker.make_recipe("tests.claimed_fabric", **change)
        result = sync(fabric)
        assert (result["status"], result["reason"]) == ("skipped", "no_longer_scheduled")
        assert fabric.activity(NOW) == Activity.IDLE
        assert not SyncRun.objects.exists()

    def test_a_person_may_sync_a_fabric_that_is_not_scheduled(self, remote):
        remote.commit({"a.yaml": document("leaf")})
        fabric = remote.fabric(sync_enabled=False, status="planned")
        assert request_sync(fabric.pk, timezone.now(), lambda fabric_id: git_sync_fabric.apply([fabric_id]))
        fabric.refresh_from_db()
        assert fabric.sync_status == "in_sync"
        assert SyncRun.objects.get().trigger == Trigger.MANUAL

    def test_a_sync_whose_fabric_does_not_exist_is_skipped(self):
        assert run_sync(12345, worker="test")["reason"] == "fabric_does_not_exist"

    @pytest.fixture
    def in_the_middle(self, monkeypatch) -> Callable[[Callable[[], object]], None]:
        """Do something after a sync has read the repository and before it writes."""
        from netbox_hedgehog.sync import run

        def arrange(action: Callable[[], object]) -> None:
            def read(*args: Any, **options: Any) -> Any:
                result = original(*args, **options)
                action()
                return result

            original = run.read_tree
            monkeypatch.setattr(run, "read_tree", read)

        return arrange

    def test_a_sync_whose_claim_was_taken_over_writes_nothing_into_the_fabric(self, remote, in_the_middle):
        remote.commit({"a.yaml": document("leaf")})
        fabric = remote.fabric()
        successor = uuid4()
        in_the_middle(lambda: HedgehogFabric.objects.update(claim_token=successor))
        result = sync(fabric)
        assert (result["status"], result["error"]["code"]) == ("failed", "sync.claim_lost")
        assert not FabricResource.objects.exists()
        assert (fabric.sync_status, fabric.last_sync, fabric.claim_token) == ("never_synced", None, successor)
        assert (fabric.consecutive_failures, fabric.retry_at) == (0, None)

    def test_an_unchanged_sync_whose_claim_was_taken_over_writes_nothing_either(self, remote, monkeypatch):
        remote.commit({"a.yaml": document("leaf")})
        fabric = remote.fabric()
        sync(fabric)
        last_sync, head = fabric.last_sync, fabric.desired_state_commit
        successor = uuid4()

        def take_over(*_: object) -> str:
            HedgehogFabric.objects.update(claim_token=successor)
            return head

        monkeypatch.setattr("netbox_hedgehog.sync.run.head_of", take_over)
        assert sync(fabric)["error"]["code"] == "sync.claim_lost"
        assert (fabric.last_sync, fabric.claim_token) == (last_sync, successor)

    def test_a_failed_sync_whose_claim_was_taken_over_does_not_back_its_successor_off(self, monkeypatch):
        fabric = baker.make_recipe("tests.due_fabric")
        successor = uuid4()

        def take_over_and_fail(*_: object) -> None:
            HedgehogFabric.objects.update(claim_token=successor)
            raise RetryLater("git.x", "x")

        monkeypatch.setattr("netbox_hedgehog.sync.run.head_of", take_over_and_fail)
        sync(fabric)
        assert (fabric.sync_status, fabric.retry_at, fabric.claim_token) == ("in_sync", None, successor)

    @pytest.mark.django_db(transaction=True)
    def test_a_fabric_that_is_deleted_in_the_middle_harms_nobody(self, remote, in_the_middle):
        remote.commit({"a.yaml": document("leaf")})
        fabric = remote.fabric()
        in_the_middle(lambda: HedgehogFabric.objects.all().delete())
        assert run_sync(fabric.pk, worker="test")["status"] == "failed"
        assert not FabricResource.objects.exists()

    def test_a_change_that_fails_half_way_is_undone_as_a_whole(self, remote, monkeypatch):
        remote.commit({"a.yaml": document("kept"), "b.yaml": document("also-kept")})
        fabric = remote.fabric()
        sync(fabric)
        remote.commit({"a.yaml": None, "c.yaml": document("new")})

        def fail(*_: object, **__: object) -> None:
            raise OperationalError("gone while recording")

        monkeypatch.setattr("netbox_hedgehog.sync.run.record_success", fail)
        assert sync(fabric)["error"]["code"] == "database.error"
        assert sorted(fabric.resources.values_list("name", flat=True)) == ["also-kept", "kept"]
        assert fabric.sync_status == "error"


@pytest.mark.django_db(transaction=True)
class TestDatabase:
    @pytest.fixture(autouse=True)
    def _no_patience(self, monkeypatch):
        monkeypatch.setattr(patience, "PATIENCE_SECONDS", 0)

    def test_that_is_away_when_a_message_comes_is_waited_for(self, remote, monkeypatch):
        monkeypatch.setattr(patience, "PATIENCE_SECONDS", 60)
        monkeypatch.setattr(patience, "PAUSE_SECONDS", 0)
        remote.commit({"a.yaml": document("leaf")})
        fabric = remote.fabric()
        refusals = iter([OperationalError("the database system is starting up"), InterfaceError("closed")])

        def refuse_at_first(execute: Callable[..., Any], *args: Any) -> Any:
            if refusal := next(refusals, None):
                raise refusal
            return execute(*args)

        with connection.execute_wrapper(refuse_at_first):
            assert run_sync(fabric.pk, worker="test")["status"] == "succeeded"
        assert next(refusals, None) is None

    @pytest.mark.skipif(connection.vendor != "postgresql", reason="a file has no connection that can be cut")
    def test_whose_connection_was_cut_gets_another(self, remote, monkeypatch):
        monkeypatch.setattr(patience, "PATIENCE_SECONDS", 60)
        monkeypatch.setattr(patience, "PAUSE_SECONDS", 0)
        remote.commit({"a.yaml": document("leaf")})
        fabric = remote.fabric()
        with connection.cursor() as cursor, pytest.raises(OperationalError):
            cursor.execute("SELECT pg_terminate_backend(pg_backend_pid())")
        assert run_sync(fabric.pk, worker="test")["status"] == "succeeded"

    @pytest.mark.parametrize("first", [1, 2, 3, 5])
    def test_that_is_lost_ends_the_sync_as_failed_and_its_claim_ends_by_itself(self, remote, clock, first):
        remote.commit({"a.yaml": document("leaf")})
        fabric = remote.fabric()
        seen = 0

        def fail_from(execute: Callable[..., Any], *args: Any) -> Any:
            nonlocal seen
            seen += 1
            if seen >= first:
                raise OperationalError(f"lost postgres://app:{SECRET}@db.example.com/prod")
            return execute(*args)

        with connection.execute_wrapper(fail_from):
            result = run_sync(fabric.pk, worker="test")
        assert result["status"] == "failed"
        assert result["error"]["code"].startswith("database.")
        assert SECRET not in str(result)
        sent: list[int] = []
        run_tick(clock.now + timedelta(seconds=60), sent.append)
        assert sent == [fabric.pk]
