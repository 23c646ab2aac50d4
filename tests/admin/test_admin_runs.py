from __future__ import annotations

import re
from datetime import timedelta

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from netbox_hedgehog.admin.history import MOST_PAGES
from netbox_hedgehog.models import RunTotal, SchedulerRun, SyncRecord, SyncRun

LIST = reverse("admin:netbox_hedgehog_syncrun_changelist")


def run(fabric, commit: str, name: str = "") -> SyncRun:
    made = SyncRun.objects.create(fabric=fabric, commit=commit, status="succeeded", started_at=timezone.now())
    if name:
        new = {"api_version": "v1", "kind": "Switch", "namespace": "default", "name": name, "path": "a.yaml", "line": 1}
        more = {"created": 0, "updated": 0, "deleted": 0}
        SyncRecord.objects.create(run=made, content={"created": [new], "updated": [], "deleted": [], "more": more})
    return made


@pytest.fixture
def runs(fabric) -> list[SyncRun]:
    return [run(fabric, "a" * 40), run(fabric, "b" * 40, "<b>leaf"), run(fabric, "c" * 40)]


def compare(client, *chosen: SyncRun) -> str:
    data = {"action": "compare", "_selected_action": [each.pk for each in chosen], "index": 0}
    return client.post(LIST, data, follow=True).content.decode()


def test_two_runs_are_compared(boss, runs):
    page = compare(boss, runs[2], runs[0])
    assert "from commit <code>aaaaaaaaaaaa</code> to <code>cccccccccccc</code>" in page
    assert "+ Switch default/&lt;b&gt;leaf  (a.yaml:1)" in page
    assert "1 of the syncs in between changed more than is on record." in page


def test_where_nothing_changed_that_is_said(boss, runs, fabric):
    runs.append(run(fabric, "d" * 40))
    SyncRun.objects.filter(commit="d" * 40).update(status="unchanged")
    assert "Nothing changed." in compare(boss, runs[2], runs[3])


@pytest.mark.parametrize("count", [1, 3])
def test_any_other_number_is_refused(boss, runs, count):
    assert "Choose two sync runs of one fabric." in compare(boss, *runs[:count])


def test_runs_of_two_fabrics_are_refused(boss, runs, remote):
    other = run(remote.fabric(), "d" * 40)
    assert "Choose two sync runs of one fabric." in compare(boss, runs[0], other)


def test_a_run_that_applied_nothing_is_told(boss, runs):
    SyncRun.objects.filter(pk=runs[0].pk).update(status="failed")
    assert "was never synced" in compare(boss, runs[0], runs[2])


TICKS = reverse("admin:netbox_hedgehog_schedulerrun_changelist")


def listed(client, address: str = LIST, **filters: object) -> list[int]:
    answer = client.get(address, filters)
    assert answer.status_code == 200
    return [row.pk for row in answer.context["cl"].result_list]


@pytest.mark.parametrize("address", [LIST, TICKS])
@pytest.mark.parametrize("order", ["1", "-3.2", "6"])
def test_lists_are_neither_counted_nor_sorted_by_what_has_no_index(boss, runs, address, order):
    with CaptureQueriesContext(connection) as queries:
        boss.get(address, {"o": order})
    asked = [query["sql"] for query in queries if "syncrun" in query["sql"] or "schedulerrun" in query["sql"]]
    assert len(asked) == 1
    assert "COUNT(" not in asked[0]
    assert re.search(r'ORDER BY "\w+"."started_at" DESC, "\w+"."id" DESC LIMIT', asked[0])


def test_the_newest_come_first_page_by_page_and_the_pages_end(boss, fabric):
    now = timezone.now()
    SyncRun.objects.bulk_create(
        SyncRun(fabric=fabric, status="unchanged", started_at=now - timedelta(seconds=n)) for n in range(60)
    )
    expected = list(SyncRun.objects.order_by("-started_at").values_list("pk", flat=True))
    assert listed(boss) == expected[:50]
    assert listed(boss, p=2) == expected[50:]
    assert boss.get(LIST, {"p": MOST_PAGES + 1}).status_code == 302


def test_they_are_filtered_by_outcome_trigger_fabric_code_and_time(boss, fabric, remote):
    now = timezone.now()
    RunTotal.objects.create(kind="sync", status="failed", error_code="git.dns")
    failed = SyncRun.objects.create(fabric=fabric, status="failed", started_at=now, error_code="git.dns")
    asked = SyncRun.objects.create(fabric=remote.fabric(), status="unchanged", trigger="manual", started_at=now)
    old = SyncRun.objects.create(
        fabric=asked.fabric, status="failed", started_at=now - timedelta(days=3), error_code="x"
    )
    assert listed(boss, status__exact="failed") == [failed.pk, old.pk]
    assert listed(boss, trigger__exact="manual") == [asked.pk]
    assert listed(boss, fabric__id__exact=fabric.pk) == [failed.pk]
    assert listed(boss, error_code="git.dns") == [failed.pk]
    day = (now - timedelta(days=2)).date().isoformat()
    assert listed(boss, started_at_to_0=day) == [old.pk]
    assert listed(boss, started_at_to_0=day, started_at_to_1="23:59:59") == [old.pk]
    assert sorted(listed(boss, started_at_from_0=day)) == sorted([failed.pk, asked.pk])
    assert len(listed(boss, started_at_from_0="yesterday")) == 3


def test_the_codes_that_were_counted_are_offered(boss):
    RunTotal.objects.create(kind="sync", status="failed", error_code="git.timeout")
    assert '<option value="git.timeout"' in boss.get(LIST).content.decode()


def test_who_may_not_see_fabrics_is_not_offered_to_choose_one(client, permitted, runs):
    client.force_login(permitted("view_syncrun"))
    assert [type(spec).__name__ for spec in client.get(LIST).context["cl"].filter_specs] == [
        "ChoicesDropdownFilter",
        "ChoicesDropdownFilter",
        "ErrorCodeFilter",
        "TimeFilter",
    ]


@pytest.mark.parametrize(
    ("narrowed", "index"),
    [
        ({"status": "failed"}, "syncrun_of_status"),
        ({"error_code": "git.dns"}, "syncrun_of_error"),
        ({"trigger": "manual"}, "syncrun_by_hand"),
    ],
)
def test_eventful_runs_are_found_through_an_index_that_leaves_the_others_out(runs, narrowed, index):
    with transaction.atomic(), connection.cursor() as cursor:
        # Three rows would be read and sorted instead.
        cursor.execute("SET LOCAL enable_seqscan = off; SET LOCAL enable_bitmapscan = off; SET LOCAL enable_sort = off")
        assert index in SyncRun.objects.filter(**narrowed).order_by("-started_at", "-pk")[:50].explain()


def test_a_failure_is_told_with_its_code_what_helps_and_others_like_it(boss, fabric):
    failed = SyncRun.objects.create(
        fabric=fabric,
        status="failed",
        started_at=timezone.now(),
        error_code="git.dns",
        error_message="No such <b>host</b>.",
        error_remedy="Check the URL.",
    )
    page = boss.get(reverse("admin:netbox_hedgehog_syncrun_change", args=[failed.pk])).content.decode()
    assert "No such &lt;b&gt;host&lt;/b&gt;." in page
    assert "Check the URL." in page
    assert f'{LIST}?error_code=git.dns"' in page


def test_a_tick_says_what_it_skipped_what_failed_and_what_it_cost(boss, fabric):
    tick = SchedulerRun.objects.create(
        status="partial",
        started_at=timezone.now(),
        syncs_skipped={"backing_off": 1234, "some_new_reason": 2},
        errors=[
            {"fabric_id": fabric.pk, "fabric": "old name", "code": "tick.X", "message": "<i>broken</i>"},
            {"fabric_id": 999_999, "fabric": "deleted one", "code": "tick.Y", "message": "gone"},
        ],
        resources={"queries": 12, "claim_seconds": 0.25, "peak_memory_mib": 114.1},
    )
    page = boss.get(reverse("admin:netbox_hedgehog_schedulerrun_change", args=[tick.pk])).content.decode()
    assert "1,234 that wait after a failure" in page
    assert "2 some new reason" in page
    assert f'href="{reverse("admin:netbox_hedgehog_hedgehogfabric_change", args=[fabric.pk])}">east</a>' in page
    assert "&lt;i&gt;broken&lt;/i&gt;" in page
    assert "deleted one <code>tick.Y</code> gone" in page
    assert "queries: 12" in page
    assert "claim: 0.25\N{NO-BREAK SPACE}s" in page
    assert "peak memory: 114.1\N{NO-BREAK SPACE}MiB" in page


def test_a_run_is_called_by_its_fabric(boss, fabric):
    run = SyncRun.objects.create(fabric=fabric, trigger="manual", status="unchanged", started_at=timezone.now())
    page = boss.get(reverse("admin:netbox_hedgehog_syncrun_change", args=[run.pk])).content.decode()
    assert "east unchanged 20" in page


@pytest.mark.django_db
@pytest.mark.parametrize("number", ["9" * 20, "9" * 5000, "x"])
def test_a_fabric_that_cannot_be_is_no_error(boss, number):
    for model in ("syncrun", "fabricresource", "fabricfinding"):
        answer = boss.get(f"/admin/netbox_hedgehog/{model}/?fabric__id__exact={number}", follow=True)
        assert answer.status_code == 200
