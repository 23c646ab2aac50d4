"""HTTP proxies: a tunnel through one (CONNECT), for https, ssh and http alike."""

from __future__ import annotations

import base64
import re
import socket
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from netbox_hedgehog.errors import NeedsOperator, RetryLater, SyncError
from netbox_hedgehog.git.urls import check_host, is_usual_host, parse_location
from netbox_hedgehog.observability.redaction import REDACTED

if TYPE_CHECKING:
    from netbox_hedgehog.git.limits import Deadline
    from netbox_hedgehog.git.urls import Location, UrlPolicy

_DEFAULT_PORT: Final = 80
_LONGEST_ANSWER: Final = 16 * 1024
_STATUS: Final = re.compile(rb"HTTP/1\.[01] (\d{3})")
_CONNECTED: Final = 200
_PROXY_AUTHENTICATION_REQUIRED: Final = 407
_LEAST_SERVER_ERROR: Final = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class Proxy:
    """An HTTP proxy through which a repository is reached."""

    url: str
    """``http://host:port``, without credentials; port 80 unless given."""
    username: str = ""
    password: str = ""

    @property
    def host(self) -> str:
        return parse_location(self.url).host

    @property
    def port(self) -> int:
        return parse_location(self.url).port or _DEFAULT_PORT

    def __repr__(self) -> str:
        return f"Proxy(url={self.url!r}, username={self.username!r}, password={REDACTED!r})"


def check_proxy(url: str, policy: UrlPolicy) -> None:
    """Let the ``url`` of a proxy pass or raise; the lists of hosts count for it, too.

    Raises NeedsOperator ``git.proxy_invalid``, ``git.url_refused``.
    """
    try:
        location = parse_location(url)
    except NeedsOperator:
        raise _invalid() from None
    if location.scheme != "http" or not is_usual_host(location.host) or _says_more(location):
        raise _invalid()
    check_host(location.host, policy)


def open_tunnel(connection: socket.socket, proxy: Proxy, target: tuple[str, int], deadline: Deadline) -> None:
    """Have ``proxy``, at the other end of ``connection``, connect to ``target``; all that follows goes there.

    Raises NeedsOperator ``git.proxy_auth_failed``, ``git.proxy_refused``; RetryLater ``git.proxy_failed``;
    OSError, which is TimeoutError once ``deadline`` has passed.
    """
    host, port = target
    authority = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
    lines = [f"CONNECT {authority} HTTP/1.1", f"Host: {authority}"]
    if proxy.username or proxy.password:
        pair = base64.b64encode(f"{proxy.username}:{proxy.password}".encode()).decode()
        lines.append(f"Proxy-Authorization: Basic {pair}")
    connection.sendall("\r\n".join([*lines, "", ""]).encode())
    status = _status(_answer(connection, deadline))
    if status != _CONNECTED:
        raise _refusal(status, proxy, host)


def _answer(connection: socket.socket, deadline: Deadline) -> bytes:
    """The head of the proxy's answer, read byte by byte: what comes after it is the target's."""
    answer = bytearray()
    while not answer.endswith(b"\r\n\r\n") and len(answer) < _LONGEST_ANSWER:
        if deadline.passed:
            raise TimeoutError
        connection.settimeout(deadline.remaining_seconds or 0.001)
        byte = connection.recv(1)
        if not byte:
            break
        answer += byte
    return bytes(answer)


def _status(answer: bytes) -> int:
    match = _STATUS.match(answer)
    return int(match[1]) if match and answer.endswith(b"\r\n\r\n") else 0


def _says_more(location: Location) -> bool:
    """Whether there is a user, password or path in the URL of a proxy."""
    return bool(location.username or location.has_password or location.path.strip("/"))


def _refusal(status: int, proxy: Proxy, host: str) -> SyncError:
    if status == _PROXY_AUTHENTICATION_REQUIRED:
        what = "refused the credentials" if proxy.username else "asks for credentials, and none are set"
        return NeedsOperator(
            "git.proxy_auth_failed",
            f"The proxy {proxy.host} {what}.",
            "Check the proxy's user and password on the repository.",
        )
    if status == 0 or status >= _LEAST_SERVER_ERROR:
        what = f"answered with status {status}" if status else "gave no answer that HTTP knows"
        return RetryLater(
            "git.proxy_failed",
            f"The proxy {proxy.host} could not connect to {host}: it {what}.",
            "Check the Git server's host and port, and ask the operators of the proxy.",
        )
    return NeedsOperator(
        "git.proxy_refused",
        f"The proxy {proxy.host} does not connect to {host}: it answered with status {status}.",
        "Ask the operators of the proxy to allow this host and port, or correct the repository's URL.",
    )


def _invalid() -> NeedsOperator:
    return NeedsOperator(
        "git.proxy_invalid",
        "The proxy's URL is not valid.",
        "Use the form http://proxy.example.com:3128; user and password belong into their own fields. "
        "https:// and socks:// proxies are not supported.",
    )
