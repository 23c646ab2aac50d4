from __future__ import annotations

import re

import pytest
from django.utils import timezone
from model_bakery import baker
from playwright.sync_api import expect

from netbox_hedgehog.models import HedgehogFabric, RunHour, SyncStatus
from tests.support.browser import PASSWORD

TEN_SECONDS = 10_000

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


@pytest.fixture
def watched(desk):
    """Its clock goes as the test says."""
    desk.clock.install()
    desk.goto("/admin/")
    return desk


def test_it_renews_itself_and_leads_to_what_it_counts(fleet, watched):
    figure = watched.get_by_role("definition").filter(has=watched.get_by_role("link", name="3", exact=True)).first
    expect(figure).to_be_visible()
    HedgehogFabric.objects.first().delete()
    watched.clock.run_for(TEN_SECONDS)
    expect(watched.get_by_role("link", name="2", exact=True).first).to_be_visible()
    watched.get_by_role("link", name="2", exact=True).first.click()
    expect(watched).to_have_url(re.compile("/hedgehogfabric/"))


def test_it_is_not_renewed_under_somebodys_hands(fleet, watched):
    asked = []
    watched.on("request", lambda request: asked.append(request) if "/admin/dashboard/" in request.url else None)
    watched.get_by_text("As a table").click()
    watched.clock.run_for(TEN_SECONDS)
    assert asked == []
    watched.get_by_text("As a table").click()
    watched.evaluate("document.activeElement.blur()")
    with watched.expect_response("**/admin/dashboard/"):
        watched.clock.run_for(TEN_SECONDS)


def test_it_says_so_when_the_server_does_not_answer(fleet, watched, complaints):
    watched.route("**/admin/dashboard/", lambda route: route.abort())
    watched.clock.run_for(TEN_SECONDS)
    expect(watched.get_by_text("The server does not answer")).to_be_visible()
    complaints.expect("ERR_FAILED")
    complaints.expect("htmx:")
    watched.unroute("**/admin/dashboard/")
    watched.clock.run_for(TEN_SECONDS)
    expect(watched.get_by_text("The server does not answer")).to_be_hidden()


@pytest.mark.parametrize("address", ["/admin/", "/admin/schedule/"])
def test_who_is_signed_out_is_told_and_led_back(fleet, watched, boss, address, check_accessible):
    watched.goto(address)
    watched.context.clear_cookies()
    watched.clock.run_for(TEN_SECONDS)
    expect(watched.get_by_text("You are signed out")).to_be_visible()
    check_accessible(watched)
    watched.get_by_role("link", name="Sign in again").click()
    watched.get_by_label("Username").fill(boss.get_username())
    watched.get_by_label("Password").fill(PASSWORD)
    watched.get_by_role("button", name="Log in").click()
    expect(watched).to_have_url(re.compile(f"{address}$"))
