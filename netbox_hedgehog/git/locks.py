"""A lock between processes, with a limit on the wait."""

from __future__ import annotations

import fcntl
import os
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

from netbox_hedgehog.errors import RetryLater

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from netbox_hedgehog.git.limits import Deadline

_POLL_SECONDS: Final = 0.02


@contextmanager
def exclusive(path: Path, deadline: Deadline) -> Iterator[None]:
    """Hold the lock file ``path``; the kernel frees it when its holder dies, however it dies.

    The file stays: deleting it would let two processes hold "the" lock on different files.
    Raises RetryLater ``git.mirror_busy`` when ``deadline`` passes first.
    """
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        while not _try_lock(descriptor):
            if deadline.passed:
                raise RetryLater(
                    "git.mirror_busy",
                    "Another process still fetches the same repository.",
                    "It is tried again by itself; a very large repository may need a longer timeout.",
                )
            time.sleep(_POLL_SECONDS)
        yield
    finally:
        os.close(descriptor)


def _try_lock(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
