"""Cuts the connections of an operation whose time is up.

libgit2's own timeout restarts with every byte, and no callback runs before the first object arrives: a server that
drips its greeting would hold a worker for ever.
"""

from __future__ import annotations

import os
import socket
import threading
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

    from netbox_hedgehog.git.limits import Deadline

# libgit2 may connect anew after a cut (to try the next address, or authentication), so it is repeated.
_AGAIN_SECONDS: Final = 0.2


@contextmanager
def cut_at(deadline: Deadline, addresses: tuple[str, ...]) -> Iterator[None]:
    """Shut down this process's connections to ``addresses`` once ``deadline`` passes inside the ``with``.

    Another thread's connection to the same server is cut too: it sees a broken connection and tries again later.
    """
    if not addresses:
        yield
        return
    done = threading.Event()
    thread = threading.Thread(target=_watch, args=(done, deadline, frozenset(addresses)), daemon=True)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()


def _watch(done: threading.Event, deadline: Deadline, addresses: frozenset[str]) -> None:
    wait = deadline.remaining_seconds
    while not done.wait(wait):
        _shut_down_connections(addresses)
        wait = _AGAIN_SECONDS


def _shut_down_connections(addresses: frozenset[str]) -> None:
    for entry in Path("/dev/fd").iterdir():
        # A duplicate pins the connection: the number may be closed and reused by another thread at any moment.
        with suppress(OSError, ValueError), socket.socket(fileno=os.dup(int(entry.name))) as connection:
            if connection.getpeername()[0] in addresses:
                connection.shutdown(socket.SHUT_RDWR)
