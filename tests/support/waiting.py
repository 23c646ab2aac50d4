"""Waiting for what other processes do."""

from __future__ import annotations

import time
from collections.abc import Callable

PATIENCE_SECONDS = 60


def eventually[T](
    look: Callable[[], T],
    what: str,
    *,
    patience_seconds: float = PATIENCE_SECONDS,
    clock: Callable[[], float] = time.monotonic,
) -> T:
    """The first true answer of ``look``; another process makes it true, so there is no event to await."""
    deadline = clock() + patience_seconds
    while not (answer := look()):
        assert clock() < deadline, f"not within {patience_seconds} s: {what}"
        time.sleep(0.05)
    return answer
