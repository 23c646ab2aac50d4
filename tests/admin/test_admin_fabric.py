from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.contrib.admin.models import LogEntry
from django.db.models import Model
from django.db.models.signals import pre_save
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from netbox_hedgehog import tasks
from netbox_hedgehog.admin.fabric_actions import MOST_SYNCS_AT_ONCE
from netbox_hedgehog.admin.fabric_look import next_due
from netbox_hedgehog.admin.problem import Problem, problem_of
from netbox_hedgehog.celery import app
from netbox_hedgehog.errors import RetryLater
from netbox_hedgehog.models import Activity, FabricResource, GitRepository, HedgehogFabric, SyncRun, SyncStatus, Trigger
from netbox_hedgehog.scheduling.due import source_fingerprint, with_next_due
from netbox_hedgehog.scheduling.manual import request_sync

LIST = "/admin/netbox_hedgehog/hedgehogfabric/"

pytestmark = pytest.mark.django_db


def page(fabric: HedgehogFabric) -> str:
    return reverse("admin:netbox_hedgehog_hedgehogfabric_change", args=[fabric.pk])


def form_of(fabric: HedgehogFabric, **changes: Any) -> dict[str, Any]:
    values = {
        "name": fabric.name,
        "description": fabric.description,
        "status": fabric.status,
        "git_repository": fabric.git_repository_id or "",
        "gitops_directory": fabric.gitops_directory,
        "sync_enabled": "on",
        "sync_interval": fabric.sync_interval,
        "default_namespace": fabric.default_namespace,
        "schema_mode": fabric.schema_mode,
    }
    return values | changes


def act(client: Client, action: str, *fabrics: HedgehogFabric, **extra: Any) -> Any:
    chosen = {"action": action, "_selected_action": [fabric.pk for fabric in fabrics]}
    return client.post(LIST, chosen | extra, follow=True)


def said(response: Any) -> list[str]:
    return [str(message) for message in response.context["messages"]]


@contextmanager
def between_load_and_write(work: Any) -> Iterator[None]:
    """Do ``work`` when the form's row has been loaded and is about to be written."""

    def listen(sender: type[Model], **_kwargs: Any) -> None:
        if sender is HedgehogFabric:
            work()

    pre_save.connect(listen)
    try:
        yield
    finally:
        pre_save.disconnect(listen)


def test_a_save_leaves_alone_what_a_sync_wrote_while_the_form_was_open(boss: Client, fabric: HedgehogFabric) -> None:
    token, now = uuid4(), timezone.now()
    machine = {
        "last_sync": now,
        "sync_status": SyncStatus.IN_SYNC,
        "desired_state_commit": "c" * 40,
        "resource_count": 7,
        "claim_token": token,
        "claimed_at": now,
        "claim_expires_at": now + timedelta(hours=1),
    }
    with between_load_and_write(lambda: HedgehogFabric.objects.update(**machine)):
        assert boss.post(page(fabric), form_of(fabric, sync_interval=900)).status_code == 302
    stored = HedgehogFabric.objects.values(*machine, "sync_interval").get(pk=fabric.pk)
    assert stored == machine | {"sync_interval": 900}


def test_machine_columns_in_a_forged_form_are_ignored(boss: Client, fabric: HedgehogFabric) -> None:
    forged = {"sync_status": "in_sync", "consecutive_failures": "9", "claim_token": str(uuid4()), "last_sync": "x"}
    boss.post(page(fabric), form_of(fabric, name="renamed", **forged))
    fabric.refresh_from_db()
    assert (fabric.name, fabric.sync_status, fabric.consecutive_failures) == ("renamed", SyncStatus.NEVER_SYNCED, 0)
    assert fabric.claim_token is None
    assert fabric.last_sync is None


def test_a_fabric_can_be_created(boss: Client, repository: GitRepository) -> None:
    fabric = HedgehogFabric(name="new", git_repository=repository, status="active")
    assert boss.post(f"{LIST}add/", form_of(fabric)).status_code == 302
    assert HedgehogFabric.objects.get(name="new").due_at == 0


def test_the_history_says_what_each_field_was_and_is(boss: Client, fabric: HedgehogFabric) -> None:
    boss.post(page(fabric), form_of(fabric, sync_interval=900))
    assert LogEntry.objects.get().get_change_message() == "Sync interval: 300 → 900."


def test_the_last_error_and_its_remedy_stand_above_the_form(boss: Client, fabric: HedgehogFabric) -> None:
    error = RetryLater("git.unreachable", "git.example.com did not answer.", "Check <the> network.")
    HedgehogFabric.objects.update(sync_status=SyncStatus.ERROR, sync_error=str(error))
    text = boss.get(page(fabric)).content.decode()
    above, _, form = text.partition('id="hedgehogfabric_form"')
    assert form
    assert "git.example.com did not answer." in above
    assert "Check &lt;the&gt; network." in above
    assert "git.unreachable" in above


@pytest.mark.parametrize(
    ("stored", "problem"),
    [
        ("", None),
        ("[a.b] went → wrong → mend it", Problem("a.b", "went → wrong", "mend it")),
        ("[a.b] no remedy", Problem("a.b", "no remedy", "")),
        ("free text", Problem("", "free text", "")),
    ],
)
def test_a_stored_error_is_taken_apart_again(stored: str, problem: Problem | None) -> None:
    assert problem_of(stored) == problem


def test_sync_now_queues_each_fabric_that_is_free(boss: Client, fabric: HedgehogFabric, sent: list[int]) -> None:
    later = timezone.now() + timedelta(hours=1)
    busy = HedgehogFabric.objects.create(name="busy", claim_token=uuid4(), claim_expires_at=later)
    planned = HedgehogFabric.objects.create(name="planned")
    messages = said(act(boss, "sync_now", fabric, busy, planned))
    assert sent == [fabric.pk, planned.pk]
    assert messages == ["2 fabrics queued for a sync.", "1 fabric already queued or syncing."]
    fabric.refresh_from_db()
    assert fabric.claim_trigger == Trigger.MANUAL
    assert {entry.object_repr for entry in LogEntry.objects.all()} == {"east", "planned"}


def test_sync_now_on_the_page_of_a_fabric_comes_back_to_it(
    boss: Client, fabric: HedgehogFabric, sent: list[int]
) -> None:
    response = act(boss, "sync_now", fabric, from_page_of=fabric.pk)
    assert response.redirect_chain == [(page(fabric), 302)]
    assert sent == [fabric.pk]


def test_sync_now_with_the_broker_down_says_so_and_gives_the_claim_back(
    boss: Client, fabric: HedgehogFabric, monkeypatch: pytest.MonkeyPatch, closed_port: int
) -> None:
    other = HedgehogFabric.objects.create(name="west")
    tried: list[int] = []

    def publish(fabric_id: int) -> None:
        tried.append(fabric_id)
        with app.connection_for_write(f"redis://:hunter2@127.0.0.1:{closed_port}/0") as broker:
            tasks.git_sync_fabric.apply_async((fabric_id,), connection=broker, retry=False)

    monkeypatch.setattr(tasks.git_sync_fabric, "delay", publish)
    response = act(boss, "sync_now", fabric, other)
    [message] = said(response)
    assert "the message broker does not answer" in message
    assert "CELERY_BROKER_URL" in message
    assert tried == [fabric.pk]
    assert "hunter2" not in response.content.decode()
    assert not HedgehogFabric.objects.filter(claim_token__isnull=False).exists()
    assert not LogEntry.objects.exists()


def test_sync_now_works_without_the_result_store(
    boss: Client, fabric: HedgehogFabric, monkeypatch: pytest.MonkeyPatch
) -> None:
    store: Any = app.backend
    monkeypatch.setattr(store.result_consumer, "consume_from", lambda task_id: pytest.fail("subscribed"))
    assert said(act(boss, "sync_now", fabric)) == ["1 fabric queued for a sync."]


def test_sync_now_is_bounded(boss: Client, sent: list[int]) -> None:
    HedgehogFabric.objects.bulk_create(HedgehogFabric(name=f"f{n:04}") for n in range(MOST_SYNCS_AT_ONCE + 1))
    first = HedgehogFabric.objects.order_by("pk").first()
    assert first
    messages = said(act(boss, "sync_now", first, select_across="1"))
    assert len(sent) == MOST_SYNCS_AT_ONCE
    assert messages[-1].startswith("1 fabric of the selection left out")
    act(boss, "sync_now", first, select_across="1")
    assert len(sent) == len(set(sent)) == MOST_SYNCS_AT_ONCE + 1


def test_clear_back_off_lets_a_failed_fabric_be_tried_at_once(boss: Client, backing_off: HedgehogFabric) -> None:
    idle = HedgehogFabric.objects.create(name="idle")
    assert said(act(boss, "clear_back_off", backing_off, idle)) == ["Back-off cleared for 1 fabric."]
    backing_off.refresh_from_db()
    assert backing_off.retry_at is None
    assert backing_off.consecutive_failures == 0
    assert LogEntry.objects.get().object_repr == "east"


def test_disable_and_enable_switch_the_schedule_and_are_in_the_history(boss: Client, fabric: HedgehogFabric) -> None:
    assert said(act(boss, "disable", fabric)) == ["Sync disabled for 1 fabric."]
    fabric.refresh_from_db()
    assert (fabric.sync_enabled, fabric.due_at) == (False, None)
    assert said(act(boss, "enable", fabric)) == ["Sync enabled for 1 fabric."]
    fabric.refresh_from_db()
    assert (fabric.sync_enabled, fabric.due_at) == (True, 0)
    assert [entry.change_message for entry in LogEntry.objects.order_by("pk")] == [
        "Sync disabled (was enabled).",
        "Sync enabled (was disabled).",
    ]


@pytest.mark.parametrize("action", ["sync_now", "clear_back_off", "enable", "disable", "delete_selected"])
def test_a_viewer_cannot_act(viewer: Client, backing_off: HedgehogFabric, sent: list[int], action: str) -> None:
    HedgehogFabric.objects.update(sync_enabled=action != "enable")
    before = HedgehogFabric.objects.values().get()
    act(viewer, action, backing_off, post="yes")
    assert HedgehogFabric.objects.values().get() == before
    assert sent == []
    assert not LogEntry.objects.exists()


def test_a_viewer_is_offered_nothing_to_press(viewer: Client, fabric: HedgehogFabric) -> None:
    assert "sync_now" not in viewer.get(LIST).content.decode()
    assert "sync_now" not in viewer.get(page(fabric)).content.decode()
    assert viewer.post(page(fabric), form_of(fabric, name="mine")).status_code == 403
    assert HedgehogFabric.objects.get().name == "east"


@pytest.mark.parametrize("action", ["sync_now", "clear_back_off"])
def test_nothing_happens_on_get(boss: Client, backing_off: HedgehogFabric, sent: list[int], action: str) -> None:
    boss.get(f"{LIST}?action={action}&_selected_action={backing_off.pk}")
    backing_off.refresh_from_db()
    assert backing_off.retry_at
    assert sent == []


def test_deleting_a_fabric_takes_its_resources_and_history_along(boss: Client, fabric: HedgehogFabric) -> None:
    FabricResource.objects.create(fabric=fabric, api_version="v1", kind="Switch", namespace="default", name="s1")
    SyncRun.objects.create(fabric=fabric, trigger="schedule", status="failed", started_at=timezone.now())
    url = reverse("admin:netbox_hedgehog_hedgehogfabric_delete", args=[fabric.pk])
    text = boss.get(url).content.decode()
    assert "Resources: 1" in text
    assert "Sync runs: 1" in text
    assert boss.post(url, {"post": "yes"}).status_code == 302
    assert not FabricResource.objects.exists()
    assert not SyncRun.objects.exists()


@pytest.mark.parametrize(
    ("activity", "names"), [("idle", ["idle", "lost"]), ("queued", ["queued"]), ("syncing", ["busy"])]
)
def test_the_activity_filter_goes_by_live_claims(boss: Client, activity: str, names: list[str]) -> None:
    now = timezone.now()
    later, earlier = now + timedelta(hours=1), now - timedelta(hours=1)
    HedgehogFabric.objects.create(name="idle")
    HedgehogFabric.objects.create(name="lost", claim_started_at=earlier, claim_expires_at=earlier)
    HedgehogFabric.objects.create(name="queued", claim_expires_at=later)
    HedgehogFabric.objects.create(name="busy", claim_started_at=now, claim_expires_at=later)
    found = boss.get(LIST, {"activity": activity}).context["cl"].queryset
    assert sorted(fabric.name for fabric in found) == sorted(names)


def test_next_due_is_when_the_schedule_takes_it(boss: Client, fabric: HedgehogFabric) -> None:
    def shown() -> str:
        row = with_next_due(HedgehogFabric.objects.all()).get()
        return str(next_due(row, timezone.now()))

    assert shown() == "now"
    HedgehogFabric.objects.update(last_sync=timezone.now() - timedelta(seconds=30))
    assert "in 4 min" in shown()
    failed = HedgehogFabric.objects.annotate(source=source_fingerprint()).get()
    HedgehogFabric.objects.update(retry_at=timezone.now() + timedelta(hours=2, seconds=5), failed_source=failed.source)
    assert "in 2 h" in shown()
    GitRepository.objects.update(branch="mended")  # ends the back-off
    assert "in 4 min" in shown()
    HedgehogFabric.objects.update(git_repository=None)
    assert shown() == "no repository"
    HedgehogFabric.objects.update(sync_enabled=False)
    assert shown() == "-"


class TestCancelling:
    def press(self, client: Client, fabric: HedgehogFabric) -> Any:
        address = reverse("admin:netbox_hedgehog_hedgehogfabric_changelist")
        chosen = {"action": "cancel_sync", "_selected_action": fabric.pk, "from_page_of": fabric.pk, "index": 0}
        return client.post(address, chosen, follow=True)

    def test_the_button_is_there_while_there_is_something_to_cancel(self, boss: Client, fabric: HedgehogFabric) -> None:
        page = reverse("admin:netbox_hedgehog_hedgehogfabric_change", args=[fabric.pk])
        assert "cancel_sync" not in boss.get(page).content.decode()
        request_sync(fabric.pk, timezone.now(), lambda _: None)
        assert "cancel_sync" in boss.get(page).content.decode()

    def test_it_takes_the_claim_away_and_is_logged(self, boss: Client, fabric: HedgehogFabric) -> None:
        request_sync(fabric.pk, timezone.now(), lambda _: None)
        assert "The sync of 1 fabric cancelled." in self.press(boss, fabric).content.decode()
        fabric.refresh_from_db()
        assert fabric.activity(timezone.now()) == Activity.IDLE
        assert "Cancelled by boss" in SyncRun.objects.get().error_message
        assert LogEntry.objects.filter(change_message__contains="Sync cancelled.").count() == 1

    def test_without_a_sync_it_says_so(self, boss: Client, fabric: HedgehogFabric) -> None:
        assert "No sync is queued or running." in self.press(boss, fabric).content.decode()

    def test_who_may_only_look_may_not(self, viewer: Client, fabric: HedgehogFabric) -> None:
        request_sync(fabric.pk, timezone.now(), lambda _: None)
        self.press(viewer, fabric)
        assert not SyncRun.objects.exists()


@pytest.mark.parametrize(("seconds", "words"), [(-1, "Enter 0 for never"), (10**9, "which are 10 years")])
def test_an_interval_that_makes_no_sense_is_refused_in_words(boss, fabric, seconds, words):
    assert words in boss.post(page(fabric), form_of(fabric, sync_interval=seconds)).content.decode()
    fabric.refresh_from_db()
    assert fabric.sync_interval == 300
