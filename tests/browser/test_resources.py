from __future__ import annotations

import pytest
from django.urls import reverse
from playwright.sync_api import expect

from netbox_hedgehog.admin.resource_search import HELP
from netbox_hedgehog.models import FabricResource, HedgehogFabric
from tests.support.browser import PHONE
from tests.support.wiring import SMALL, resources, store

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.e2e]

CHANGELIST = "admin:netbox_hedgehog_fabricresource_changelist"


@pytest.fixture
def fabric(transactional_db):
    made = HedgehogFabric.objects.create(name=SMALL.name)
    store(made, resources(SMALL))
    return made


def test_resources_are_found_within_a_fabric_and_followed_to_what_they_refer_to(
    desk, fabric, check_accessible, screenshot
):
    desk.goto(reverse(CHANGELIST, query={"fabric__id__exact": fabric.pk, "kind": "Connection"}))
    desk.get_by_placeholder(HELP).fill("spine-01--fabric--leaf-01")
    desk.keyboard.press("Enter")
    expect(desk.get_by_role("link", name="spine-02--fabric--leaf-01")).to_be_hidden()
    screenshot(desk, "resources")
    desk.get_by_role("link", name="spine-01--fabric--leaf-01").click()
    screenshot(desk, "resource")
    check_accessible(desk)
    desk.get_by_role("link", name="leaf-01", exact=True).click()
    expect(desk.get_by_role("link", name="spine-01--fabric--leaf-01")).to_be_visible()
    desk.get_by_role("link", name="Show in topology").click()
    expect(desk.get_by_role("heading", name="leaf-01")).to_be_visible(timeout=30_000)


def test_a_resource_is_found_by_name_in_the_whole_fleet(desk, fabric, check_accessible):
    store(HedgehogFabric.objects.create(name="west"), resources(SMALL))
    desk.goto(reverse(CHANGELIST))
    desk.keyboard.press("/")
    desk.keyboard.type("default/spine-01")
    desk.keyboard.press("Enter")
    expect(desk.get_by_role("link", name="spine-01", exact=True)).to_have_count(2)
    expect(desk.get_by_role("row").filter(has_text="west").first).to_be_visible()
    check_accessible(desk)


def test_the_list_asks_for_a_fabric_before_it_is_narrowed_by_kind(desk, fabric, check_accessible):
    desk.goto(reverse(CHANGELIST, query={"kind": "Switch"}))
    expect(desk.get_by_text("Choose a fabric first")).to_be_visible()
    check_accessible(desk)


@pytest.fixture
def dark_phone(open_page, sign_in, boss):
    return sign_in(open_page(viewport=PHONE, has_touch=True, is_mobile=True, color_scheme="dark"), boss)


def test_a_resource_is_read_on_a_phone_in_the_dark(dark_phone, fabric, check_accessible, screenshot):
    page = dark_phone
    row = FabricResource.objects.get(kind="VPC", name="web")
    page.goto(reverse("admin:netbox_hedgehog_fabricresource_change", args=[row.pk]))
    expect(page.locator(".hedgehog-code").first).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]
    screenshot(page, "resource-phone-dark")
    check_accessible(page)
