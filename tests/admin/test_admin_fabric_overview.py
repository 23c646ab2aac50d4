from __future__ import annotations

from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from netbox_hedgehog.admin.fabric_overview import LINES_SHOWN, RUNS_SHOWN
from netbox_hedgehog.models import (
    FabricFinding,
    FabricResource,
    HedgehogFabric,
    HeldChange,
    RunStatus,
    SyncRun,
)
from netbox_hedgehog.scheduling.explain import why_not
from netbox_hedgehog.sync.run import run_sync
from tests.support.remote import document

pytestmark = pytest.mark.django_db


def page(fabric):
    return reverse("admin:netbox_hedgehog_hedgehogfabric_change", args=[fabric.pk])


def resource(fabric, kind, name):
    return FabricResource(fabric=fabric, api_version="v1", kind=kind, namespace="default", name=name)


@pytest.fixture
def synced(remote):
    """Three leaves; then one is changed."""
    remote.commit({f"{name}.yaml": document(name, note="old") for name in "abc"})
    fabric = remote.fabric(name="east")
    run_sync(fabric.pk, worker="test")
    remote.commit({"a.yaml": document("a", note="<b>new</b>")})
    run_sync(fabric.pk, worker="test")
    return fabric


def test_it_says_why_it_is_not_syncing_in_the_schedulers_own_words(boss, fabric):
    HedgehogFabric.objects.update(sync_enabled=False, status="planned")
    shown = boss.get(page(fabric)).content.decode()
    reasons = why_not(fabric.pk, timezone.now())
    assert len(reasons) == 2
    for reason in reasons:
        assert reason.sentence in shown
        assert reason.action in shown


def test_resources_are_counted_by_kind_and_each_leads_to_its_list(boss, fabric):
    FabricResource.objects.bulk_create(
        [resource(fabric, "Switch", "s1"), resource(fabric, "Switch", "s2"), resource(fabric, "VPC", "v1")]
    )
    shown = boss.get(page(fabric)).content.decode()
    listed = reverse("admin:netbox_hedgehog_fabricresource_changelist")
    assert f'{listed}?fabric__id__exact={fabric.pk}&amp;kind=Switch">Switch 2</a>' in shown
    assert f'{listed}?fabric__id__exact={fabric.pk}&amp;kind=VPC">VPC 1</a>' in shown


def test_syncs_that_found_nothing_new_do_not_hide_what_happened(boss, fabric):
    now = timezone.now()
    runs = [
        SyncRun(fabric=fabric, status=RunStatus.UNCHANGED, started_at=now - timedelta(minutes=n)) for n in range(50)
    ]
    failed = SyncRun(
        fabric=fabric, status=RunStatus.FAILED, started_at=now - timedelta(hours=2), error_message="No <route>."
    )
    SyncRun.objects.bulk_create([*runs, failed])
    shown = boss.get(page(fabric)).content.decode()
    assert shown.count("unchanged") == 1
    assert "No &lt;route&gt;." in shown


def test_what_a_sync_changed_is_shown_where_it_is_opened(boss, synced):
    run = SyncRun.objects.filter(updated=1).get()
    address = reverse("admin:netbox_hedgehog_hedgehogfabric_run", args=[synced.pk, run.pk])
    shown = boss.get(page(synced)).content.decode()
    assert address in shown
    assert "spec.note" not in shown
    assert "&lt;b&gt;new&lt;/b&gt;" in boss.get(address).content.decode()
    other = HedgehogFabric.objects.create(name="west")
    strange = reverse("admin:netbox_hedgehog_hedgehogfabric_run", args=[other.pk, run.pk])
    assert boss.get(strange).status_code == 404


def test_findings_are_counted_by_severity_and_the_first_are_named(boss, fabric):
    common = {"fabric": fabric, "code": "a.b", "kind": "Switch", "namespace": "default", "name": "s1"}
    FabricFinding.objects.bulk_create(
        [
            *(FabricFinding(severity="error", message=f"error {n} <here>", **common) for n in range(7)),
            FabricFinding(severity="warning", message="a warning", **common),
        ]
    )
    shown = boss.get(page(fabric)).content.decode()
    assert "7 errors</a>" in shown
    assert "1 warning</a>" in shown
    assert "error 4 &lt;here&gt;" in shown
    assert "error 5" not in shown


class TestAHeldChange:
    @pytest.fixture
    def held(self, synced, remote):
        HedgehogFabric.objects.update(budget_changes=0)
        remote.commit({"b.yaml": document("b", note="new")})
        run_sync(synced.pk, worker="test")
        return HeldChange.objects.get()

    def test_is_shown_with_its_diff_and_approved_there(self, boss, synced, held, sent):
        shown = boss.get(page(synced)).content.decode()
        assert "spec.note: &quot;old&quot; → &quot;new&quot;" in shown
        decision = {"_selected_action": held.pk, "from_page_of": synced.pk, "index": 0, "action": "approve"}
        response = boss.post(reverse("admin:netbox_hedgehog_heldchange_changelist"), decision)
        assert response["Location"] == page(synced)
        held.refresh_from_db()
        assert held.decision == "approved"
        assert sent == [synced.pk]

    def test_of_many_lines_the_beginning_is_shown(self, boss, synced, held):
        entry = {"kind": "Switch", "namespace": "default", "path": "a.yaml", "line": 1}
        entries = [entry | {"name": f"s{n}-"} for n in range(LINES_SHOWN + 50)]
        HeldChange.objects.update(record={"created": entries, "updated": [], "deleted": [], "more": {}})
        shown = boss.get(page(synced)).content.decode()
        assert f"s{LINES_SHOWN - 1}-" in shown
        assert f"s{LINES_SHOWN}-" not in shown
        assert "All of the held change" in shown

    def test_a_viewer_decides_nothing(self, viewer, synced, held):
        assert 'value="approve"' not in viewer.get(page(synced)).content.decode()


def test_who_may_see_fabrics_alone_sees_nothing_else(client, permitted, synced):
    client.force_login(permitted("view_hedgehogfabric"))
    shown = client.get(page(synced)).content.decode()
    assert "Why is it not syncing?" in shown
    for heading in ("kinds-title", "findings-title", "runs-title", "held-title"):
        assert heading not in shown
    run = SyncRun.objects.filter(updated=1).get()
    address = reverse("admin:netbox_hedgehog_hedgehogfabric_run", args=[synced.pk, run.pk])
    assert client.get(address).status_code == 403


def test_the_overview_by_itself_needs_the_same_permission(client, permitted, fabric):
    address = reverse("admin:netbox_hedgehog_hedgehogfabric_overview", args=[fabric.pk])
    assert client.get(address).status_code == 302  # to the login
    client.force_login(permitted("view_syncrun"))
    assert client.get(address).status_code == 403


def test_the_number_of_queries_does_not_grow_with_what_a_fabric_holds(boss, fabric):
    def queries():
        with CaptureQueriesContext(connection) as captured:
            boss.get(page(fabric))
        return len(captured)

    def grow(first, last):
        now = timezone.now()
        FabricResource.objects.bulk_create(resource(fabric, f"Kind{n}", f"r{n}") for n in range(first, last))
        SyncRun.objects.bulk_create(
            SyncRun(fabric=fabric, status=RunStatus.SUCCEEDED, created=1, started_at=now) for _ in range(first, last)
        )
        FabricFinding.objects.bulk_create(
            FabricFinding(fabric=fabric, severity="error", kind="Switch", message="m") for _ in range(first, last)
        )

    grow(0, 1)
    queries()  # fills the caches that outlive a request
    few = queries()
    grow(1, 3 * RUNS_SHOWN)
    assert queries() == few


def test_a_form_with_errors_is_what_is_shown_first(boss, fabric):
    assert "'overview'\"" in boss.get(page(fabric)).content.decode()
    shown = boss.post(page(fabric), {"name": ""}).content.decode()
    assert "activeTab = 'general'\"" in shown


def test_whoever_goes_on_editing_comes_back_to_the_form(boss, fabric):
    form = {"name": "east", "status": "active", "sync_interval": 60, "gitops_directory": "/", "schema_mode": "off"}
    response = boss.post(page(fabric), form | {"default_namespace": "default", "_continue": "1"})
    assert response["Location"].endswith("/change/#settings")
