"""Proxies. Promise: a URL passes or raises NeedsOperator ``git.proxy_invalid`` or ``git.url_refused``; what passed
is a host and a port alone. Whatever a proxy answers, there is a tunnel or an error of one of three codes.
"""

import socket

from netbox_hedgehog.errors import NeedsOperator, SyncError
from netbox_hedgehog.git.limits import Deadline
from netbox_hedgehog.git.proxy import Proxy, check_proxy, open_tunnel
from netbox_hedgehog.git.urls import UrlPolicy

WORDS = (
    b"http://",
    b"https://",
    b"socks5://",
    b"user:pw@",
    b":3128",
    b"HTTP/1.1 200 OK\r\n\r\n",
    b"HTTP/1.0 407 ",
    b"\r\n\r\n",
)
_POLICY = UrlPolicy(allow_private=True)
_CODES = {"git.proxy_auth_failed", "git.proxy_refused", "git.proxy_failed"}


def take(data: bytes) -> None:
    url = data.decode("utf-8", "replace")
    try:
        check_proxy(url, _POLICY)
    except NeedsOperator as problem:
        assert problem.code in {"git.proxy_invalid", "git.url_refused"}
    else:
        proxy = Proxy(url=url)
        assert proxy.host
        assert 0 < proxy.port < 65536
    _answered(data)


def _answered(answer: bytes) -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        theirs.sendall(answer)
        theirs.shutdown(socket.SHUT_WR)
        try:
            open_tunnel(ours, Proxy(url="http://proxy:80", username="u", password="p"), ("git", 443), Deadline(5))
        except SyncError as error:
            assert error.code in _CODES
            assert len(str(error)) < 1000
