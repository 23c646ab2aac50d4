"""Every page of every model, on a phone: nothing is wider than the screen, nothing is hard to perceive."""

from __future__ import annotations

import re

import pytest
from django.contrib.auth.models import User
from django.urls import reverse
from playwright.sync_api import expect

from netbox_hedgehog.models import FabricFinding
from tests.admin.test_admin_pages import BUILDERS, READ_ONLY, url
from tests.support.browser import PHONE

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.e2e, pytest.mark.timeout(300)]


def addresses():
    """Those of each model, with a row in the list."""
    for n, (model, build) in enumerate(BUILDERS.items()):
        row = build(n)
        yield url(model, "changelist")
        yield url(model, "change", row.pk)
        yield url(model, "history", row.pk)
        if model not in READ_ONLY:
            yield url(model, "add")
            yield url(model, "delete", row.pk)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_fits_a_phone_and_can_be_perceived(phone, check_accessible, scheme):
    phone.emulate_media(color_scheme=scheme)
    for address in [reverse("admin:index"), *addresses()]:
        phone.goto(address)
        width = phone.evaluate("document.documentElement.scrollWidth")
        assert width <= PHONE["width"], f"{address} is {width} pixels wide"
        check_accessible(phone)


def test_an_empty_list_can_be_perceived(phone, check_accessible, screenshot):
    phone.goto(url(FabricFinding, "changelist"))
    expect(phone.get_by_text("The checks of the last syncs had nothing to say.")).to_be_visible()
    check_accessible(phone)
    screenshot(phone, "empty-phone")


def test_the_menu_opens_by_keyboard(phone, check_accessible):
    link = phone.get_by_role("link", name="Held changes")
    expect(link).not_to_be_in_viewport()
    phone.get_by_role("button", name="Menu").focus()
    phone.keyboard.press("Enter")
    expect(link).to_be_in_viewport()
    check_accessible(phone)
    link.focus()
    phone.keyboard.press("Enter")
    expect(phone).to_have_title(re.compile("held change"))


def test_a_password_is_reset_on_a_phone(phone, boss):
    phone.goto(url(User, "change", boss.pk))
    button = phone.get_by_role("link", name="Reset password")
    box = button.bounding_box()
    assert box["x"] + box["width"] <= PHONE["width"]
    button.click()
    expect(phone.get_by_text("Enter a new password")).to_be_visible()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_an_error_page_can_be_perceived(phone, check_accessible, complaints, scheme):
    phone.emulate_media(color_scheme=scheme)
    phone.goto("/nothing")
    assert phone.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]
    check_accessible(phone)
    complaints.expect("404")
    phone.get_by_role("link", name="To the dashboard").click()
    expect(phone).to_have_title(re.compile("Dashboard"))
