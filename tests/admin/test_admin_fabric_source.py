from __future__ import annotations

import pytest
from django.urls import reverse

from netbox_hedgehog.models import HedgehogFabric
from tests.support.remote import document

ADDRESS = reverse("admin:netbox_hedgehog_hedgehogfabric_check_source")

pytestmark = pytest.mark.django_db


@pytest.fixture
def followed(remote):
    remote.commit({"fabrics/east/a.yaml": document("a"), "fabrics/w<b>est/a.yaml": document("a")})
    return remote.fabric(name="east")


def check(client, fabric, directory, **fields):
    return client.post(ADDRESS, {"git_repository": fabric.git_repository_id, "gitops_directory": directory} | fields)


def test_it_says_what_a_sync_would_find(boss, followed):
    shown = check(boss, followed, "/fabrics/east").content.decode()
    assert "main is at commit" in shown
    assert "/fabrics/east has 1 manifest." in shown


def test_of_an_unknown_directory_it_warns_and_says_what_there_is(boss, followed):
    shown = check(boss, followed, "/fabrics/eats").content.decode()
    assert "/fabrics has east, w&lt;b&gt;est." in shown
    assert "It can be saved all the same" in shown


def test_what_it_warns_of_can_be_saved(boss, followed):
    page = reverse("admin:netbox_hedgehog_hedgehogfabric_change", args=[followed.pk])
    form = {
        "name": "east",
        "status": "active",
        "sync_interval": 60,
        "schema_mode": "off",
        "default_namespace": "default",
    }
    form |= {"git_repository": followed.git_repository_id, "gitops_directory": "/fabrics/eats"}
    assert boss.post(page, form).status_code == 302
    assert HedgehogFabric.objects.get().gitops_directory == "/fabrics/eats"


def test_it_connects_to_what_is_stored_whatever_else_is_sent(boss, followed, remote):
    shown = check(boss, followed, "/fabrics/east", url="http://127.0.0.1:9/", branch="other").content.decode()
    assert "main is at commit" in shown
    assert remote.server.requests > 0


def test_it_changes_nothing(boss, followed):
    before = HedgehogFabric.objects.values().get()
    check(boss, followed, "/elsewhere")
    assert HedgehogFabric.objects.values().get() == before


@pytest.mark.parametrize(
    ("entered", "words"),
    [
        ({"git_repository": ""}, "Choose a repository"),
        ({"git_repository": "999999"}, "Select a valid choice"),
        ({"gitops_directory": "x" * 1001}, "at most 1000"),
    ],
)
def test_without_anything_to_connect_to_it_says_so(boss, followed, remote, entered, words):
    assert words in check(boss, followed, "/", **entered).content.decode()
    assert remote.server.requests == 0


def test_a_link_alone_connects_to_nothing(boss, followed, remote):
    assert boss.get(ADDRESS).status_code == 405
    assert remote.server.requests == 0


def test_who_may_not_enter_a_source_may_not_test_one(viewer, client, followed, remote):
    assert check(viewer, followed, "/").status_code == 403
    assert check(client, followed, "/").status_code == 302  # to the login
    assert remote.server.requests == 0


def test_the_button_is_on_both_forms_for_who_may_press_it(boss, viewer, followed):
    page = reverse("admin:netbox_hedgehog_hedgehogfabric_change", args=[followed.pk])
    assert ADDRESS in boss.get(page).content.decode()
    assert ADDRESS in boss.get("/admin/netbox_hedgehog/hedgehogfabric/add/").content.decode()
    assert ADDRESS not in viewer.get(page).content.decode()


def test_whoever_may_add_but_not_change_is_offered_it_where_it_helps(client, permitted, followed):
    client.force_login(permitted("view_hedgehogfabric", "add_hedgehogfabric", "view_gitrepository"))
    assert ADDRESS in client.get("/admin/netbox_hedgehog/hedgehogfabric/add/").content.decode()
    assert check(client, followed, "/fabrics/east").status_code == 200
