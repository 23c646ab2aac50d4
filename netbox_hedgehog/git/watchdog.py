"""Cuts the connections of an operation whose time is up, where libgit2's SSH library reads them by itself.

It has no limit on the whole: its timeout restarts with every byte, and no callback runs before the first object
arrives, so a server that drips its greeting would hold a worker for ever.
"""

from __future__ import annotations

import threading
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from netbox_hedgehog.git.dial import Dialler


@contextmanager
def cut_in_time(dialler: Dialler) -> Iterator[None]:
    """Shut down the connections of ``dialler`` once its deadline passes inside the ``with``.

    A connection that is opened later is refused by the dialler itself.
    """
    done = threading.Event()
    thread = threading.Thread(target=_watch, args=(done, dialler), daemon=True)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()


def _watch(done: threading.Event, dialler: Dialler) -> None:
    if not done.wait(dialler.deadline.remaining_seconds):
        with suppress(OSError):
            dialler.cut()
