"""Real Git servers on loopback: a smart HTTP one behind ``git http-backend``, and a few hostile ones."""

from __future__ import annotations

import base64
import hmac
import os
import socket
import ssl
import subprocess
import threading
import zlib
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING, Self
from urllib.parse import unquote, urlsplit

import pygit2

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

_SIGNATURE_TIME = 1_700_000_000


def clean_git_environment() -> dict[str, str]:
    """An environment in which no configuration of this machine changes what the git command does."""
    environment = {key: value for key, value in os.environ.items() if not key.startswith("GIT_")}
    return environment | {
        "GIT_CONFIG_GLOBAL": os.devnull,
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_TERMINAL_PROMPT": "0",
        "HOME": os.devnull,
    }


def commit_files(
    repo_path: Path,
    files: Mapping[str, bytes | None],
    message: str,
    *,
    branch: str = "main",
    modes: Mapping[str, pygit2.enums.FileMode] | None = None,
) -> str:
    """Commit ``files`` (None deletes one) on ``branch`` of the bare repository, made on demand; return the hex id.

    ``modes`` gives other Git file modes than a regular file's; under a submodule's mode the content is its commit id.
    """
    repository = _bare(repo_path)
    reference = f"refs/heads/{branch}"
    parents = [repository.references[reference].target] if reference in repository.references else []
    index = pygit2.Index()
    if parents:
        index.read_tree(repository[parents[0]].peel(pygit2.Tree))
    for path, content in files.items():
        if content is None:
            index.remove(path)
            continue
        mode = (modes or {}).get(path, pygit2.enums.FileMode.BLOB)
        submodule = mode == pygit2.enums.FileMode.COMMIT
        oid = pygit2.Oid(hex=content.decode()) if submodule else repository.create_blob(content)
        index.add(pygit2.IndexEntry(path, oid, mode))
    who = pygit2.Signature("Test", "test@example.com", _SIGNATURE_TIME, 0)
    tree = index.write_tree(repository)
    return str(repository.create_commit(reference, who, who, message, tree, parents))


def _bare(path: Path) -> pygit2.Repository:
    if path.exists():
        return pygit2.Repository(str(path))
    return pygit2.init_repository(str(path), bare=True, initial_head="main")


class GitServer:
    """Serves every bare repository below ``root`` over smart HTTP, with Basic authentication if a user is given.

    ``requests`` counts the HTTP requests answered; ``fetches`` those that asked for a pack.
    ``redirect_to`` (a base URL) and ``status`` are given as answers instead while set;
    ``spoil`` may change the bytes of each response body before they are sent.
    """

    def __init__(
        self,
        root: Path,
        username: str | None = None,
        password: str | None = None,
        *,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self.root = root
        self.requests = 0
        self.fetches = 0
        self.redirect_to: str | None = None
        self.status: int | None = None
        self.spoil: Callable[[bytes], bytes] | None = None
        self._tls = tls
        self._lock = threading.Lock()
        pair = base64.b64encode(f"{username}:{password or ''}".encode()).decode()
        self._authorization = None if username is None else f"Basic {pair}"

    def __enter__(self) -> Self:
        server = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                server.answer(self)

            def do_POST(self) -> None:
                server.answer(self)

            def log_message(self, *_: object) -> None:
                pass

        self._http = _QuietServer(("127.0.0.1", 0), Handler)
        if self._tls is not None:
            self._http.socket = self._tls.wrap_socket(
                self._http.socket, server_side=True, do_handshake_on_connect=False
            )
        self._thread = threading.Thread(target=self._http.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._http.shutdown()
        self._thread.join()
        self._http.server_close()

    @property
    def port(self) -> int:
        return int(self._http.server_address[1])

    def url(self, name: str) -> str:
        scheme = "http" if self._tls is None else "https"
        return f"{scheme}://127.0.0.1:{self.port}/{name}"

    def answer(self, request: BaseHTTPRequestHandler) -> None:
        # libgit2 sends a request in two writes and waits for the acknowledgement of the first, 40 ms if it is delayed.
        request.connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_QUICKACK, 1)
        body = _read_body(request)
        with self._lock:
            self.requests += 1
            self.fetches += request.command == "POST"
        if self.redirect_to is not None:
            _send(request, 301, {"Location": self.redirect_to + request.path})
        elif self.status is not None:
            _send(request, self.status, {})
        elif not self._authorized(request):
            _send(request, 401, {"WWW-Authenticate": 'Basic realm="git"'})
        else:
            status, headers, content = self.ask_git(request, body)
            _send(request, status, headers, self.spoil(content) if self.spoil is not None else content)

    def _authorized(self, request: BaseHTTPRequestHandler) -> bool:
        given = request.headers.get("Authorization", "")
        return self._authorization is None or hmac.compare_digest(given.encode(), self._authorization.encode())

    def ask_git(self, request: BaseHTTPRequestHandler, body: bytes) -> tuple[int, dict[str, str], bytes]:
        """Status, headers and body of the answer."""
        parts = urlsplit(request.path)
        environment = clean_git_environment() | {
            "GIT_PROJECT_ROOT": str(self.root),
            "GIT_HTTP_EXPORT_ALL": "1",
            "PATH_INFO": unquote(parts.path),
            "QUERY_STRING": parts.query,
            "REQUEST_METHOD": request.command,
            "CONTENT_TYPE": request.headers.get("Content-Type", ""),
            "CONTENT_LENGTH": str(len(body)),
            "REMOTE_ADDR": "127.0.0.1",
            "GIT_CONFIG_COUNT": "1",
            "GIT_CONFIG_KEY_0": "safe.directory",
            "GIT_CONFIG_VALUE_0": "*",
        }
        done = subprocess.run(["git", "http-backend"], input=body, env=environment, capture_output=True, check=False)
        head, _, content = done.stdout.partition(b"\r\n\r\n")
        headers = dict(line.split(": ", 1) for line in head.decode("latin-1").split("\r\n") if line)
        return int(headers.pop("Status", "200 OK").split()[0]), headers, content


class _QuietServer(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def handle_error(self, *_: object) -> None:
        """A client that hangs up in the middle is what several tests are about."""


def _read_body(request: BaseHTTPRequestHandler) -> bytes:
    if request.headers.get("Transfer-Encoding", "").lower() == "chunked":
        body = bytearray()
        while size := int(request.rfile.readline().split(b";")[0], 16):
            body += request.rfile.read(size)
            request.rfile.readline()
        request.rfile.readline()
        data = bytes(body)
    else:
        data = request.rfile.read(int(request.headers.get("Content-Length", 0)))
    return zlib.decompress(data, 31) if request.headers.get("Content-Encoding") == "gzip" else data


def _send(request: BaseHTTPRequestHandler, status: int, headers: Mapping[str, str], content: bytes = b"") -> None:
    request.log_request = lambda *_: None  # type: ignore[method-assign]
    request.send_response(status)
    for name, value in headers.items():
        if name.lower() not in {"content-length", "connection"}:
            request.send_header(name, value)
    request.send_header("Content-Length", str(len(content)))
    head = b"".join([*request._headers_buffer, b"\r\n"])  # type: ignore[attr-defined]
    request._headers_buffer = []  # type: ignore[attr-defined]
    # One write: with two, the kernel's delayed acknowledgement costs the client 40 ms.
    request.wfile.write(head + content)


@contextmanager
def tcp_server(talk: Callable[[socket.socket, threading.Event], None]) -> Iterator[str]:
    """Serve each connection with ``talk(connection, stop)`` in a thread; yields the server's URL."""
    stop = threading.Event()
    threads: list[threading.Thread] = []
    connections: list[socket.socket] = []
    listener = socket.create_server(("127.0.0.1", 0))

    def accept() -> None:
        with suppress(OSError):
            while True:
                connection, _ = listener.accept()
                connections.append(connection)
                threads.append(threading.Thread(target=serve, args=(connection,), daemon=True))
                threads[-1].start()

    def serve(connection: socket.socket) -> None:
        with connection, suppress(OSError):
            talk(connection, stop)

    acceptor = threading.Thread(target=accept, daemon=True)
    acceptor.start()
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}/fabric.git"
    finally:
        stop.set()
        with suppress(OSError):
            listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        for connection in connections:
            connection.close()
        for thread in (acceptor, *threads):
            thread.join()


def hang(connection: socket.socket, stop: threading.Event) -> None:
    """Take the request and never say a word."""
    connection.recv(65536)
    stop.wait()


def drip_greeting(connection: socket.socket, stop: threading.Event) -> None:
    """Answer the list of refs with one byte at a time, for ever."""
    connection.recv(65536)
    connection.sendall(
        b"HTTP/1.1 200 OK\r\nContent-Type: application/x-git-upload-pack-advertisement\r\n"
        b"Content-Length: 100000\r\n\r\n001e# service=git-upload-pack\n0000fff0"
    )
    while not stop.wait(0.05):
        connection.sendall(b"0")
