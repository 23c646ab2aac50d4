from __future__ import annotations

import pytest
from django.urls import reverse
from playwright.sync_api import expect

from netbox_hedgehog.models import GitRepository
from tests.support.browser import PHONE

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.e2e]


def test_a_repository_is_added_tested_and_never_shows_its_password(desk, remote, check_accessible, screenshot):
    remote.commit({"fabric/a.yaml": "a: b"})
    desk.goto(reverse("admin:netbox_hedgehog_gitrepository_add"))
    desk.get_by_label("Name", exact=False).first.fill("core")
    desk.locator("#id_url").fill(remote.url)
    desk.locator("#id_username").fill("bot")
    desk.locator("#id_password").fill("never-seen-again")
    expect(desk.locator("#id_proxy_url")).to_be_hidden()
    desk.get_by_text("Proxy", exact=True).click()
    expect(desk.locator("#id_proxy_url")).to_be_visible()
    desk.get_by_text("Proxy", exact=True).click()
    desk.get_by_role("button", name="Test what is entered").click()
    expect(desk.get_by_text("main is at commit")).to_be_visible(timeout=30_000)
    check_accessible(desk)
    assert not GitRepository.objects.exists()
    expect(desk.locator("#id_password")).to_have_value("never-seen-again")
    desk.get_by_role("button", name="Save and continue editing").click()
    expect(desk.get_by_text("was added successfully")).to_be_visible()
    assert GitRepository.objects.get().password.reveal() == "never-seen-again"
    assert "never-seen-again" not in desk.content()
    screenshot(desk, "repository")
    check_accessible(desk)
    desk.get_by_role("button", name="Test connection").click()
    expect(desk.get_by_text("is at commit")).to_be_visible(timeout=30_000)
    check_accessible(desk)
    screenshot(desk, "repository-test")


@pytest.fixture
def dark_phone(open_page, sign_in, boss):
    return sign_in(open_page(viewport=PHONE, has_touch=True, is_mobile=True, color_scheme="dark"), boss)


def test_a_repository_is_read_on_a_phone_in_the_dark(dark_phone, check_accessible, screenshot):
    row = GitRepository.objects.create(name="core", url="https://git.example.com/core.git", password="s3cr3t")
    dark_phone.goto(reverse("admin:netbox_hedgehog_gitrepository_change", args=[row.pk]))
    expect(dark_phone.get_by_text("not seen yet")).to_be_visible()
    assert dark_phone.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]
    screenshot(dark_phone, "repository-phone-dark")
    check_accessible(dark_phone)
