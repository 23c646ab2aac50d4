"""SSH against a real server: whose key is shown to whom, and what each refusal says."""

from __future__ import annotations

import base64
import hmac
import socket
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import asyncssh
import pygit2
import pytest

from netbox_hedgehog.errors import NeedsOperator, RetryLater
from netbox_hedgehog.git import (
    Anonymous,
    Credential,
    GitLimits,
    GitSource,
    Proxy,
    SshKey,
    UserPassword,
    mirror_at,
    remote_head,
)
from netbox_hedgehog.git.host_keys import check_known_hosts, fingerprint, host_key_line, not_vouched_for
from tests.git.conftest import LOOSE
from tests.support.git_server import commit_files, hang, tcp_server
from tests.support.proxy import ConnectProxy
from tests.support.ssh_server import SshServer, known_hosts_line, private_text

ED25519 = "ssh-ed25519"
KEY, OTHER_KEY = asyncssh.generate_private_key(ED25519), asyncssh.generate_private_key(ED25519)
PASSPHRASE = "correct horse bättery"


@pytest.fixture
def ssh(served: Path, fabric: Path) -> Iterator[SshServer]:
    with SshServer(served, authorized=[KEY], password="opensesame") as running:
        yield running


def source_at(server: SshServer, credential: Credential | None = None, **fields: Any) -> GitSource:
    credential = credential or SshKey("git", private_text(KEY), "")
    return replace(
        GitSource(url=server.url(), ref="main", policy=LOOSE, credential=credential, known_hosts=server.known_hosts),
        **fields,
    )


def test_a_key_lists_and_fetches(ssh: SshServer, fabric: Path, tmp_path: Path) -> None:
    files = {f"fabric/{number}.yaml": bytes(str(number) * 3000, "ascii") for number in range(100)}
    head = commit_files(fabric, files, "many")
    source = source_at(ssh)
    assert remote_head(source) == head
    tree = mirror_at(tmp_path / "mirrors", source, head)[head].peel(pygit2.Tree) / "fabric"
    assert {f"fabric/{entry.name}": entry.data for entry in tree if entry.name != "switch.yaml"} == files


def test_so_does_one_with_a_passphrase(ssh: SshServer) -> None:
    assert remote_head(source_at(ssh, SshKey("git", private_text(KEY, PASSPHRASE), PASSPHRASE)))


def test_so_does_a_password(ssh: SshServer) -> None:
    assert remote_head(source_at(ssh, UserPassword("git", "opensesame")))


@pytest.mark.parametrize(
    "credential",
    [
        SshKey("git", private_text(OTHER_KEY), ""),
        SshKey("git", private_text(KEY, PASSPHRASE), "wrong-phrase"),
        SshKey("git", private_text(KEY, PASSPHRASE), ""),
        SshKey("git", "-----BEGIN OPENSSH PRIVATE KEY-----\nbm90IG9uZQ==\n-----END OPENSSH PRIVATE KEY-----\n", ""),
        SshKey("git", "no key at all", ""),
        UserPassword("git", "wrong-password"),
        Anonymous(),
    ],
    ids=["other key", "wrong passphrase", "no passphrase", "damaged key", "no key", "wrong password", "nothing"],
)
def test_a_wrong_credential_needs_the_operator(ssh: SshServer, credential: Credential) -> None:
    with pytest.raises(NeedsOperator) as caught:
        remote_head(source_at(ssh, credential))
    assert caught.value.code == "git.auth_failed"
    assert not [secret for secret in credential.secrets if secret and secret in str(caught.value)]
    assert ssh.logins == 0


def test_a_missing_repository_is_told(ssh: SshServer) -> None:
    with pytest.raises(NeedsOperator) as caught:
        remote_head(source_at(ssh, url=ssh.url("gone.git")))
    assert caught.value.code == "git.not_found"


class TestTheServersKey:
    def test_that_is_unknown_is_refused_with_its_print_before_anything_is_shown(self, ssh: SshServer) -> None:
        with pytest.raises(NeedsOperator) as caught:
            remote_head(source_at(ssh, known_hosts=""))
        assert caught.value.code == "git.host_key"
        assert ssh.host_keys[0].get_fingerprint() in caught.value.message
        assert ssh.logins == 0

    def test_that_changed_has_an_error_of_its_own(self, ssh: SshServer) -> None:
        with pytest.raises(NeedsOperator, match="in between") as caught:
            remote_head(source_at(ssh, known_hosts=known_hosts_line(ssh.port, OTHER_KEY)))
        assert caught.value.code == "git.host_key_changed"
        assert ssh.host_keys[0].get_fingerprint() in caught.value.message
        assert ssh.logins == 0

    def test_of_another_port_does_not_count(self, ssh: SshServer) -> None:
        with pytest.raises(NeedsOperator) as caught:
            remote_head(source_at(ssh, known_hosts=known_hosts_line(ssh.port + 1, ssh.host_keys[0])))
        assert caught.value.code == "git.host_key"

    def test_may_be_listed_under_a_hashed_name(self, ssh: SshServer) -> None:
        name, _, key = ssh.known_hosts.partition(" ")
        salt = b"s" * 20
        digest = hmac.digest(salt, name.encode(), "sha1")
        hashed = f"|1|{base64.b64encode(salt).decode()}|{base64.b64encode(digest).decode()} "
        assert remote_head(source_at(ssh, known_hosts=hashed + key))
        other = OTHER_KEY.export_public_key().decode()
        with pytest.raises(NeedsOperator) as caught:
            remote_head(source_at(ssh, known_hosts=hashed + other))
        assert caught.value.code == "git.host_key_changed"

    @pytest.mark.parametrize("kind", ["ssh-ed25519", "ecdsa-sha2-nistp256", "ssh-rsa"])
    def test_of_any_usual_kind_is_recognised(self, served: Path, fabric: Path, kind: str) -> None:
        with SshServer(served, authorized=[KEY], host_keys=[asyncssh.generate_private_key(kind)]) as server:
            assert remote_head(source_at(server))

    @pytest.mark.parametrize("listed", [0, 1])
    def test_is_asked_for_in_the_kind_that_is_known(self, served: Path, fabric: Path, listed: int) -> None:
        keys = [asyncssh.generate_private_key(kind) for kind in ("ssh-ed25519", "ecdsa-sha2-nistp256")]
        with SshServer(served, authorized=[KEY], host_keys=keys) as server:
            assert remote_head(source_at(server, known_hosts=known_hosts_line(server.port, keys[listed])))

    @pytest.mark.parametrize("credential", [SshKey("git", private_text(KEY), ""), UserPassword("git", "opensesame")])
    def test_is_never_looked_up_in_the_machines_own_file(
        self, ssh: SshServer, tmp_path: Path, credential: Credential
    ) -> None:
        (tmp_path / ".ssh").mkdir()
        (tmp_path / ".ssh" / "known_hosts").write_text(ssh.known_hosts)
        before = pygit2.option(pygit2.enums.Option.GET_HOMEDIR)
        pygit2.option(pygit2.enums.Option.SET_HOMEDIR, str(tmp_path))
        try:
            with pytest.raises(NeedsOperator) as caught:
                remote_head(source_at(ssh, credential, known_hosts=""))
        finally:
            pygit2.option(pygit2.enums.Option.SET_HOMEDIR, before or "")
        assert caught.value.code == "git.host_key"

    def test_is_judged_by_each_threads_own_source(self, ssh: SshServer) -> None:
        together = threading.Barrier(2, timeout=30)

        def verdicts(known_hosts: str) -> set[str]:
            found = set()
            for _ in range(5):
                together.wait()
                try:
                    found.add(f"{len(remote_head(source_at(ssh, known_hosts=known_hosts)))} digits")
                except NeedsOperator as error:
                    found.add(error.code)
            return found

        with ThreadPoolExecutor(2) as threads:
            assert list(threads.map(verdicts, [ssh.known_hosts, ""])) == [{"40 digits"}, {"git.host_key"}]


class TestAnRsaKey:
    RSA = asyncssh.generate_private_key("ssh-rsa")

    @pytest.mark.parametrize(
        "credential",
        [
            SshKey("git", private_text(RSA), ""),
            SshKey("git", private_text(RSA, PASSPHRASE), PASSPHRASE),
            SshKey("git", RSA.export_private_key("pkcs1-pem").decode(), ""),
            SshKey("git", RSA.export_private_key("pkcs8-pem").decode(), ""),
            SshKey("git", RSA.export_private_key("pkcs8-pem", passphrase=PASSPHRASE).decode(), PASSPHRASE),
        ],
        ids=["openssh", "openssh with passphrase", "pkcs1", "pkcs8", "pkcs8 with passphrase"],
    )
    def test_is_refused_before_it_meets_a_server_that_would_end_the_process(
        self, served: Path, fabric: Path, credential: SshKey
    ) -> None:
        """This server names signature algorithms twice, at which libssh2 writes past the end of its memory."""
        with SshServer(served, authorized=[self.RSA]) as server, pytest.raises(NeedsOperator) as caught:
            remote_head(source_at(server, credential))
        assert caught.value.code == "git.ssh_key_rsa"
        assert "ed25519" in caught.value.remedy

    def test_is_used_where_the_administrator_says_so(self, served: Path, fabric: Path) -> None:
        usual = ["rsa-sha2-256", "rsa-sha2-512", "ssh-ed25519"]
        with SshServer(served, authorized=[self.RSA], signature_algs=usual) as server:
            assert remote_head(source_at(server, SshKey("git", private_text(self.RSA), ""), allow_rsa_keys=True))


def drip_banner(connection: socket.socket, stop: threading.Event) -> None:
    connection.sendall(b"SSH-2.0-slow\r\n" + (10_000).to_bytes(4) + b"\4\x14")
    while not stop.wait(0.05):
        connection.sendall(b"\0")


@pytest.mark.parametrize("talk", [hang, drip_banner])
def test_a_server_that_never_finishes_its_greeting_is_left_in_time(ssh: SshServer, talk: Callable[..., None]) -> None:
    with tcp_server(talk) as url, pytest.raises(RetryLater) as caught:
        remote_head(source_at(ssh, url=url.replace("http://", "ssh://git@"), limits=GitLimits(timeout_seconds=0.5)))
    assert caught.value.code == "git.timeout"


def test_a_server_that_talks_nonsense_is_tried_again(ssh: SshServer) -> None:
    def talk(connection: socket.socket, _: threading.Event) -> None:
        connection.sendall(b"SSH-2.0-odd\r\n" + b"\0" * 64)

    with tcp_server(talk) as url, pytest.raises(RetryLater) as caught:
        remote_head(source_at(ssh, url=url.replace("http://", "ssh://git@")))
    assert caught.value.code == "git.network"


def test_a_server_that_is_down_is_tried_again(ssh: SshServer, closed_port: int) -> None:
    with pytest.raises(RetryLater) as caught:
        remote_head(source_at(ssh, url=f"ssh://git@127.0.0.1:{closed_port}/x"))
    assert caught.value.code == "git.refused"


def test_a_proxy_is_used_for_ssh_too(ssh: SshServer, tmp_path: Path) -> None:
    with ConnectProxy() as proxy:
        source = source_at(ssh, proxy=Proxy(url=proxy.url))
        head = remote_head(source)
        assert head in mirror_at(tmp_path / "mirrors", source, head)
        assert set(proxy.targets) == {f"127.0.0.1:{ssh.port}"}


class TestKnownHosts:
    LINE = known_hosts_line(22, KEY)

    @pytest.mark.parametrize(
        "text", ["", "\n", "# a note\n" + LINE, LINE + LINE.strip() + " somebody@host\n"], ids=range(4)
    )
    def test_are_lines_of_host_kind_and_key(self, text: str) -> None:
        check_known_hosts(text)

    @pytest.mark.parametrize(
        ("text", "words"),
        [
            ("git.example.com", "Line 1"),
            ("# note\n\ngit.example.com ssh-ed25519", "Line 3"),
            (LINE + "git.example.com ssh-ed25519 notbase64!", "Line 2"),
            (LINE.replace("ssh-ed25519 ", "ssh-rsa "), "not one of the kind"),
            (KEY.export_public_key().decode(), "Line 1"),
            ("@cert-authority *.example.com " + LINE.split(" ", 1)[1], "marker @cert-authority"),
            ("@revoked " + LINE, "marker @revoked"),
        ],
        ids=["no key", "no key in line 3", "not base64", "other kind", "public key alone", "authority", "revoked"],
    )
    def test_in_another_form_are_refused_by_their_line(self, text: str, words: str) -> None:
        with pytest.raises(NeedsOperator, match=words) as caught:
            check_known_hosts(text)
        assert caught.value.code == "git.known_hosts_invalid"

    @pytest.mark.parametrize(("port", "name"), [(22, "git.example.com"), (2222, "[git.example.com]:2222")])
    def test_name_the_port_only_if_it_is_unusual(self, port: int, name: str) -> None:
        line = host_key_line("git.example.com", port, KEY.public_data)
        assert line == f"{name} {' '.join(KEY.export_public_key().decode().split()[:2])}\n"
        check_known_hosts(line)

    def test_a_kind_is_one_word_whatever_the_server_puts_there(self) -> None:
        kind = b"ssh\0 \x1b[2J\nother.example.com ssh-ed25519 " + b"A" * 1000
        key = len(kind).to_bytes(4) + kind
        line = host_key_line("git.example.com", 22, key)
        assert len(line.split()) == 3
        assert line.isascii()
        refusal = str(not_vouched_for("git.example.com", 22, "", key))
        assert refusal.isprintable()
        assert len(refusal) < 500

    def test_prints_are_those_that_ssh_keygen_shows(self) -> None:
        assert fingerprint(KEY.public_data) == KEY.get_fingerprint()
