"""One readable stream out of many: each line is prefixed with the name of who said it, in that one's colour."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from itertools import cycle
from typing import Final, TextIO

COLOURS: Final = (36, 33, 32, 35, 34, 96, 93, 92)
WIDTH: Final = len("hedgehog")


class Printer:
    """Writes whole lines, from any thread; tells ``on_broken`` once when nobody reads them any more."""

    def __init__(self, stream: TextIO, on_broken: Callable[[], object]) -> None:
        self._stream = stream
        self._on_broken = on_broken
        self._is_broken = False
        self._lock = threading.Lock()
        self._coloured = stream.isatty() and "NO_COLOR" not in os.environ
        self._next_colour = cycle(COLOURS)
        self._colours: dict[str, int] = {}

    def line(self, name: str, text: str) -> None:
        """Print one line of ``name``."""
        with self._lock:
            if self._is_broken:
                return
            try:
                self._stream.write(f"{self._prefix(name)}{text.rstrip()}\n")
                self._stream.flush()
            except OSError:
                self._is_broken = True
                _discard(self._stream)
                self._on_broken()

    def _prefix(self, name: str) -> str:
        prefix = f"{name:<{WIDTH}} | "
        if not self._coloured:
            return prefix
        colour = self._colours.setdefault(name, 0) or next(self._next_colour)
        self._colours[name] = colour
        return f"\033[{colour}m{prefix}\033[0m"


def _discard(stream: TextIO) -> None:
    """Send the rest to nowhere, because Python flushes once more at exit and would fail again."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, stream.fileno())
    os.close(nowhere)
