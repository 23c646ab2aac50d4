from __future__ import annotations

import re
from datetime import timedelta
from uuid import uuid4

import pytest
from django.contrib.auth.models import Permission, User
from django.db.models import Q
from django.urls import reverse
from django.utils import timezone
from model_bakery import baker
from playwright.sync_api import expect

from netbox_hedgehog import tasks
from netbox_hedgehog.models import FabricFinding, HedgehogFabric, HeldChange, SyncRun
from netbox_hedgehog.scheduling import claims
from netbox_hedgehog.sync.progress import Teller
from netbox_hedgehog.sync.run import run_sync
from tests.support.browser import DESK, PASSWORD, PHONE
from tests.support.remote import document

LIST = "/admin/netbox_hedgehog/hedgehogfabric/"

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.e2e]


def address(fabric):
    return reverse("admin:netbox_hedgehog_hedgehogfabric_change", args=[fabric.pk])


@pytest.fixture(autouse=True)
def sent(monkeypatch):
    """The ids of the fabrics whose sync was published; there is no worker."""
    ids: list[int] = []
    monkeypatch.setattr(tasks.git_sync_fabric, "delay", ids.append)
    return ids


@pytest.fixture
def east(remote):
    """Synced twice: three switches, then one of them changed."""
    remote.commit({f"fabrics/east/{name}.yaml": document(name, note="old") for name in ("leaf-1", "leaf-2", "spine")})
    fabric = remote.fabric("/fabrics/east", name="east", git_repository__name="core")
    run_sync(fabric.pk, worker="worker-1")
    remote.commit({"fabrics/east/leaf-1.yaml": document("leaf-1", note="new")})
    run_sync(fabric.pk, worker="worker-1")
    return fabric


@pytest.fixture
def fleet(east):
    """Fabrics in all states."""
    now = timezone.now()
    overdue = baker.make_recipe("tests.due_fabric", name="late", last_sync=now - timedelta(hours=2))
    baker.make_recipe("tests.disabled_fabric", name="off", last_sync=now)
    error = "[git.auth_failed] git.example.com refuses the password. → Enter a new token in the repository."
    baker.make_recipe(
        "tests.backing_off_fabric",
        name="failing",
        retry_at=now + timedelta(hours=1),
        consecutive_failures=4,
        sync_status="error",
        sync_error=error,
    )
    return overdue


@pytest.fixture
def operator():
    """Somebody who may see everything and operate the fabrics."""
    user = User.objects.create_user("operator", password=PASSWORD, is_staff=True)
    operates = Q(codename__startswith="view_") | Q(codename="sync_hedgehogfabric")
    user.user_permissions.set(Permission.objects.filter(operates))
    return user


@pytest.fixture
def look(check_accessible, screenshot):
    """Keep a picture of a page that everybody can use."""

    def looked(page, name):
        check_accessible(page)
        screenshot(page, name)

    return looked


class TestTheList:
    @pytest.mark.usefixtures("fleet")
    @pytest.mark.parametrize("scheme", ["light", "dark"])
    def test_shows_the_state_of_each_fabric(self, desk, look, scheme):
        page = desk
        page.emulate_media(color_scheme=scheme)
        page.goto(LIST)
        row = page.get_by_role("row").filter(has_text="failing")
        expect(row).to_contain_text("error")
        expect(row).to_contain_text("git.example.com refuses the password")
        expect(row.get_by_text("in 59 min")).to_have_attribute("title", re.compile(r"^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d "))
        look(page, f"fabrics-{scheme}")

    def test_fits_a_phone(self, phone, fleet, check_accessible):
        phone.goto(LIST)
        expect(phone.get_by_text("failing", exact=True)).to_be_visible()
        assert phone.evaluate("document.documentElement.scrollWidth <= innerWidth")
        check_accessible(phone)

    def test_is_filtered_by_overdue_and_by_a_repository_that_is_found_by_typing(self, desk, fleet, check_accessible):
        desk.goto(LIST)
        desk.locator(".filter-open-button").click()
        desk.get_by_role("combobox", name="By schedule").click()
        desk.get_by_role("option", name="overdue").click()
        desk.get_by_role("button", name="Apply Filters").click()
        rows = desk.locator("#result_list tbody tr")
        expect(rows).to_have_count(1)
        expect(rows).to_contain_text("late")
        desk.goto(LIST)
        desk.locator(".filter-open-button").click()
        desk.get_by_role("combobox", name="By git repository").click()
        desk.locator(".select2-search__field").last.fill("cor")
        desk.get_by_role("option", name="core").click()
        desk.get_by_role("button", name="Apply Filters").click()
        expect(rows).to_have_count(1)
        expect(rows).to_contain_text("east")

    def test_sets_the_interval_of_several(self, desk, fleet, check_accessible):
        self.choose(desk, "set_interval", "east", "late")
        interval = desk.get_by_label("Seconds between syncs")
        interval.fill("999999999")
        desk.get_by_role("button", name="Set interval").click()
        expect(desk.get_by_text("which are 10 years")).to_be_visible()
        check_accessible(desk)
        interval.fill("900")
        desk.keyboard.press("Enter")
        expect(desk.get_by_text("Interval set to 15 min for 2 fabrics.")).to_be_visible()
        assert HedgehogFabric.objects.filter(sync_interval=900).count() == 2

    def test_previews_several_one_after_the_other(self, desk, fleet, remote, look):
        remote.commit({"fabrics/east/leaf-2.yaml": document("leaf-2", note="newer")})
        self.choose(desk, "dry_run", "east", "late")
        expect(desk.get_by_text('spec.note: "old" → "newer"')).to_be_visible()
        expect(desk.get_by_text("Waiting for its turn")).to_have_count(0, timeout=30_000)
        assert HedgehogFabric.objects.get(name="east").resources.get(name="leaf-2").spec == {"note": "old"}
        look(desk, "fabrics-dry-run")

    def choose(self, page, action, *names):
        page.goto(LIST)
        for name in names:
            page.get_by_role("row").filter(has=page.get_by_role("link", name=name, exact=True)).get_by_role(
                "checkbox"
            ).check()
        page.locator("select[name=action]").select_option(action)
        page.get_by_role("button", name="Run").click()


class TestAFabric:
    @pytest.mark.parametrize(("scheme", "viewport"), [("light", DESK), ("dark", PHONE)])
    def test_says_what_there_is_what_changed_and_why_it_is_not_syncing(self, desk, east, look, scheme, viewport):
        FabricFinding.objects.create(
            fabric=east, severity="warning", code="a.b", kind="Switch", name="spine", message="No leaf is connected."
        )
        page = desk
        page.emulate_media(color_scheme=scheme)
        page.set_viewport_size(viewport)
        page.goto(address(east))
        why = page.get_by_role("region", name="Why is it not syncing?")
        expect(why).to_contain_text("It is not due until")
        expect(page.get_by_role("link", name="Switch 3")).to_be_visible()
        expect(page.get_by_role("link", name="No leaf is connected.")).to_be_visible()
        page.get_by_text("0 created, 1 updated, 0 deleted").click()
        expect(page.get_by_text('spec.note: "old" → "new"')).to_be_visible()
        expect(page.get_by_role("button", name="Save", exact=True)).to_be_hidden()
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
        look(page, f"fabric-{scheme}")

    def test_that_fails_says_what_helps(self, desk, fleet, check_accessible):
        desk.goto(address(HedgehogFabric.objects.get(name="failing")))
        expect(desk.get_by_role("alert")).to_contain_text("Enter a new token in the repository.")
        expect(desk.get_by_text(re.compile("failed 4 times in a row and backs off"))).to_be_visible()
        check_accessible(desk)
        desk.get_by_role("button", name="Clear back-off").click()
        expect(desk.get_by_text("Back-off cleared for 1 fabric.")).to_be_visible()
        assert HedgehogFabric.objects.get(name="failing").retry_at is None

    def test_shows_how_far_a_sync_is_and_what_came_of_it(self, desk, east, remote, check_accessible):
        token = uuid4()
        claims.begin(east.pk, timezone.now(), token, "worker-1")
        Teller(token)("receiving", 20, 30)
        desk.goto(address(east))
        expect(desk.get_by_role("progressbar")).to_have_attribute("value", "20")
        check_accessible(desk)
        Teller(token)("receiving", 30, 30)
        expect(desk.get_by_role("progressbar")).to_have_attribute("value", "30")
        claims.release([east.pk], token)
        expect(desk.get_by_role("progressbar")).to_have_count(0)
        expect(desk.get_by_role("region", name="Why is it not syncing?")).to_be_visible()

    def test_is_synced_on_demand_and_cancelled(self, desk, east, sent):
        desk.goto(address(east))
        desk.get_by_role("button", name="Sync now").click()
        expect(desk.get_by_text("1 fabric queued for a sync.")).to_be_visible()
        assert sent == [east.pk]
        desk.get_by_role("button", name="Cancel sync").click()
        expect(desk.get_by_text("The sync of 1 fabric cancelled.")).to_be_visible()
        assert "Cancelled by boss" in SyncRun.objects.get(status="cancelled").error_message

    def test_shows_a_held_change_with_its_diff_and_approves_it(self, desk, east, remote, sent, look):
        HedgehogFabric.objects.update(budget_changes=0)
        remote.commit({"fabrics/east/spine.yaml": document("spine", note="moved")})
        run_sync(east.pk, worker="worker-1")
        desk.goto(address(east))
        held = desk.get_by_role("region", name="Held change")
        expect(held).to_contain_text('spec.note: "old" → "moved"')
        look(desk, "fabric-held")
        held.get_by_role("button", name="Approve this commit").click()
        expect(desk).to_have_url(re.compile(re.escape(address(east))))
        assert HeldChange.objects.get().decision == "approved"
        assert sent == [east.pk]


def test_an_operator_sets_switch_and_interval_and_nothing_else(open_page, sign_in, operator, east, check_accessible):
    page = sign_in(open_page(), operator)
    page.goto(f"{address(east)}#settings")
    for name in ("name", "git_repository", "gitops_directory", "budget_by_kind"):
        expect(page.locator(f"[name={name}]")).to_have_count(0)
    expect(page.get_by_role("button", name="Test connection")).to_have_count(0)
    check_accessible(page)
    page.get_by_label("Sync interval").fill("900")
    page.get_by_role("button", name="Save and continue editing").click()
    expect(page.get_by_text("was changed successfully")).to_be_visible()
    page.get_by_role("link", name="Overview").click()
    page.get_by_role("button", name="Disable sync").click()
    expect(page.get_by_text("Sync disabled for 1 fabric.")).to_be_visible()
    expect(page.get_by_role("region", name="Why is it not syncing?")).to_contain_text("Its sync is disabled.")
    stored = HedgehogFabric.objects.get(pk=east.pk)
    assert (stored.sync_interval, stored.sync_enabled, stored.gitops_directory) == (900, False, "/fabrics/east")


class TestTheForm:
    def test_a_new_fabric_is_entered_with_a_source_that_is_tested_on_the_way(self, desk, east, look):
        desk.goto(f"{LIST}add/")
        desk.locator("#id_name").fill("west")
        desk.get_by_role("combobox", name="Git repository").click()
        desk.locator(".select2-search__field").fill("cor")
        desk.get_by_role("option", name="core").click()
        directory = desk.get_by_label("GitOps directory")
        directory.fill("/fabrics/eats")
        desk.keyboard.press("Tab")
        report = desk.locator("#source-report")
        expect(report).to_contain_text("/fabrics has east.")
        expect(report).to_contain_text("It can be saved all the same")
        look(desk, "fabric-form")
        directory.fill("/fabrics/east")
        desk.get_by_role("button", name="Test connection").click()
        expect(report).to_contain_text("/fabrics/east has 3 manifests.")
        desk.get_by_role("button", name="Save", exact=True).click()
        expect(desk.get_by_text("was added successfully")).to_be_visible()
        assert HedgehogFabric.objects.get(name="west").gitops_directory == "/fabrics/east"

    def test_the_settings_are_a_tab_that_the_address_remembers(self, desk, east, check_accessible):
        desk.goto(address(east))
        desk.get_by_role("link", name="Settings").focus()
        desk.keyboard.press("Enter")
        expect(desk.get_by_label("Sync interval")).to_be_visible()
        check_accessible(desk)
        desk.reload()
        desk.get_by_label("Sync interval").fill("120")
        desk.get_by_role("button", name="Save and continue editing").click()
        expect(desk.get_by_text("was changed successfully")).to_be_visible()
        expect(desk.get_by_label("Sync interval")).to_have_value("120")

    def test_a_value_that_is_refused_is_shown_where_it_was_entered(self, desk, east, check_accessible):
        desk.goto(f"{address(east)}#settings")
        desk.get_by_label("Sync interval").fill("999999999")
        desk.get_by_role("button", name="Save", exact=True).click()
        expect(desk.get_by_text("which are 10 years")).to_be_visible()
        expect(desk.get_by_label("Sync interval")).to_have_value("999999999")
        check_accessible(desk)
