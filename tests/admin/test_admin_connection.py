from __future__ import annotations

import asyncssh
import pytest
from django.contrib.admin.models import LogEntry
from django.urls import reverse
from model_bakery import baker

from netbox_hedgehog.models import GitRepository
from tests.support.remote import document
from tests.support.ssh_server import SshServer, private_text

pytestmark = pytest.mark.django_db


@pytest.fixture
def reachable(remote):
    remote.commit({"east/a.yaml": document("a")})
    return baker.make_recipe("tests.repository", url=remote.url)


def address(repository, button="test"):
    return reverse(f"admin:netbox_hedgehog_gitrepository_{button}", args=[repository.pk])


def test_the_page_has_the_button_for_who_may_change_it_only(boss, viewer, reachable):
    page = reverse("admin:netbox_hedgehog_gitrepository_change", args=[reachable.pk])
    assert "Test connection" in boss.get(page).content.decode()
    assert "Test connection" not in viewer.get(page).content.decode()


def test_it_shows_the_head_and_the_manifests(boss, reachable, remote):
    shown = boss.post(address(reachable)).content.decode()
    assert "main is at commit" in shown
    assert "/: 1 manifest" in shown


def test_it_shows_what_went_wrong_and_what_to_do(boss, reachable):
    GitRepository.objects.update(branch="gone")
    shown = boss.post(address(reachable)).content.decode()
    assert "git.ref_not_found" in shown
    assert "Correct the branch" in shown


@pytest.mark.parametrize("button", ["test", "trust"])
def test_a_link_alone_connects_to_nothing(boss, reachable, remote, button):
    assert boss.get(address(reachable, button)).status_code == 405
    assert remote.server.requests == 0


@pytest.mark.parametrize("button", ["test", "trust"])
def test_who_may_only_look_may_not(viewer, client, reachable, remote, button):
    assert viewer.post(address(reachable, button)).status_code == 403
    assert client.post(address(reachable, button)).status_code == 302  # to the login
    assert remote.server.requests == 0


class TestTrust:
    @pytest.fixture
    def ssh(self, reachable, remote):
        key = asyncssh.generate_private_key("ssh-ed25519")
        with SshServer(remote.server.root, authorized=[key]) as running:
            reachable.url, reachable.ssh_private_key = running.url("fabrics.git"), private_text(key)
            reachable.save()
            yield running

    def test_is_offered_for_the_key_that_was_shown_and_logged(self, boss, reachable, ssh):
        offer = boss.post(address(reachable)).context["signed_host_key"]
        assert boss.post(address(reachable, "trust"), {"host_key": offer}).status_code == 302
        reachable.refresh_from_db()
        assert reachable.ssh_known_hosts.split()[:3] == ssh.known_hosts.split()[:3]
        assert "Trusted the host key" in LogEntry.objects.get().get_change_message()
        assert "main is at commit" in boss.post(address(reachable)).content.decode()

    @pytest.mark.parametrize("offer", ["", "host ssh-ed25519 AAAA", "W10:1wXyz:abc"])
    def test_is_not_given_to_a_key_that_nobody_was_shown(self, boss, reachable, ssh, offer):
        assert boss.post(address(reachable, "trust"), {"host_key": offer}).status_code == 403
        reachable.refresh_from_db()
        assert reachable.ssh_known_hosts == ""

    def test_of_one_repository_is_none_for_another(self, boss, reachable, ssh):
        offer = boss.post(address(reachable)).context["signed_host_key"]
        other = baker.make_recipe("tests.repository")
        assert boss.post(address(other, "trust"), {"host_key": offer}).status_code == 403

    def test_needs_something_to_trust(self, boss, reachable):
        offer = boss.post(address(reachable)).context["signed_host_key"]
        assert boss.post(address(reachable, "trust"), {"host_key": offer}).status_code == 403
