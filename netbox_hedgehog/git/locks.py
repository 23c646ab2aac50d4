"""A lock between processes, with a limit on the wait."""

from __future__ import annotations

import fcntl
import os
import time
from contextlib import ExitStack, contextmanager
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

    Only who holds it may delete the file: those who wait for the deleted one notice, and take the new one.
    Raises RetryLater ``git.mirror_busy`` when ``deadline`` passes first.
    """
    while (descriptor := _try_lock(path)) is None:
        if deadline.passed:
            raise RetryLater(
                "git.mirror_busy",
                "Another process still fetches the same repository.",
                "It is tried again by itself; a very large repository may need a longer timeout.",
            )
        time.sleep(_POLL_SECONDS)
    try:
        yield
    finally:
        os.close(descriptor)


def _try_lock(path: Path) -> int | None:
    """The locked file's descriptor; None if another holds it."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    with ExitStack() as failing:
        failing.callback(os.close, descriptor)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return None
        if not is_at(path, descriptor):
            return None
        failing.pop_all()
    return descriptor


def is_at(path: Path, descriptor: int) -> bool:
    """Whether the open file is still the one of that name."""
    try:
        return os.path.samestat(path.stat(), os.fstat(descriptor))
    except FileNotFoundError:
        return False
