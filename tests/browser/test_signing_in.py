from __future__ import annotations

import re

import pytest
from playwright.sync_api import expect

from tests.support.browser import PASSWORD, PHONE

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.e2e]


def test_the_way_in_and_out(open_page, boss, check_accessible, screenshot):
    page = open_page()
    page.goto("/")
    check_accessible(page)
    screenshot(page, "sign-in")
    page.get_by_label("Username").fill("boss")
    page.get_by_label("Password").fill(PASSWORD)
    page.keyboard.press("Enter")
    page.wait_for_url("**/admin/")
    expect(page.get_by_role("heading", name="Nothing is synced yet")).to_be_visible()
    check_accessible(page)
    page.locator("#logout-form").evaluate("form => form.requestSubmit()")
    page.wait_for_url("**/admin/logout/")
    page.goto("/admin/")
    expect(page).to_have_url(re.compile("/admin/login/"))


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_wrong_password_is_told_and_nothing_else(open_page, boss, check_accessible, scheme):
    page = open_page(viewport=PHONE, color_scheme=scheme)
    page.goto("/admin/login/")
    page.get_by_label("Username").fill("boss")
    page.get_by_label("Password").fill("wrong")
    page.get_by_role("button", name="Log in").click()
    expect(page.get_by_text("Please enter the correct username and password")).to_be_visible()
    check_accessible(page)
