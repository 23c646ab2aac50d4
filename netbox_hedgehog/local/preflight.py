"""What must hold before anything is started: a free web port, and no other run on the same data."""

from __future__ import annotations

import errno
import fcntl
import os
import socket
import time
from pathlib import Path
from typing import Final

STOPPING_SECONDS: Final = 15.0


class CannotStartError(Exception):
    """Said to the operator as it is; the launcher ends with status 2."""


def check_port(host: str, port: int) -> None:
    """Make sure that the web server will be able to listen there.

    Raises:
        CannotStartError: with what to do about it.

    """
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        with socket.socket(family, kind, protocol) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(address)
    except OSError as error:
        raise CannotStartError(_why(error, host, port)) from error


def _why(error: OSError, host: str, port: int) -> str:
    if error.errno == errno.EADDRINUSE:
        return f"Port {port} on {host} is taken by another program. Choose another one: --port {port + 1}"
    if error.errno == errno.EACCES:
        return f"Port {port} needs privileges that this user does not have. Choose one above 1023: --port 8000"
    return f"Cannot listen on {host}: {error.strerror}. Choose another address: --host 127.0.0.1"


def lock(path: Path) -> int:
    """Take the lock of a data directory and return its descriptor, which holds it for as long as it is open.

    The lifelines inherit it. So after a killed launcher the next run waits until everything has ended, instead of
    starting a second broker on the same files.

    Raises:
        CannotStartError: another run has it.

    """
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    deadline = time.monotonic() + STOPPING_SECONDS
    while not _try_lock(descriptor):
        owner = int(os.pread(descriptor, 20, 0) or 0)
        if _is_alive(owner) or time.monotonic() > deadline:
            os.close(descriptor)
            raise CannotStartError(
                f"Another run (process {owner}) uses {path.parent}. Stop it with Ctrl-C or `kill {owner}`, or give "
                "this one a directory of its own with HEDGEHOG_DATA_DIR."
            )
        time.sleep(0.1)
    os.ftruncate(descriptor, 0)
    os.pwrite(descriptor, str(os.getpid()).encode(), 0)
    return descriptor


def _try_lock(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _is_alive(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return process > 0
