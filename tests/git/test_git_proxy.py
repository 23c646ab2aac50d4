from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from netbox_hedgehog.errors import NeedsOperator, RetryLater, SyncError
from netbox_hedgehog.git import GitLimits, GitSource, Proxy, check_proxy, mirror_at, remote_head
from tests.git.conftest import LOOSE
from tests.support.certificates import Authority
from tests.support.git_server import GitServer, hang, tcp_server
from tests.support.proxy import ConnectProxy

type Make = Callable[..., GitSource]
PASSWORD = "the proxy's wörd"


@pytest.fixture
def proxy() -> Iterator[ConnectProxy]:
    with ConnectProxy() as running:
        yield running


@pytest.fixture
def guarded() -> Iterator[ConnectProxy]:
    with ConnectProxy("robot", PASSWORD) as running:
        yield running


def through(proxy: ConnectProxy, source: GitSource, password: str = "") -> GitSource:
    return replace(source, proxy=Proxy(url=proxy.url, username="robot" if password else "", password=password))


def test_a_repository_is_listed_and_fetched_through_its_proxy(
    source: Make, server: GitServer, proxy: ConnectProxy, tmp_path: Path
) -> None:
    head = remote_head(source())
    assert remote_head(through(proxy, source())) == head
    assert head in mirror_at(tmp_path / "mirrors", through(proxy, source()), head)
    assert set(proxy.targets) == {f"127.0.0.1:{server.port}"}


def test_without_one_nothing_goes_there(source: Make, proxy: ConnectProxy, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nor does a proxy of the environment, which was meant for other programs."""
    for name in ("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
        monkeypatch.setenv(name, proxy.url)
    assert remote_head(source())
    assert proxy.targets == []


def test_tls_is_with_the_server_not_with_the_proxy(
    served: Path, fabric: Path, proxy: ConnectProxy, tmp_path: Path
) -> None:
    ours, theirs = Authority("Ours"), Authority("Theirs")
    with GitServer(served, tls=ours.context(tmp_path)) as server:
        source = through(proxy, GitSource(url=server.url("fabric.git"), ref="main", policy=LOOSE, authorities=ours.pem))
        assert len(remote_head(source)) == 40
        with pytest.raises(NeedsOperator) as caught:
            remote_head(replace(source, authorities=theirs.pem))
    assert caught.value.code == "git.tls"


def test_a_name_that_only_the_proxy_can_resolve_is_left_to_it(
    source: Make, server: GitServer, proxy: ConnectProxy
) -> None:
    proxy.names.add("git.behind.invalid")
    assert remote_head(through(proxy, source(url=f"http://git.behind.invalid:{server.port}/fabric.git")))


def test_its_credentials_open_it(source: Make, guarded: ConnectProxy) -> None:
    assert remote_head(through(guarded, source(), PASSWORD))


@pytest.mark.parametrize(("password", "words"), [("", "none are set"), ("wrong-one", "refused the credentials")])
def test_wrong_credentials_for_it_have_their_own_error(
    source: Make, server: GitServer, guarded: ConnectProxy, password: str, words: str
) -> None:
    with pytest.raises(NeedsOperator, match=words) as caught:
        remote_head(through(guarded, source(), password))
    assert caught.value.code == "git.proxy_auth_failed"
    assert "wrong-one" not in str(caught.value)
    assert server.requests == 0


@pytest.mark.parametrize(
    ("answer", "kind", "code"),
    [
        (b"HTTP/1.1 403 Forbidden\r\n\r\n", NeedsOperator, "git.proxy_refused"),
        (b"HTTP/1.1 502 Bad Gateway\r\n\r\n", RetryLater, "git.proxy_failed"),
        (b"SSH-2.0-OpenSSH_9.9\r\n\r\n", RetryLater, "git.proxy_failed"),
        (b"HTTP/1.1 200 OK", RetryLater, "git.proxy_failed"),
        (b"HTTP/1.1 200 OK\r\n" + b"x: y\r\n" * 10_000, RetryLater, "git.proxy_failed"),
    ],
)
def test_what_it_answers_says_whether_trying_again_helps(
    source: Make, proxy: ConnectProxy, answer: bytes, kind: type[SyncError], code: str
) -> None:
    proxy.answer = answer
    with pytest.raises(kind) as caught:
        remote_head(through(proxy, source()))
    assert caught.value.code == code


def test_one_that_is_down_is_named_as_the_one_that_is(source: Make, closed_port: int) -> None:
    with pytest.raises(RetryLater, match="The proxy refuses connections") as caught:
        remote_head(source(proxy=Proxy(url=f"http://127.0.0.1:{closed_port}")))
    assert caught.value.code == "git.refused"


def test_one_that_hangs_is_left_in_time(source: Make) -> None:
    with tcp_server(hang) as url, pytest.raises(RetryLater) as caught:
        remote_head(source(proxy=Proxy(url=url.removesuffix("/fabric.git")), limits=GitLimits(timeout_seconds=0.5)))
    assert caught.value.code == "git.connect_timeout"


class TestThePolicy:
    @pytest.mark.parametrize("host", ["169.254.169.254", "2852039166", "[::ffff:a9fe:a9fe]", "[64:ff9b::a9fe:a9fe]"])
    def test_an_address_that_is_refused_is_not_asked_of_a_proxy(
        self, source: Make, proxy: ConnectProxy, host: str
    ) -> None:
        with pytest.raises(NeedsOperator) as caught:
            remote_head(through(proxy, source(url=f"http://{host}/x")))
        assert caught.value.code == "git.url_refused"
        assert proxy.targets == []

    def test_the_lists_of_hosts_count_for_server_and_proxy(self, source: Make, proxy: ConnectProxy) -> None:
        for allowed in ("git.example.com", "127.0.0.1"):
            policy = replace(LOOSE, allowed_hosts=(allowed,))
            with pytest.raises(NeedsOperator, match="not on the list of allowed hosts"):
                remote_head(through(proxy, source(url="http://git.example.com/x", policy=policy)))
        assert proxy.targets == []

    def test_a_proxy_at_a_refused_address_is_not_contacted(self, source: Make) -> None:
        with pytest.raises(NeedsOperator, match="link-local") as caught:
            remote_head(source(proxy=Proxy(url="http://169.254.169.254:80")))
        assert caught.value.code == "git.url_refused"

    @pytest.mark.parametrize("url", ["http://proxy.example.com:3128", "http://proxy.example.com/", "http://[::1]:3128"])
    def test_a_proxy_is_a_host_and_a_port(self, url: str) -> None:
        check_proxy(url, LOOSE)

    @pytest.mark.parametrize(
        "url",
        [
            "https://proxy.example.com",
            "socks5://proxy.example.com",
            "proxy.example.com:3128",
            "http://user:hunter2@proxy.example.com",
            "http://proxy.example.com/path",
            "http://proxy.example.com\r\nX: y",
            "http://",
            "",
        ],
    )
    def test_anything_else_is_refused(self, url: str) -> None:
        with pytest.raises(NeedsOperator) as caught:
            check_proxy(url, LOOSE)
        assert caught.value.code == "git.proxy_invalid"
        assert "hunter2" not in str(caught.value)


def test_no_repr_shows_its_password(source: Make) -> None:
    proxy = Proxy(url="http://proxy.example.com", username="robot", password="hunter2")
    assert "hunter2" not in f"{proxy!r} {proxy} {source(proxy=proxy)!r}"
