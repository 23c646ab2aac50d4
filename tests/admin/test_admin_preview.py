from __future__ import annotations

import pytest
from django.urls import reverse

from netbox_hedgehog.models import HedgehogFabric, SyncRun
from netbox_hedgehog.sync.run import run_sync
from tests.support.remote import document

pytestmark = pytest.mark.django_db


@pytest.fixture
def followed(remote):
    remote.commit({"a.yaml": document("leaf", note="old")})
    return remote.fabric(name="east")


def address(fabric: HedgehogFabric) -> str:
    return reverse("admin:netbox_hedgehog_hedgehogfabric_preview", args=[fabric.pk])


def test_the_page_has_the_button_for_who_may_change_it_only(boss, viewer, followed):
    page = reverse("admin:netbox_hedgehog_hedgehogfabric_change", args=[followed.pk])
    assert address(followed) in boss.get(page).content.decode()
    assert address(followed) not in viewer.get(page).content.decode()


def test_it_shows_what_a_sync_would_change_and_changes_nothing(boss, followed):
    shown = boss.post(address(followed)).content.decode()
    assert "1 created, 0 updated, 0 deleted, 0 unchanged" in shown
    assert "+ Switch default/leaf  (a.yaml:2)" in shown
    assert (followed.resources.count(), SyncRun.objects.count()) == (0, 0)


def test_values_of_the_repository_are_escaped(boss, followed, remote):
    run_sync(followed.pk, worker="test")
    remote.commit({"a.yaml": document("leaf", note="<script>")})
    shown = boss.post(address(followed)).content.decode()
    assert "&lt;script&gt;" in shown
    assert "<script>" not in shown.partition("spec.note")[2].partition("</pre>")[0]


def test_it_says_that_a_change_would_be_held(boss, followed, remote):
    run_sync(followed.pk, worker="test")
    HedgehogFabric.objects.update(budget_changes=0)
    remote.commit({"a.yaml": document("leaf", note="new")})
    shown = boss.post(address(followed)).content.decode()
    assert "It would be held for approval." in shown
    assert "change or delete 1 of 1 resources" in shown


def test_it_shows_what_went_wrong_and_what_to_do(boss, followed, remote):
    remote.commit({"a.yaml": "kind: [unclosed"})
    shown = boss.post(address(followed)).content.decode()
    assert "manifest.invalid" in shown
    assert "a.yaml:" in shown


def test_a_link_alone_connects_to_nothing(boss, followed, remote):
    assert boss.get(address(followed)).status_code == 405
    assert remote.server.requests == 0


def test_who_may_only_look_may_not(viewer, client, followed, remote):
    assert viewer.post(address(followed)).status_code == 403
    assert client.post(address(followed)).status_code == 302  # to the login
    assert remote.server.requests == 0


def test_of_a_fabric_that_is_gone_is_not_found(boss, followed):
    there = address(followed)
    followed.delete()
    assert boss.post(there).status_code == 404
