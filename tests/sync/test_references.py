from __future__ import annotations

import os
from pathlib import Path

import asyncssh
import pytest

from netbox_hedgehog.errors import NeedsOperator
from netbox_hedgehog.git import Anonymous, SshKey, UserPassword, remote_head
from netbox_hedgehog.models import GitRepository
from netbox_hedgehog.sync.references import check_reference, read_reference
from netbox_hedgehog.sync.source import credential_of, proxy_of, source_of
from tests.support.remote import document
from tests.support.ssh_server import SshServer, private_text


@pytest.fixture
def directory(tmp_path, settings) -> Path:
    path = tmp_path / "credentials"
    (path / "team").mkdir(parents=True)
    (path / "core").write_text("of the file\n")
    (path / "team" / "core.key").write_text("of the team")
    (tmp_path / "outside").write_text("stolen")
    settings.HEDGEHOG_CREDENTIALS_DIR = str(path)
    settings.DATA_DIR = tmp_path / "data"
    return path


def refused(reference: str) -> NeedsOperator:
    with pytest.raises(NeedsOperator) as raised:
        read_reference(reference)
    return raised.value


class TestAVariable:
    def test_is_read_anew_each_time(self, monkeypatch):
        for value in ("one", "two with spaces "):
            monkeypatch.setenv("HEDGEHOG_CREDENTIAL_CORE", value)
            assert read_reference("env:HEDGEHOG_CREDENTIAL_CORE") == value

    @pytest.mark.parametrize("value", [None, "", " \n"])
    def test_that_is_not_set_is_named(self, monkeypatch, value):
        monkeypatch.delenv("HEDGEHOG_CREDENTIAL_CORE", raising=False)
        if value is not None:
            monkeypatch.setenv("HEDGEHOG_CREDENTIAL_CORE", value)
        error = refused("env:HEDGEHOG_CREDENTIAL_CORE")
        assert error.code == "secret.reference_missing"
        assert "env:HEDGEHOG_CREDENTIAL_CORE" in error.message

    @pytest.mark.parametrize(
        "reference",
        [
            "env:SECRET_KEY",
            "env:HEDGEHOG_ENCRYPTION_KEY",
            "env:DATABASE_URL",
            "env:HEDGEHOG_CREDENTIALS_DIR",
            "env:HEDGEHOG_CREDENTIAL_",
            "env:HEDGEHOG_CREDENTIAL_A\nSECRET_KEY",
            "env:hedgehog_credential_a",
            "ENV:HEDGEHOG_CREDENTIAL_A",
            "HEDGEHOG_CREDENTIAL_A",
            "cmd:id",
            "",
        ],
    )
    def test_that_was_not_set_aside_for_this_is_out_of_reach(self, monkeypatch, reference):
        for name in ("SECRET_KEY", "HEDGEHOG_ENCRYPTION_KEY", "DATABASE_URL"):
            monkeypatch.setenv(name, "the machine's own")
        assert refused(reference).code == "secret.reference_invalid"


class TestAFile:
    def test_is_read_without_the_end_of_its_last_line(self, directory):
        assert read_reference("file:core") == "of the file"
        assert read_reference("file:team/core.key") == "of the team"

    @pytest.mark.parametrize(
        "reference",
        [
            "file:../outside",
            "file:team/../../outside",
            "file:/etc/passwd",
            "file:.hidden",
            "file:team/.hidden",
            "file:team//core.key",
            "file:core\n",
            "file:",
            "file:~/x",
        ],
    )
    def test_is_named_by_a_path_below_the_directory(self, directory, reference):
        assert refused(reference).code == "secret.reference_invalid"

    def test_that_a_link_leads_out_to_is_not_read(self, directory):
        (directory / "link").symlink_to(directory.parent / "outside")
        (directory / "folder").symlink_to(directory.parent)
        for reference in ("file:link", "file:folder/outside"):
            error = refused(reference)
            assert error.code == "secret.reference_missing"
            assert "leads out" in error.message
            assert "stolen" not in str(error)

    def test_may_be_a_link_within_the_directory_as_kubernetes_mounts_them(self, directory):
        (directory / "..2026").mkdir()
        (directory / "..2026" / "token").write_text("mounted")
        (directory / "..data").symlink_to("..2026")
        (directory / "token").symlink_to("..data/token")
        assert read_reference("file:token") == "mounted"

    def test_that_cannot_be_used_is_named_with_the_reason(self, directory):
        os.mkfifo(directory / "pipe")
        (directory / "binary").write_bytes(b"\xff\xfe")
        (directory / "large").write_bytes(b"x" * (64 * 1024 + 1))
        (directory / "empty").touch()
        for name in ("gone", "pipe", "binary", "large", "empty", "team"):
            error = refused(f"file:{name}")
            assert error.code == "secret.reference_missing"
            assert f"file:{name}" in error.message
            assert error.remedy

    def test_of_the_installation_itself_is_not_read_wherever_it_lies(self, directory, settings, monkeypatch):
        """As /run/secrets, which holds the secret key beside everything else."""
        (directory / "django").write_text("the secret key")
        (directory / "link").symlink_to("django")
        assert read_reference("file:django") == "the secret key"
        monkeypatch.setenv("SECRET_KEY_FILE", str(directory / "link"))
        settings.DATA_DIR = directory / "team"
        for name in ("django", "link", "team/core.key"):
            error = refused(f"file:{name}")
            assert "this installation itself" in error.message
            assert "secret key" not in str(error)

    def test_needs_a_directory_that_was_set_up(self, settings):
        settings.HEDGEHOG_CREDENTIALS_DIR = ""
        with pytest.raises(NeedsOperator, match="not set up") as raised:
            check_reference("file:core")
        assert raised.value.code == "secret.reference_invalid"


class TestARepository:
    def test_uses_what_its_reference_leads_to_instead_of_what_is_stored(self, directory, monkeypatch):
        monkeypatch.setenv("HEDGEHOG_CREDENTIAL_CORE", "of the variable")
        by_variable = GitRepository(
            username="robot", password="stored", password_reference="env:HEDGEHOG_CREDENTIAL_CORE"
        )
        assert credential_of(by_variable) == UserPassword("robot", "of the variable")
        by_file = GitRepository(
            ssh_private_key_reference="file:team/core.key", ssh_key_passphrase_reference="file:core"
        )
        assert credential_of(by_file) == SshKey("git", "of the team", "of the file")
        proxied = GitRepository(proxy_url="http://proxy", proxy_password_reference="file:core")
        assert proxy_of(proxied).password == "of the file"
        assert credential_of(proxied) == Anonymous()

    @pytest.mark.django_db
    def test_whose_reference_leads_nowhere_contacts_nobody(self, remote):
        remote.commit({"a.yaml": document("a")})
        fabric = remote.fabric(git_repository__password_reference="env:HEDGEHOG_CREDENTIAL_GONE")
        with pytest.raises(NeedsOperator) as raised:
            source_of(fabric)
        assert raised.value.code == "secret.reference_missing"
        assert remote.server.requests == 0

    @pytest.mark.django_db
    def test_signs_in_with_a_key_from_a_file(self, remote, directory):
        commit = remote.commit({"a.yaml": document("a")})
        key = asyncssh.generate_private_key("ssh-ed25519")
        (directory / "deploy").write_text(private_text(key))
        with SshServer(remote.server.root, authorized=[key]) as ssh:
            fabric = remote.fabric(
                git_repository__url=ssh.url("fabrics.git"),
                git_repository__ssh_known_hosts=ssh.known_hosts,
                git_repository__ssh_private_key_reference="file:deploy",
            )
            assert remote_head(source_of(fabric)) == commit
