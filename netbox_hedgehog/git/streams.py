"""libgit2's network connections, made by this process's own dialler instead of libgit2.

libgit2 resolves a name and connects by itself: between any check of the name before that and its own look-up the answer
may change (DNS rebinding), a redirect connects anew, and its trusted authorities and timeouts are one set for the whole
process. It takes connections from its host program instead (``git2/sys/stream.h``), for http, https and ssh alike. So
every connection is opened by :class:`~netbox_hedgehog.git.dial.Dialler`, to the very address that was checked.

The declarations below mirror libgit2 1.9, the series of every pygit2 that pyproject.toml admits; another one is refused
on import, because a structure of another shape would be read as nonsense.
"""

from __future__ import annotations

import os
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any, Final

import pygit2
from cffi import FFI
from pygit2 import _libgit2

from netbox_hedgehog.git.failures import timed_out

if TYPE_CHECKING:
    from netbox_hedgehog.git.dial import Dialler

_SERIES: Final = "1.9."
if not pygit2.LIBGIT2_VERSION.startswith(_SERIES):
    raise ImportError(f"netbox-hedgehog needs libgit2 {_SERIES}x, and this pygit2 brings {pygit2.LIBGIT2_VERSION}.")

_ffi: Final = FFI()
# What follows `parent` belongs to libgit2's own socket stream: its SSH transport takes the descriptor from there.
_ffi.cdef("""
    typedef struct git_stream {
        int version;
        unsigned int encrypted : 1, proxy_support : 1;
        int timeout;
        int connect_timeout;
        int (*connect)(struct git_stream *);
        int (*certificate)(void **, struct git_stream *);
        int (*set_proxy)(struct git_stream *, const void *);
        ssize_t (*read)(struct git_stream *, void *, size_t);
        ssize_t (*write)(struct git_stream *, const char *, size_t, int);
        int (*close)(struct git_stream *);
        void (*free)(struct git_stream *);
    } git_stream;
    typedef struct {
        git_stream parent;
        char *host;
        char *port;
        int s;
    } git_socket_stream;
    typedef struct {
        int version;
        int (*init)(git_stream **, const char *, const char *);
        int (*wrap)(git_stream **, git_stream *, const char *);
    } git_stream_registration;
    typedef struct {
        int cert_type;
        int type;
        unsigned char hash_md5[16];
        unsigned char hash_sha1[20];
        unsigned char hash_sha256[32];
        int raw_type;
        const char *hostkey;
        size_t hostkey_len;
    } git_cert_hostkey;
    int git_stream_register(int, git_stream_registration *);
    int git_error_set_str(int, const char *);
""")
# A look-up in a library searches those that it is linked with: this finds the libgit2 that pygit2 itself uses.
_libgit2_library: Final = _ffi.dlopen(_libgit2.__file__)

_CERT_HOSTKEY: Final = 2
_STREAM_VERSION: Final = 1
_PLAIN: Final = 1
_TLS: Final = 2
_GIT_ERROR_NET: Final = 12
_FAILED: Final = -1

_current: Final = threading.local()
# By the address of its structure: libgit2 knows nothing else of a stream, and keeps it until it calls `free`.
_open_streams: Final[dict[int, _Stream]] = {}


@contextmanager
def dialling(dialler: Dialler) -> Iterator[None]:
    """Let ``dialler`` make every connection that libgit2 opens in this thread inside the ``with``."""
    outer = getattr(_current, "dialler", None)
    _current.dialler = dialler
    try:
        yield
    finally:
        _current.dialler = outer


def host_key_at(address: int) -> bytes:
    """The SSH server's key (in its wire form) from the ``git_cert`` at ``address``; nothing if that is no host key."""
    certificate = _ffi.cast("git_cert_hostkey *", address)
    if certificate.cert_type != _CERT_HOSTKEY or not certificate.hostkey:
        return b""
    return bytes(_ffi.buffer(certificate.hostkey, certificate.hostkey_len))


class _Stream:
    """One connection in libgit2's hands."""

    def __init__(self, dialler: Dialler, host: str, port: int, *, tls: bool) -> None:
        self.dialler = dialler
        self._where = (host, port)
        self._tls = tls
        self._socket: socket.socket | None = None
        self._raw = -1
        self.structure = _ffi.new("git_socket_stream *")
        self.structure.s = -1
        parent = self.structure.parent
        parent.version = _STREAM_VERSION
        # Not "encrypted", although it may be: that only makes libgit2 ask for the certificate, which the dialler has
        # verified already.
        parent.connect, parent.read, parent.write = _connect, _read, _write
        parent.close, parent.free = _close, _free

    def connect(self) -> int:
        connection = self.dialler.connect(*self._where, tls=self._tls)
        if self.dialler.wants_descriptor:  # libssh2 reads and writes by itself
            connection.setblocking(True)
            self.structure.s = self._raw = connection.detach()
        else:
            self._socket = connection
        return 0

    def read(self, buffer: Any, length: int) -> int:
        count = self._ready().recv_into(_ffi.buffer(buffer, length))
        self.dialler.count_received(count)
        return count

    def write(self, data: Any, length: int, _flags: int) -> int:
        self._ready().sendall(_ffi.buffer(data, length))
        return length

    def close(self) -> int:
        if self._socket is not None:
            self._socket.close()
            self._socket = None
        if self._raw >= 0:
            os.close(self._raw)
            self.structure.s = self._raw = -1
        return 0

    def _ready(self) -> socket.socket:
        """The socket, which waits no longer than the operation may last."""
        if self._socket is None:
            raise ConnectionError("the connection is closed")
        remaining = self.dialler.deadline.remaining_seconds
        if not remaining:
            raise timed_out(self.dialler.limits)
        self._socket.settimeout(remaining)
        return self._socket


def _new(out: Any, host: Any, port: Any, *, tls: bool) -> int:
    dialler: Dialler | None = getattr(_current, "dialler", None)
    if dialler is None:
        return _fail("this program opens no connections outside of its dialler")
    with _keeping_failure(dialler) as outcome:
        stream = _Stream(dialler, _ffi.string(host).decode(), int(_ffi.string(port)), tls=tls)
        address = _ffi.addressof(stream.structure, "parent")
        _open_streams[int(_ffi.cast("uintptr_t", address))] = stream
        out[0] = address
        outcome.result = 0
    return outcome.result


class _Outcome:
    result = _FAILED


@contextmanager
def _keeping_failure(dialler: Dialler) -> Iterator[_Outcome]:
    """Keep what is raised for the caller of libgit2: no exception crosses C, and no time limit may get lost."""
    outcome = _Outcome()
    try:
        yield outcome
    except BaseException as error:  # noqa: BLE001 - raised again on the other side of libgit2
        dialler.failure = dialler.failure or error
        _fail(str(error))


def _fail(reason: str) -> int:
    _libgit2_library.git_error_set_str(_GIT_ERROR_NET, reason.encode(errors="backslashreplace"))
    return _FAILED


def _calls(method: Callable[..., int]) -> Callable[..., int]:
    """A C callback of a stream as a method of the object behind it."""

    def call(pointer: Any, *arguments: Any) -> int:
        stream = _open_streams[int(_ffi.cast("uintptr_t", pointer))]
        with _keeping_failure(stream.dialler) as outcome:
            outcome.result = method(stream, *arguments)
        return outcome.result

    return call


def _forget(pointer: Any) -> None:
    with suppress(OSError):
        _open_streams.pop(int(_ffi.cast("uintptr_t", pointer))).close()


_connect: Final = _ffi.callback("int(git_stream *)", _calls(_Stream.connect), error=_FAILED)
_read: Final = _ffi.callback("ssize_t(git_stream *, void *, size_t)", _calls(_Stream.read), error=_FAILED)
_write: Final = _ffi.callback("ssize_t(git_stream *, const char *, size_t, int)", _calls(_Stream.write), error=_FAILED)
_close: Final = _ffi.callback("int(git_stream *)", _calls(_Stream.close), error=_FAILED)
_free: Final = _ffi.callback("void(git_stream *)", _forget)
_init: Final = "int(git_stream **, const char *, const char *)"
_init_plain: Final = _ffi.callback(_init, lambda *given: _new(*given, tls=False), error=_FAILED)
_init_tls: Final = _ffi.callback(_init, lambda *given: _new(*given, tls=True), error=_FAILED)


def _register() -> None:
    for kind, init in ((_PLAIN, _init_plain), (_TLS, _init_tls)):
        # libgit2 copies it.
        registration = _ffi.new("git_stream_registration *", {"version": _STREAM_VERSION, "init": init})
        if _libgit2_library.git_stream_register(kind, registration) < 0:
            raise ImportError("libgit2 does not let this program make its connections.")


_register()
