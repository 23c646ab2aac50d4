from __future__ import annotations

import pytest
from django.urls import reverse
from django.utils import timezone

from netbox_hedgehog.models import SyncRecord, SyncRun

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
