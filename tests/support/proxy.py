"""A real HTTP proxy on loopback that tunnels (CONNECT), with Basic authentication if a user is given."""

from __future__ import annotations

import base64
import socket
import threading
from contextlib import suppress
from typing import Self

from tests.support.git_server import tcp_server

_CONNECTED = b"HTTP/1.1 200 Connection established\r\nVia: 1.1 proxy\r\n\r\n"


class ConnectProxy:
    """``targets`` lists what was asked for; ``names`` maps hosts that only the proxy knows to this machine.

    ``answer``, while set, is sent instead of connecting.
    """

    def __init__(self, username: str = "", password: str = "") -> None:
        pair = base64.b64encode(f"{username}:{password}".encode()).decode()
        self._authorization = f"Basic {pair}" if username else None
        self.targets: list[str] = []
        self.names: set[str] = set()
        self.answer: bytes | None = None

    def __enter__(self) -> Self:
        self._server = tcp_server(self._talk)
        self.url = self._server.__enter__().removesuffix("/fabric.git")
        return self

    def __exit__(self, *_: object) -> None:
        self._server.__exit__(None, None, None)

    def _talk(self, client: socket.socket, _stop: threading.Event) -> None:
        head = bytearray()
        while not head.endswith(b"\r\n\r\n"):
            head += client.recv(1)
        request, *fields = head.decode("latin-1").split("\r\n")
        target = request.split()[1]
        self.targets.append(target)
        if self.answer is not None:
            client.sendall(self.answer)
        elif self._authorization and f"Proxy-Authorization: {self._authorization}" not in fields:
            client.sendall(b"HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n")
        else:
            host, _, port = target.rpartition(":")
            with socket.create_connection(("127.0.0.1" if host in self.names else host, int(port))) as server:
                client.sendall(_CONNECTED)
                self._join(client, server)

    @staticmethod
    def _join(client: socket.socket, server: socket.socket) -> None:
        back = threading.Thread(target=_copy, args=(server, client), daemon=True)
        back.start()
        _copy(client, server)
        back.join()


def _copy(source: socket.socket, target: socket.socket) -> None:
    with suppress(OSError):
        while data := source.recv(65536):
            target.sendall(data)
    with suppress(OSError):
        target.shutdown(socket.SHUT_WR)
