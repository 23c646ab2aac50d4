"""Every connection goes to an address that was checked, and is held to the certificate that its source asks for."""

from __future__ import annotations

import socket
import ssl
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pygit2
import pytest

from netbox_hedgehog.errors import NeedsOperator, RetryLater
from netbox_hedgehog.git import GitLimits, GitSource, Proxy, check_authorities, mirror_at, remote_head
from netbox_hedgehog.git.authorities import trusting
from netbox_hedgehog.git.dial import Dialler
from netbox_hedgehog.git.limits import Deadline
from tests.git.conftest import LOOSE
from tests.support.certificates import Authority
from tests.support.git_server import GitServer, commit_files, hang, tcp_server
from tests.support.proxy import ConnectProxy

type Make = Callable[..., GitSource]
SHORT = GitLimits(timeout_seconds=0.5)


@pytest.fixture
def names(monkeypatch: pytest.MonkeyPatch) -> dict[str, list[str]]:
    """Names that resolve here and nowhere else: to one answer after the other, the last one for ever."""
    answers: dict[str, list[str]] = {}
    real = socket.getaddrinfo

    def resolve(host: str, *rest: Any, **options: Any) -> Any:
        if host in answers:
            host = answers[host].pop(0) if len(answers[host]) > 1 else answers[host][0]
        return real(host, *rest, **options)

    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    return answers


class TestTheAddress:
    def test_that_was_checked_is_the_one_that_is_connected_to(
        self, source: Make, server: GitServer, names: dict[str, list[str]]
    ) -> None:
        """The name means something to this process alone: a second look-up by libgit2 would find nothing."""
        names["git.example.test"] = ["127.0.0.1"]
        assert remote_head(source(url=f"http://git.example.test:{server.port}/fabric.git")) == remote_head(source())

    def test_that_a_name_takes_on_after_the_check_is_not_contacted(
        self, source: Make, server: GitServer, tmp_path: Path, names: dict[str, list[str]]
    ) -> None:
        names["git.example.test"] = ["127.0.0.1", "169.254.169.254"]
        rebound = source(url=f"http://git.example.test:{server.port}/fabric.git")
        head = remote_head(rebound)
        with pytest.raises(NeedsOperator, match=r"169\.254\.169\.254") as caught:
            mirror_at(tmp_path, rebound, head)
        assert caught.value.code == "git.url_refused"
        assert server.fetches == 0

    def test_beside_a_refused_one_is_not_contacted_either(
        self, source: Make, server: GitServer, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        both = [
            (socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, server.port))
            for address in ("127.0.0.1", "169.254.169.254")
        ]
        monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: both)
        with pytest.raises(NeedsOperator, match="metadata"):
            remote_head(source(url=f"http://git.example.test:{server.port}/fabric.git"))
        assert server.requests == 0

    def test_that_does_not_answer_gives_way_to_the_next(
        self, source: Make, server: GitServer, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """IPv6 first is common, and often leads nowhere."""
        expected = remote_head(source())
        both = [
            (socket.AF_INET6, socket.SOCK_STREAM, 6, "", ("::1", server.port, 0, 0)),
            (socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", server.port)),
        ]
        monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: both)
        assert remote_head(source(url=f"http://git.example.test:{server.port}/fabric.git")) == expected


class TestTheHost:
    @pytest.mark.parametrize("entry", ["127.0.0.1", "localhost", "LocalHost"])
    def test_on_the_list_of_denied_ones_is_not_contacted(self, source: Make, server: GitServer, entry: str) -> None:
        policy = replace(LOOSE, denied_hosts=(entry,))
        with pytest.raises(NeedsOperator, match="denied") as caught:
            remote_head(source(url=f"http://localhost:{server.port}/fabric.git", policy=policy))
        assert caught.value.code == "git.url_refused"
        assert server.requests == 0

    def test_not_on_the_list_of_allowed_ones_is_not_contacted(self, source: Make, server: GitServer) -> None:
        with pytest.raises(NeedsOperator, match="not on the list of allowed hosts"):
            remote_head(source(policy=replace(LOOSE, allowed_hosts=("git.example.com",))))
        assert server.requests == 0

    def test_on_the_list_of_allowed_ones_is(self, source: Make, server: GitServer) -> None:
        policy = replace(LOOSE, allowed_hosts=("git.example.com", "127.0.0.1"))
        assert len(remote_head(source(policy=policy))) == 40

    @pytest.mark.parametrize("proxied", [False, True], ids=["direct", "through a proxy"])
    def test_that_libgit2_asks_for_by_itself_is_judged_as_the_urls_own(
        self, source: Make, server: GitServer, proxied: bool
    ) -> None:
        """It follows no redirect to another host today; the lists do not depend on that."""
        with ConnectProxy() as proxy:
            allowed = source(policy=replace(LOOSE, allowed_hosts=("127.0.0.1",)))
            dialler = Dialler(replace(allowed, proxy=Proxy(url=proxy.url) if proxied else None), Deadline(30))
            with pytest.raises(NeedsOperator, match="not on the list"):
                dialler.connect("localhost", server.port, tls=False)
            assert proxy.targets == []


class TestACertificate:
    @pytest.fixture
    def served_by(self, served: Path, fabric: Path, tmp_path: Path) -> Callable[..., Any]:
        """Starts a TLS server whose certificate an authority has signed."""
        return lambda authority, **how: GitServer(served, tls=authority.context(tmp_path, **how))

    def test_of_the_repositorys_own_authority_is_trusted(
        self, served_by: Callable[..., Any], tmp_path: Path, fabric: Path
    ) -> None:
        authority = Authority("Ours")
        with served_by(authority) as server:
            source = GitSource(
                url=server.url("fabric.git"), ref="main", policy=LOOSE, authorities=f"Our CA\n{authority.pem}"
            )
            head = remote_head(source)
            assert head in mirror_at(tmp_path / "mirrors", source, head)

    def test_is_enough_where_an_authority_in_the_middle_is_what_was_entered(
        self, served_by: Callable[..., Any]
    ) -> None:
        middle = Authority("Middle", above=Authority("Top"))
        with served_by(middle) as server:
            assert remote_head(
                GitSource(url=server.url("fabric.git"), ref="main", policy=LOOSE, authorities=middle.pem)
            )

    def test_of_another_repositorys_authority_is_not(self, served_by: Callable[..., Any]) -> None:
        """One after the other in one process, in every order."""
        ours, theirs = Authority("Same name"), Authority("Same name")
        with served_by(ours) as our_server, served_by(theirs) as their_server:

            def head(server: GitServer, authorities: str) -> str:
                url = server.url("fabric.git")
                try:
                    return remote_head(GitSource(url=url, ref="main", policy=LOOSE, authorities=authorities))
                except NeedsOperator as error:
                    return error.code

            right = head(our_server, ours.pem)
            assert len(right) == 40
            assert head(their_server, ours.pem) == "git.tls"
            assert head(our_server, theirs.pem) == "git.tls"
            assert head(their_server, theirs.pem) == head(our_server, ours.pem + theirs.pem) == right
            assert head(our_server, "") == head(their_server, "") == "git.tls"

    def test_is_judged_by_each_threads_own_source(self, served_by: Callable[..., Any]) -> None:
        ours, theirs = Authority("Ours"), Authority("Theirs")
        with served_by(ours) as our_server, served_by(theirs) as their_server:
            together = threading.Barrier(4, timeout=30)

            def verdicts(server: GitServer, authorities: str) -> set[str]:
                source = GitSource(url=server.url("fabric.git"), ref="main", policy=LOOSE, authorities=authorities)
                found = set()
                for _ in range(5):
                    together.wait()
                    try:
                        found.add(f"{len(remote_head(source))} digits")
                    except NeedsOperator as error:
                        found.add(error.code)
                return found

            cases = [(our_server, ours), (our_server, theirs), (their_server, ours), (their_server, theirs)]
            with ThreadPoolExecutor(len(cases)) as threads:
                found = list(threads.map(lambda case: verdicts(case[0], case[1].pem), cases))
        assert found == [{"40 digits"}, {"git.tls"}, {"git.tls"}, {"40 digits"}]

    @pytest.mark.parametrize(
        ("how", "words", "remedy"),
        [
            ({"days": -1}, "expired", "renew"),
            ({"host": "git.example.test"}, "mismatch", "host in the repository's URL"),
        ],
    )
    def test_that_is_wrong_is_refused_with_what_is_wrong(
        self, served_by: Callable[..., Any], how: dict[str, Any], words: str, remedy: str
    ) -> None:
        authority = Authority("Ours")
        with served_by(authority, **how) as server:
            with pytest.raises(NeedsOperator, match=words) as caught:
                remote_head(
                    GitSource(url=server.url("fabric.git"), ref="main", policy=LOOSE, authorities=authority.pem)
                )
            assert server.requests == 0
        assert caught.value.code == "git.tls"
        assert remedy in caught.value.remedy

    def test_is_asked_of_a_port_that_has_none(self, source: Make, server: GitServer) -> None:
        with pytest.raises(NeedsOperator, match="No TLS connection") as caught:
            remote_head(source(url=server.url("fabric.git").replace("http:", "https:")))
        assert caught.value.code == "git.tls"


class TestTime:
    def test_to_connect_is_a_limit_of_its_own(self, source: Make) -> None:
        with socket.create_server(("127.0.0.1", 0), backlog=0) as full, ExitStack() as waiting:
            address = full.getsockname()
            for _ in range(2):  # nobody accepts them, and there is room for no more
                client = waiting.enter_context(socket.socket())
                client.setblocking(False)
                client.connect_ex(address)
            limits = GitLimits(connect_timeout_seconds=0.3, timeout_seconds=30)
            with pytest.raises(RetryLater) as caught:
                remote_head(source(url=f"http://127.0.0.1:{address[1]}/x", limits=limits))
        assert caught.value.code == "git.connect_timeout"

    def test_of_a_resolver_that_does_not_answer_is_up_too(self, source: Make, monkeypatch: pytest.MonkeyPatch) -> None:
        given_up = threading.Event()
        monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: given_up.wait(30) and [])
        try:
            with pytest.raises(RetryLater, match="not resolved within") as caught:
                remote_head(source(limits=SHORT))
        finally:
            given_up.set()
        assert caught.value.code == "git.dns"

    def test_in_the_middle_of_a_tls_greeting_is_up_as_everywhere(self, source: Make) -> None:
        with tcp_server(hang) as url, pytest.raises(RetryLater) as caught:
            remote_head(source(url=url.replace("http:", "https:"), limits=SHORT))
        assert caught.value.code == "git.timeout"

    def test_of_one_connection_ends_no_other_to_the_same_server(self, source: Make, server: GitServer) -> None:
        """Each operation waits on its own connection: one that hangs does not take its neighbours with it."""
        waiting, answered = threading.Event(), threading.Event()

        def answer_late(body: bytes) -> bytes:
            waiting.set()
            answered.wait(30)
            return body

        server.spoil = answer_late
        with ThreadPoolExecutor(1) as threads:
            slow = threads.submit(remote_head, source())
            assert waiting.wait(30)
            with pytest.raises(RetryLater) as caught:
                remote_head(source(limits=SHORT))
            answered.set()
            assert len(slow.result(30)) == 40
        assert caught.value.code == "git.timeout"


def test_a_limit_that_strikes_in_the_middle_of_a_read_reaches_the_caller(source: Make, server: GitServer) -> None:
    """As the worker's soft time limit does, which is raised by a signal wherever the process is."""

    class OutOfTimeError(BaseException):
        pass

    class Interrupted(socket.socket):
        def recv_into(self, *given: Any, **options: Any) -> int:
            if self.getpeername()[1] == server.port:
                raise OutOfTimeError
            return super().recv_into(*given, **options)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(socket, "socket", Interrupted)
        with pytest.raises(OutOfTimeError):
            remote_head(source())


def test_nothing_else_in_the_process_opens_connections_through_libgit2(
    server: GitServer, fabric: Path, tmp_path: Path
) -> None:
    with pytest.raises(pygit2.GitError, match="outside of its dialler"):
        pygit2.clone_repository(server.url("fabric.git"), str(tmp_path / "clone"))
    assert server.requests == 0


def test_a_large_fetch_over_tls_arrives_whole(served: Path, fabric: Path, tmp_path: Path) -> None:
    authority = Authority("Ours")
    files = {f"fabric/{number}.yaml": bytes(str(number) * 5000, "ascii") for number in range(300)}
    head = commit_files(fabric, files, "many")
    with GitServer(served, tls=authority.context(tmp_path)) as server:
        source = GitSource(url=server.url("fabric.git"), ref="main", policy=LOOSE, authorities=authority.pem)
        repository = mirror_at(tmp_path / "mirrors", source, head)
        tree = repository[head].peel(pygit2.Tree) / "fabric"
        assert {f"fabric/{entry.name}": entry.data for entry in tree if entry.name != "switch.yaml"} == files


def _of_no_version(pem: str) -> str:
    """The certificate as one of version 7, of which there is none."""
    version = b"\xa0\x03\x02\x01"
    return ssl.DER_cert_to_PEM_cert(ssl.PEM_cert_to_DER_cert(pem).replace(version + b"\x02", version + b"\x06", 1))


class TestTheTextOfAnAuthority:
    NOW = datetime.now(UTC)

    def test_is_a_list_of_certificates_or_nothing(self) -> None:
        for text in ("", " \n", Authority("One").pem, Authority("One").pem + "\n# zwölf\n" + Authority("Two").pem):
            check_authorities(text, self.NOW)
            trusting(text)

    @pytest.mark.parametrize(
        ("text", "words"),
        [
            ("not a certificate", "cannot be read"),
            ("-----BEGIN CERTIFICATE-----\nbm90IG9uZQ==\n-----END CERTIFICATE-----\n", "cannot be read"),
            ("-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n", "private key"),
            (_of_no_version(Authority("Odd").pem), "cannot be read"),
            (Authority("Old", days=-1).pem, "'Old' expired on"),
            (Authority("Good").pem + Authority("Old", days=-1).pem, "'Old' expired on"),
        ],
        ids=["nonsense", "no certificate inside", "private key", "no version", "expired", "one of two expired"],
    )
    def test_that_is_something_else_is_refused(self, text: str, words: str) -> None:
        with pytest.raises(NeedsOperator, match=words) as caught:
            check_authorities(text, self.NOW)
        assert caught.value.code == "git.ca_invalid"

    def test_that_is_not_valid_yet_is_refused(self) -> None:
        with pytest.raises(NeedsOperator, match="only from"):
            check_authorities(Authority("New").pem, self.NOW - timedelta(days=40))

    def test_that_was_stored_unchecked_fails_the_connection_in_the_same_words(self, source: Make) -> None:
        with pytest.raises(NeedsOperator) as caught:
            remote_head(source(url=source().url.replace("http:", "https:"), authorities="nonsense"))
        assert caught.value.code == "git.ca_invalid"
