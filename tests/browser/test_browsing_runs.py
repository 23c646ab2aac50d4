"""The history as an operator reads it after a bad night."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone
from playwright.sync_api import expect

from netbox_hedgehog.models import HedgehogFabric, RunTotal, SchedulerRun, SyncRecord, SyncRun
from tests.support.browser import DESK, PHONE

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.e2e]

LIST = "/admin/netbox_hedgehog/syncrun/"
TICKS = "/admin/netbox_hedgehog/schedulerrun/"


@pytest.fixture
def history() -> None:
    """A hundred syncs of two fabrics, of which one failed and one changed something, and a tick with errors."""
    now = timezone.now()
    east, west = (HedgehogFabric.objects.create(name=name, status="active") for name in ("east", "west"))
    SyncRun.objects.bulk_create(
        SyncRun(
            fabric=east, status="unchanged", trigger="schedule", started_at=now - timedelta(minutes=n), commit="a" * 40
        )
        for n in range(100)
    )
    SyncRun.objects.create(
        fabric=west,
        status="failed",
        trigger="schedule",
        started_at=now - timedelta(hours=2),
        error_code="git.dns",
        error_message="The worker cannot resolve git.example.com, which is a rather long name for a server.",
        error_remedy="Check the URL for typing errors, then the DNS servers of the workers.",
    )
    RunTotal.objects.create(kind="sync", status="failed", error_code="git.dns")
    run = SyncRun.objects.create(fabric=west, status="succeeded", trigger="manual", started_at=now, created=1)
    leaf = {
        "api_version": "v1",
        "kind": "Switch",
        "namespace": "default",
        "name": "leaf-1",
        "path": "a.yaml",
        "line": 1,
    }
    SyncRecord.objects.create(run=run, content={"created": [leaf], "updated": [], "deleted": [], "more": {}})
    SchedulerRun.objects.create(
        status="partial",
        started_at=now,
        fabrics_checked=2,
        syncs_skipped={"backing_off": 3, "left_for_next_tick": 40},
        errors=[{"fabric_id": east.pk, "fabric": "east", "code": "tick.OperationalError", "message": "broken " * 20}],
        resources={"queries": 12, "claim_seconds": 0.1},
    )


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("viewport", [DESK, PHONE], ids=["desk", "phone"])
def test_runs_fit_and_can_be_read(open_page, sign_in, boss, history, check_accessible, screenshot, viewport, scheme):  # noqa: PLR0917
    page = sign_in(open_page(viewport=viewport, color_scheme=scheme), boss)
    failed, tick = SyncRun.objects.get(status="failed"), SchedulerRun.objects.get()
    for name, address in (
        ("sync-runs", LIST),
        ("sync-run", f"{LIST}{failed.pk}/change/"),
        ("scheduler-runs", TICKS),
        ("scheduler-run", f"{TICKS}{tick.pk}/change/"),
    ):
        page.goto(address)
        assert page.evaluate("document.documentElement.scrollWidth") <= viewport["width"], name
        check_accessible(page)
        screenshot(page, f"{name}-{scheme}-{viewport['width']}")


def test_from_a_filter_to_what_went_wrong_and_back_through_the_pages(desk, history):
    desk.goto(LIST)
    desk.get_by_role("link", name="Next").click()
    expect(desk).to_have_url(f"{desk.url.split('?')[0]}?p=2")
    desk.goto(f"{LIST}?error_code=git.dns")
    rows = desk.locator("#result_list tbody tr")
    expect(rows).to_have_count(1)
    rows.locator("th a, td a").first.click()
    expect(desk.get_by_text("Check the URL for typing errors")).to_be_visible()
    expect(desk.get_by_role("link", name="All sync runs that ended so")).to_be_visible()
