from __future__ import annotations

import re

import pytest
from django.urls import reverse
from playwright.sync_api import expect

from netbox_hedgehog.models import FabricResource, HedgehogFabric
from tests.support.browser import PHONE
from tests.support.wiring import LARGE, SMALL, resources, store

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.e2e]


@pytest.fixture
def fabric(transactional_db):
    made = HedgehogFabric.objects.create(name=SMALL.name)
    store(made, resources(SMALL))
    return made


@pytest.fixture(params=["light", "dark"])
def either_phone(request, open_page, sign_in, boss):
    return sign_in(open_page(viewport=PHONE, has_touch=True, is_mobile=True, color_scheme=request.param), boss)


@pytest.fixture
def dark_desk(open_page, sign_in, boss):
    return sign_in(open_page(color_scheme="dark"), boss)


def address(fabric):
    return reverse("admin:netbox_hedgehog_hedgehogfabric_topology", args=[fabric.pk])


def drawn(page):
    """The picture, once it is there."""
    picture = page.get_by_role("application")
    expect(picture.locator(".topology-thing").first).to_be_visible()
    return picture


def transform(picture):
    return picture.locator("> g").get_attribute("transform")


def test_a_fabrics_page_leads_to_its_picture(desk, fabric, check_accessible, screenshot):
    desk.goto(reverse("admin:netbox_hedgehog_hedgehogfabric_change", args=[fabric.pk]))
    desk.get_by_role("link", name="Topology").click()
    picture = drawn(desk)
    expect(picture.locator(".topology-thing")).to_have_count(37)
    expect(desk.get_by_text("mclagDomain (1)")).to_be_visible()
    check_accessible(desk)
    screenshot(desk, "topology")


def test_it_fits_a_phone(request, either_phone, fabric, check_accessible, screenshot):
    page = either_phone
    page.goto(address(fabric))
    picture = drawn(page)
    assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]
    picture.locator(".topology-thing-spine").first.tap()
    expect(page.get_by_role("heading", name="spine-01")).to_be_in_viewport()
    expect(picture.locator(".topology-chosen")).to_be_in_viewport()
    check_accessible(page)
    screenshot(page, f"topology-phone-{request.node.callspec.id}")


def test_a_click_shows_what_a_switch_is_plugged_into_and_leads_to_its_page(
    dark_desk, fabric, check_accessible, screenshot
):
    page = dark_desk
    page.goto(address(fabric))
    drawn(page).locator(".topology-thing-leaf", has_text="border-01").click()
    panel = page.get_by_role("region", name="What is chosen")
    expect(panel.get_by_text("external to provider-1")).to_be_visible()
    check_accessible(page)
    screenshot(page, "topology-chosen-dark")
    panel.get_by_role("link", name="border-01--external").click()
    external = FabricResource.objects.get(kind="Connection", name="border-01--external")
    page.wait_for_url(f"**/fabricresource/{external.pk}/change/")


def test_the_keyboard_moves_between_things_zooms_and_opens(desk, fabric):
    desk.goto(address(fabric))
    picture = drawn(desk)
    picture.focus()
    before = transform(picture)
    desk.keyboard.press("+")
    assert transform(picture) != before
    desk.keyboard.press("0")
    assert transform(picture) == before
    desk.keyboard.press("ArrowDown")
    expect(desk.get_by_role("heading", name="spine-01")).to_be_visible()
    desk.keyboard.press("ArrowRight")
    expect(desk.get_by_role("heading", name="spine-02")).to_be_visible()
    desk.keyboard.press("Escape")
    expect(desk.get_by_role("heading", name="spine-02")).to_be_hidden()
    desk.keyboard.press("ArrowDown")
    desk.keyboard.press("Enter")
    spine = FabricResource.objects.get(kind="Switch", name="spine-01")
    desk.wait_for_url(f"**/fabricresource/{spine.pk}/change/")


def test_finding_lights_up_what_matches_and_enter_goes_there(desk, fabric):
    desk.goto(address(fabric))
    picture = drawn(desk)
    desk.get_by_label("Find").fill("server-01")
    expect(desk.get_by_text("10 found")).to_be_visible()
    expect(picture.locator(".topology-found")).to_have_count(10)
    desk.keyboard.press("Enter")
    expect(desk.get_by_text("1 of 10: server-010")).to_be_visible()
    expect(desk.get_by_role("heading", name="server-010")).to_be_visible()


def test_a_type_of_connection_is_taken_out_by_the_legend(desk, fabric):
    desk.goto(address(fabric))
    links = drawn(desk).locator(".topology-link-eslag")
    expect(links.first).to_be_visible()
    desk.get_by_label("eslag (20)").uncheck()
    expect(links.first).to_be_hidden()
    expect(desk.locator("#topology-picture .topology-link-fabric").first).to_be_visible()


def test_dragging_moves_the_picture_and_chooses_nothing(desk, fabric):
    desk.goto(address(fabric))
    picture = drawn(desk)
    before = transform(picture)
    box = picture.locator(".topology-thing-spine").first.bounding_box()
    desk.mouse.move(box["x"] + 5, box["y"] + 5)
    desk.mouse.down()
    desk.mouse.move(box["x"] + 150, box["y"] + 60, steps=4)
    desk.mouse.up()
    assert transform(picture) != before
    expect(desk.get_by_role("region", name="What is chosen")).to_be_hidden()


def test_all_links_are_a_table_for_those_who_see_no_picture(desk, fabric, check_accessible):
    desk.goto(address(fabric))
    drawn(desk)
    desk.get_by_text("All links as a table").click()
    row = desk.get_by_role("row").filter(has_text="border-01--external")
    expect(row).to_have_text(re.compile("external.*border-01.*provider-1.*E1/"))
    check_accessible(desk)


def test_a_fabric_without_wiring_says_so(desk, transactional_db, check_accessible):
    empty = HedgehogFabric.objects.create(name="empty")
    desk.goto(address(empty))
    expect(desk.get_by_text("Nothing to draw")).to_be_visible()
    expect(desk.get_by_role("application")).to_be_hidden()
    check_accessible(desk)


def test_names_from_git_are_text_and_never_markup(desk, transactional_db):
    evil = HedgehogFabric.objects.create(name="evil")
    name = "<img src=x onerror=alert(1)>"
    for found in resources(SMALL)[:40]:
        store(evil, [found._replace(name=f"{name}{found.name}", spec=found.spec | {"description": name})])
    desk.goto(f"{address(evil)}?show={name}")
    picture = drawn(desk)
    desk.get_by_label("Find").fill("<img")
    desk.keyboard.press("Enter")
    expect(picture.locator(".topology-chosen")).to_have_count(1)
    assert desk.locator("img[src=x]").count() == 0


def test_sixty_four_switches_and_a_thousand_servers_are_drawn(desk, transactional_db, screenshot):
    large = HedgehogFabric.objects.create(name="large")
    store(large, resources(LARGE))
    leaf = FabricResource.objects.get(kind="Switch", name="leaf-31")
    desk.goto(address(large))
    picture = desk.get_by_role("application")
    expect(picture.locator(".topology-thing-server")).to_have_count(1044, timeout=60_000)
    screenshot(desk, "topology-large")
    desk.goto(f"{address(large)}?show={leaf.pk}")
    expect(desk.get_by_role("heading", name="leaf-31")).to_be_visible(timeout=60_000)
    screenshot(desk, "topology-large-chosen")
