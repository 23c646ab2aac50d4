"""Who may do what: the roles, who guesses passwords, and what a look at a page may never do."""

from __future__ import annotations

import io
import re
from datetime import timedelta
from importlib import import_module
from types import SimpleNamespace
from typing import Any

import pytest
from axes.models import AccessAttempt
from django.apps import apps
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Group, Permission, User
from django.core.management import call_command
from django.db import connection
from django.db.models import F
from django.test import Client, RequestFactory
from django.urls import URLPattern, URLResolver, get_resolver, reverse
from django_celery_beat.models import IntervalSchedule, PeriodicTask

from netbox_hedgehog.models import FabricFinding, FabricResource, GitRepository, HedgehogFabric, HeldChange, SyncRun
from netbox_hedgehog.web.sign_in import client_address

pytestmark = pytest.mark.django_db

roles = import_module("netbox_hedgehog.migrations.0013_roles")
HERE = SimpleNamespace(connection=connection)
PASSWORD = "correct horse battery staple"


@pytest.fixture
def _roles() -> None:
    """Made anew, since transactional tests empty the tables that the migration filled."""
    roles.make(apps, HERE)


def signed_in(role: str) -> Client:
    user = User.objects.create_user(role.lower(), is_staff=True)
    user.groups.add(Group.objects.get(name=role))
    client = Client()
    client.force_login(user)
    return client


@pytest.mark.usefixtures("_roles")
class TestRoles:
    def test_each_may_what_the_one_before_may_and_more(self):
        viewer, operator, administrator = (
            set(Group.objects.get(name=role).permissions.values_list("codename", flat=True))
            for role in ("Viewer", "Operator", "Administrator")
        )
        assert viewer < operator < administrator
        assert {name.partition("_")[0] for name in viewer} == {"view"}
        assert operator - viewer == {"sync_hedgehogfabric", "change_heldchange"}

    def test_nobody_but_a_superuser_manages_users(self):
        for role in roles.ROLES:
            client = signed_in(role)
            for page in ("auth_user_changelist", "auth_group_changelist", "auth_user_add"):
                assert client.get(reverse(f"admin:{page}")).status_code == 403

    @pytest.mark.parametrize("role", ["Viewer", "Operator"])
    @pytest.mark.parametrize("model", ["gitrepository", "schemasource"])
    def test_repositories_are_the_administrators(self, role, model, repository):
        client = signed_in(role)
        assert client.get(reverse(f"admin:netbox_hedgehog_{model}_changelist")).status_code == 200
        assert client.get(reverse(f"admin:netbox_hedgehog_{model}_add")).status_code == 403
        assert client.post(reverse(f"admin:netbox_hedgehog_{model}_add"), {"name": "x"}).status_code == 403
        address = reverse("admin:netbox_hedgehog_gitrepository_change", args=[repository.pk])
        assert client.post(address, {"name": "stolen"}).status_code == 403
        assert GitRepository.objects.get().name == repository.name
        assert signed_in("Administrator").get(reverse(f"admin:netbox_hedgehog_{model}_add")).status_code == 200

    @pytest.mark.parametrize("role", ["Viewer", "Operator"])
    def test_the_schedule_is_the_administrators(self, role):
        interval = IntervalSchedule.objects.create(every=7, period="hours")
        task = PeriodicTask.objects.create(name="a task", task="x", interval=interval)
        client = signed_in(role)
        for action in ("enable_tasks", "disable_tasks", "run_tasks"):
            form = {"action": action, "_selected_action": [task.pk]}
            client.post(reverse("admin:django_celery_beat_periodictask_changelist"), form)
        assert (
            client.post(reverse("admin:django_celery_beat_intervalschedule_delete", args=[interval.pk])).status_code
            == 403
        )
        task.refresh_from_db()
        assert (task.enabled, LogEntry.objects.count()) == (True, 0)

    def test_a_permission_has_the_name_that_django_gives_it(self):
        before = dict(Permission.objects.values_list("codename", "name"))
        Permission.objects.all().delete()
        Group.objects.all().delete()
        roles.make(apps, HERE)
        assert {name: before[name] for name in Permission.objects.values_list("codename", flat=True)} == dict(
            Permission.objects.values_list("codename", "name")
        )


class TestTheMigration:
    def test_leaves_a_group_that_exists_alone(self):
        mine = Group.objects.get_or_create(name="Operator")[0]
        mine.permissions.set([])
        roles.make(apps, HERE)
        roles.make(apps, HERE)
        assert mine.permissions.count() == 0

    def test_takes_back_what_it_made_and_nothing_else(self):
        Group.objects.all().delete()
        roles.make(apps, HERE)
        Group.objects.get(name="Operator").permissions.add(Permission.objects.get(codename="add_user"))
        User.objects.create_user("someone").groups.add(Group.objects.get(name="Viewer"))
        roles.unmake(apps, HERE)
        assert set(Group.objects.values_list("name", flat=True)) == {"Operator", "Viewer"}


class TestSignIn:
    @pytest.fixture(autouse=True)
    def _user(self) -> None:
        User.objects.create_superuser("boss", password=PASSWORD)

    @staticmethod
    def sign_in(name: str = "boss", password: str = PASSWORD, address: str = "192.0.2.1") -> Any:
        return Client().post(
            "/admin/login/?next=/admin/", {"username": name, "password": password}, REMOTE_ADDR=address
        )

    def lock(self, name: str = "boss", **more: str) -> Any:
        return [self.sign_in(name, "wrong", **more) for _ in range(10)][-1]

    @pytest.mark.parametrize("name", ["boss", "nobody"])
    def test_who_guesses_has_to_wait_and_is_told_for_how_long_whether_the_user_exists_or_not(self, name):
        answer = self.lock(name)
        assert answer.status_code == 429
        assert "Wait 15 minutes" in answer.content.decode()
        assert self.sign_in(name).status_code == 429

    def test_nine_wrong_ones_and_a_right_one_start_anew(self):
        for _ in range(2):
            for _ in range(9):
                assert self.sign_in(password="wrong").status_code == 200
            assert self.sign_in().status_code == 302

    def test_nobody_locks_out_who_comes_from_elsewhere_nor_others_at_the_same_address(self):
        User.objects.create_superuser("other", password=PASSWORD)
        self.lock()
        assert self.sign_in(address="192.0.2.2").status_code == 302
        assert self.sign_in("other").status_code == 302

    def test_the_wait_ends(self):
        self.lock()
        AccessAttempt.objects.update(attempt_time=F("attempt_time") - timedelta(minutes=16))
        assert self.sign_in().status_code == 302

    def test_an_administrator_can_end_it(self):
        self.lock()
        call_command("axes_reset", stdout=io.StringIO())
        assert self.sign_in().status_code == 302

    def test_no_password_is_stored_or_logged(self, operator_log):
        self.sign_in(password="typed-into-the-form")
        self.lock()
        assert "typed-into-the-form" not in operator_log.getvalue()
        assert "typed-into-the-form" not in str(list(AccessAttempt.objects.values()))

    @pytest.mark.parametrize(
        ("trusts", "forwarded", "address"),
        [
            (False, "198.51.100.7", "192.0.2.1"),
            (True, "198.51.100.7", "198.51.100.7"),
            (True, "made-up, 203.0.113.9", "203.0.113.9"),
            (True, "", "192.0.2.1"),
        ],
    )
    def test_the_address_is_the_peers_or_what_a_trusted_proxy_saw(self, settings, trusts, forwarded, address):
        settings.TRUST_PROXY = trusts
        headers = {"X-Forwarded-For": forwarded} if forwarded else {}
        assert client_address(RequestFactory().get("/", headers=headers, REMOTE_ADDR="192.0.2.1")) == address


class TestLooking:
    """Nothing changes state on GET."""

    def test_no_page_changes_anything(self, boss, fabric):
        FabricResource.objects.create(fabric=fabric, api_version="v1", kind="Switch", namespace="default", name="a")
        FabricFinding.objects.create(fabric=fabric, severity="error", code="a.b", kind="Switch", name="a", message="x")
        record = {"created": [], "updated": [], "deleted": [], "more": {"created": 0, "updated": 0, "deleted": 7}}
        HeldChange.objects.create(
            fabric=fabric, commit="c", record=record, reasons=[], budget={}, held_at="2026-01-01T00:00Z"
        )
        SyncRun.objects.create(fabric=fabric, trigger="manual", status="failed", started_at="2026-01-01T00:00Z")
        boss.get("/admin/")
        before = everything()
        pages = list(addresses(get_resolver().url_patterns, "/"))
        answers = {page: boss.get(page).status_code for page in pages}
        assert [page for page, status in answers.items() if status == 500] == []
        assert len([page for page, status in answers.items() if status == 200]) > 30
        assert everything() == before


def addresses(patterns: list[URLPattern | URLResolver], prefix: str) -> Any:
    """Every address of the site, with the first row's key where one is needed."""
    for pattern in patterns:
        route = prefix + re.sub(r"^\^|\$$|\\Z", "", str(pattern.pattern))
        if isinstance(pattern, URLResolver):
            yield from addresses(pattern.url_patterns, route)
        elif "logout" not in route and "(?P" not in route:
            yield re.sub("<[^>]+>", _key(route), route)


def _key(route: str) -> str:
    named = re.match(r"/admin/(\w+)/(\w+)/", route)
    try:
        model = apps.get_model(*named.groups()) if named else HedgehogFabric
    except LookupError:
        model = HedgehogFabric
    row = model._default_manager.first()
    return str(row.pk) if row else "1"


def everything() -> dict[str, Any]:
    """What all tables hold, sessions aside."""
    with connection.cursor() as cursor:
        tables = [name for name in connection.introspection.table_names(cursor) if name != "django_session"]
        found = {}
        for table in tables:
            cursor.execute(f'SELECT * FROM "{table}"')
            found[table] = sorted(map(repr, cursor.fetchall()))
    return found
