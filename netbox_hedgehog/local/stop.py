"""A wish to stop that signal handlers may express."""

from __future__ import annotations

import os
import select
from contextlib import suppress


class Stop:
    """Like an event, but safe to set in a signal handler; one for the life of a process.

    ``threading.Event.set`` takes a lock which the interrupted thread may hold at that moment, in its own ``wait``; the
    process then hangs for ever. A byte in a pipe needs no lock.
    """

    def __init__(self) -> None:
        self._reading, self._writing = os.pipe()
        os.set_blocking(self._writing, False)

    def ask(self) -> None:
        """Let every wait, now and later, end at once."""
        with suppress(BlockingIOError):  # the pipe is full of earlier wishes
            os.write(self._writing, b"!")

    def wait(self, seconds: float | None = None) -> bool:
        """Wait until somebody asks to stop; return whether that was so."""
        return bool(select.select([self._reading], [], [], seconds)[0])
