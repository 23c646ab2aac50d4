from __future__ import annotations

import json

import asyncssh
import pytest
from model_bakery import baker

from netbox_hedgehog.models import GitRepository, HedgehogFabric, SyncRun
from netbox_hedgehog.sync.probe import check_connection, trust_host_key
from tests.support.remote import document
from tests.support.ssh_server import SshServer, private_text

pytestmark = pytest.mark.django_db


@pytest.fixture
def commit(remote):
    return remote.commit({"east/a.yaml": document("a"), "east/deep/b.yml": document("b"), "west/c.json": "{}"})


def repository_at(remote, **fields) -> GitRepository:
    return baker.make_recipe("tests.repository", **{"url": remote.url} | fields)


def test_it_finds_the_head_and_counts_the_manifests_of_each_fabrics_directory(remote, commit):
    repository = repository_at(remote)
    for directory in ("/east", "/west", "/east"):
        remote.fabric(directory, git_repository=repository)
    report = check_connection(repository)
    assert (report.commit, report.failures, report.ref) == (commit, [], "main")
    assert [(each.directory, each.manifests) for each in report.directories] == [("/east", 2), ("/west", 1)]


def test_without_a_fabric_it_counts_in_the_root(remote, commit):
    assert [(each.directory, each.manifests) for each in check_connection(repository_at(remote)).directories] == [
        ("/", 3)
    ]


def test_another_ref_and_directory_can_be_asked_for(remote, commit):
    remote.commit({"east/d.yaml": document("d")})
    (found,) = (report := check_connection(repository_at(remote), ref=commit, directories=["east/deep"])).directories
    assert (report.ref, report.commit, found.manifests) == (commit, commit, 1)


def test_it_records_and_changes_nothing(remote, commit):
    fabric = remote.fabric("/east")
    before = HedgehogFabric.objects.values().get()
    check_connection(fabric.git_repository)
    assert HedgehogFabric.objects.values().get() == before
    assert not SyncRun.objects.exists()


def test_it_looks_anew_each_time(remote, commit):
    repository = repository_at(remote)
    check_connection(repository)
    newer = remote.commit({"east/e.yaml": document("e")})
    assert check_connection(repository).commit == newer


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"branch": "gone"}, "git.ref_not_found"),
        ({"url": "ftp://git.example.com/x"}, "git.url_refused"),
        ({"url": "https://no-such-host.invalid/x"}, "git.dns"),
        ({"url": "https://127.0.0.1:1/x"}, "git.refused"),
    ],
    ids=["ref", "scheme", "name", "port"],
)
def test_what_would_fail_a_sync_is_reported_and_not_raised(remote, commit, fields, code):
    report = check_connection(repository_at(remote, **fields))
    (error,) = report.failures
    assert error.code == code
    assert error.remedy
    assert not report.commit


def test_a_directory_that_is_missing_does_not_hide_the_others(remote, commit):
    report = check_connection(repository_at(remote), directories=["/gone", "/east"])
    assert [error.code for error in report.failures] == ["git.directory_not_found"]
    assert [each.manifests for each in report.directories] == [0, 2]


def test_the_report_is_json_without_any_secret(remote, commit):
    repository = repository_at(remote, username="robot", password="hunter2", url="https://no-such-host.invalid/x")
    text = json.dumps(check_connection(repository).as_json())
    assert "hunter2" not in text
    assert json.loads(text)["error"]["code"] == "git.dns"


class TestAnUnknownSshServer:
    KEY = asyncssh.generate_private_key("ssh-ed25519")

    @pytest.fixture
    def ssh(self, remote, commit):
        with SshServer(remote.server.root, authorized=[self.KEY]) as running:
            yield running

    @pytest.fixture
    def repository(self, remote, ssh):
        return repository_at(remote, url=ssh.url("fabrics.git"), ssh_private_key=private_text(self.KEY))

    def test_shows_the_line_that_would_vouch_for_it_and_learns_nothing(self, ssh, repository):
        report = check_connection(repository)
        assert report.error.code == "git.host_key"
        assert report.host_key.split()[:3] == ssh.known_hosts.split()[:3]
        assert ssh.logins == 0

    def test_is_trusted_only_on_request_and_then_by_the_key_that_was_seen(self, repository):
        line = check_connection(repository).host_key
        repository.refresh_from_db()
        assert repository.ssh_known_hosts == ""
        assert trust_host_key(repository, line)
        repository.refresh_from_db()
        assert (repository.ssh_known_hosts, check_connection(repository).failures) == (line, [])

    def test_joins_the_hosts_that_are_known_already(self, repository):
        other = "other.example.com ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIBlxusormkANqXBwsFKoHHW3i2POzDZIGR40pbGOf3jD"
        GitRepository.objects.update(ssh_known_hosts=other)
        repository.refresh_from_db()
        line = check_connection(repository).host_key
        assert trust_host_key(repository, line)
        repository.refresh_from_db()
        assert repository.ssh_known_hosts == f"{other}\n{line}"

    def test_is_not_trusted_over_an_edit_that_came_meanwhile(self, repository):
        GitRepository.objects.update(ssh_known_hosts="edited")
        assert not trust_host_key(repository, "a line\n")
        assert GitRepository.objects.get(pk=repository.pk).ssh_known_hosts == "edited"

    def test_whose_key_changed_is_offered_no_trust(self, ssh, repository):
        other = asyncssh.generate_private_key("ssh-ed25519").export_public_key().decode()
        repository.ssh_known_hosts = f"[127.0.0.1]:{ssh.port} {other}"
        report = check_connection(repository)
        assert (report.error.code, report.host_key) == ("git.host_key_changed", "")
