"""What is entered into a repository's form is tried before it is saved, and no secret goes anywhere new."""

from __future__ import annotations

from typing import Any

import pytest
from django.http import HttpResponse
from django.test import Client
from django.urls import reverse
from model_bakery import baker

from netbox_hedgehog.admin import repository_check
from netbox_hedgehog.models import GitRepository
from netbox_hedgehog.sync.probe import ConnectionReport
from tests.support.remote import Remote, document

pytestmark = pytest.mark.django_db

ROUTE = "admin:netbox_hedgehog_gitrepository_check"
NEW = reverse(f"{ROUTE}_new")


@pytest.fixture
def url(remote: Remote) -> str:
    remote.commit({"east/a.yaml": document("a")})
    return remote.url


@pytest.fixture
def stored(url: str) -> GitRepository:
    made: GitRepository = baker.make_recipe("tests.repository", url=url, username="robot", password="hunter2-stored")
    return made


@pytest.fixture
def tried(monkeypatch: pytest.MonkeyPatch) -> list[GitRepository]:
    """What would have been connected to; nothing is."""
    seen: list[GitRepository] = []

    def look(repository: GitRepository, **_options: Any) -> ConnectionReport:
        seen.append(repository)
        return ConnectionReport(ref="main", commit="c" * 40)

    monkeypatch.setattr(repository_check, "check_connection", look)
    return seen


def check(client: Client, repository: GitRepository | None = None, **entered: str) -> HttpResponse:
    address = reverse(ROUTE, args=[repository.pk]) if repository else NEW
    entered = {"branch": "main"} | ({"url": repository.url, "username": "robot"} if repository else {}) | entered
    return client.post(address, entered)  # type: ignore[return-value]


def test_a_new_one_is_tried_without_a_name_and_without_being_stored(boss: Client, url: str) -> None:
    text = check(boss, url=url).content.decode()
    assert "main is at commit" in text
    assert "/ has 1 manifest." in text
    assert not GitRepository.objects.exists()


def test_what_is_wrong_is_said_with_what_helps(boss: Client, url: str) -> None:
    assert "Correct the branch" in check(boss, url=url, branch="gone").content.decode()
    assert "URL" in check(boss, url="ftp://example.com/x").content.decode()


def test_a_secret_that_was_entered_is_used_and_never_shown(
    boss: Client, stored: GitRepository, tried: list[GitRepository]
) -> None:
    text = check(boss, stored, password="hunter2-entered").content.decode()
    assert tried[0].password.reveal() == "hunter2-entered"
    assert "hunter2" not in text + check(boss, stored, url="nonsense", password="hunter2-entered").content.decode()
    stored.refresh_from_db()
    assert stored.password.reveal() == "hunter2-stored"


def test_a_stored_secret_is_tried_where_it_belongs(
    boss: Client, stored: GitRepository, tried: list[GitRepository]
) -> None:
    assert "left out" not in check(boss, stored, branch="other").content.decode()
    assert tried[0].password.reveal() == "hunter2-stored"


@pytest.mark.parametrize(
    "place", [{"url": "https://elsewhere.example.com/x"}, {"proxy_url": "http://proxy.example.com:1"}]
)
def test_a_stored_secret_goes_nowhere_else(
    boss: Client, stored: GitRepository, tried: list[GitRepository], place: dict[str, str]
) -> None:
    GitRepository.objects.update(ssh_key_passphrase_reference="env:HEDGEHOG_CREDENTIAL_X")
    assert "The stored credentials were left out" in check(boss, stored, **place).content.decode()
    assert not tried[0].password
    assert not tried[0].ssh_key_passphrase_reference
    assert "left out" in check(boss, stored, **place, password="anew").content.decode()
    assert tried[1].password.reveal() == "anew"


def test_a_link_alone_connects_to_nothing(boss: Client, stored: GitRepository, remote: Remote) -> None:
    assert boss.get(NEW).status_code == boss.get(reverse(ROUTE, args=[stored.pk])).status_code == 405
    assert remote.server.requests == 0


def test_who_may_not_save_it_may_not_try_it(
    viewer: Client, client: Client, permitted: Any, stored: GitRepository, tried: list[GitRepository]
) -> None:
    assert check(viewer, url=stored.url).status_code == check(viewer, stored).status_code == 403
    assert check(client, url=stored.url).status_code == 302  # to the login
    client.force_login(permitted("add_gitrepository"))
    assert check(client, stored).status_code == 403
    assert tried == []
    assert check(client, url=stored.url).status_code == 200


def test_the_button_is_on_both_forms_for_who_may_press_it(boss: Client, viewer: Client, stored: GitRepository) -> None:
    page = reverse("admin:netbox_hedgehog_gitrepository_change", args=[stored.pk])
    assert reverse(ROUTE, args=[stored.pk]) in boss.get(page).content.decode()
    assert NEW in boss.get(reverse("admin:netbox_hedgehog_gitrepository_add")).content.decode()
    assert "Test what is entered" not in viewer.get(page).content.decode()
