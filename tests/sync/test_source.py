from __future__ import annotations

from pathlib import Path

import pytest
from model_bakery import baker

from netbox_hedgehog.errors import NeedsOperator
from netbox_hedgehog.git import Anonymous, Proxy, SshKey, UserPassword
from netbox_hedgehog.models import GitRepository
from netbox_hedgehog.sync.source import (
    credential_of,
    git_limits,
    manifest_limits,
    mirror_root,
    proxy_of,
    source_of,
    url_policy,
)


def test_without_credentials_it_is_anonymous():
    assert credential_of(GitRepository()) == Anonymous()


def test_a_password_is_revealed_to_the_git_engine_alone():
    credential = credential_of(GitRepository(username="robot", password="hunter2"))
    assert credential == UserPassword(username="robot", password="hunter2")
    assert "hunter2" not in repr(credential)


@pytest.mark.parametrize(("username", "used"), [("", "git"), ("deploy", "deploy")])
def test_a_key_wins_over_a_password_and_its_user_is_git_unless_named(username, used):
    credential = credential_of(
        GitRepository(
            username=username,
            password="hunter2",
            ssh_private_key="KEY",
            ssh_key_passphrase="PASS",
        )
    )
    assert credential == SshKey(username=used, private_key="KEY", passphrase="PASS")


def test_the_settings_decide_what_may_be_reached_and_how_much_of_it(settings):
    settings.HEDGEHOG_GIT_SCHEMES = ("https", "file")
    settings.HEDGEHOG_GIT_ALLOW_PRIVATE = False
    settings.HEDGEHOG_GIT_TIMEOUT_SECONDS = 7
    settings.HEDGEHOG_GIT_MAX_FILE_BYTES = 2048
    settings.HEDGEHOG_GIT_ALLOWED_HOSTS = (".example.com",)
    settings.HEDGEHOG_GIT_DENIED_HOSTS = ("old.example.com",)
    settings.HEDGEHOG_DEMO_ROOT = ""
    assert (url_policy().allowed_hosts, url_policy().denied_hosts) == ((".example.com",), ("old.example.com",))
    assert (url_policy().schemes, url_policy().allow_private) == ({"https"}, False)
    assert (git_limits().timeout_seconds, git_limits().max_file_bytes) == (7, 2048)
    assert manifest_limits().max_file_bytes == 2048


def test_files_are_read_below_the_demos_directory_only_and_only_there_is_one(settings, tmp_path):
    settings.HEDGEHOG_DEMO_ROOT = str(tmp_path)
    policy = url_policy()
    assert "file" in policy.schemes
    assert policy.file_root == tmp_path


def test_mirrors_lie_in_the_data_directory(settings, tmp_path):
    settings.DATA_DIR = tmp_path
    assert mirror_root() == Path(tmp_path) / "mirrors"


@pytest.mark.django_db
@pytest.mark.parametrize("fields", [{"git_repository": None}, {"git_repository__url": ""}])
def test_a_fabric_without_a_source_says_what_to_do(fields):
    with pytest.raises(NeedsOperator, match="has no Git repository") as raised:
        source_of(baker.make_recipe("tests.due_fabric", **fields))
    assert raised.value.code == "sync.no_source"
    assert raised.value.remedy


@pytest.mark.django_db
def test_what_is_fetched_is_what_the_rows_say(remote):
    fabric = remote.fabric(
        git_repository__branch="v1.0", git_repository__ca_certificates="PEM", git_repository__ssh_known_hosts="host"
    )
    source = source_of(fabric)
    assert (source.authorities, source.known_hosts, source.proxy) == ("PEM", "host", None)
    assert not source.allow_rsa_keys
    assert (source.url, source.ref, source.credential) == (remote.url, "v1.0", Anonymous())


def test_a_proxys_password_is_revealed_to_the_git_engine_alone():
    repository = GitRepository(proxy_url="http://proxy:3128", proxy_username="robot", proxy_password="hunter2")
    assert proxy_of(repository) == Proxy(url="http://proxy:3128", username="robot", password="hunter2")
    assert proxy_of(GitRepository(proxy_password="hunter2")) is None
