from __future__ import annotations

import re

import pytest
from django.utils import timezone
from model_bakery import baker
from playwright.sync_api import expect

from netbox_hedgehog.models import HedgehogFabric, RunHour, SyncStatus

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.e2e]


@pytest.fixture
def fleet() -> None:
    baker.make_recipe("tests.due_fabric", _quantity=3, sync_status=SyncStatus.IN_SYNC)
    hour = timezone.now().replace(minute=0, second=0, microsecond=0)
    RunHour.objects.create(hour=hour, status="unchanged", runs=40, within={"0.05": 40})


@pytest.mark.parametrize("size", ["desk", "phone"])
def test_the_fleet_at_a_glance(fleet, request, size, check_accessible, screenshot):
    page = request.getfixturevalue(size)
    expect(page.get_by_text("40 unchanged", exact=True)).to_be_visible()
    check_accessible(page)
    screenshot(page, f"dashboard-{size}")
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_it_renews_itself_and_leads_to_what_it_counts(fleet, desk):
    figure = desk.get_by_role("definition").filter(has=desk.get_by_role("link", name="3", exact=True)).first
    expect(figure).to_be_visible()
    HedgehogFabric.objects.first().delete()
    desk.evaluate("renew()")
    expect(desk.get_by_role("link", name="2", exact=True).first).to_be_visible()
    desk.get_by_role("link", name="2", exact=True).first.click()
    expect(desk).to_have_url(re.compile("/hedgehogfabric/"))


def test_it_says_so_when_the_server_does_not_answer(fleet, desk, complaints):
    desk.route("**/admin/dashboard/", lambda route: route.abort())
    desk.evaluate("renew()")
    expect(desk.get_by_text("The server does not answer")).to_be_visible()
    complaints.expect("ERR_FAILED")
