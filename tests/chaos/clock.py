"""A clock that goes slower where the machine does not let a process work.

Promises are judged by it: on a machine that others keep busy, or that stands still for a while, everything takes
longer and nothing is late for it. Who gets half of a processor or more is not held up: two processors serve a dozen
processes here, and most of what is promised is waiting.
"""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Final, Self

_WORK_SECONDS: Final = 0.02
_PAUSE_SECONDS: Final = 0.18
_FAIR_SHARE: Final = 0.5


class MachineClock:
    """Seconds since it was started; a process of its own beats it, so nothing here slows it down."""

    def __enter__(self) -> Self:
        self._seconds = 0.0
        self._began = time.monotonic()
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.chaos.clock"],
            cwd=Path(__file__).resolve().parents[2],
            stdout=subprocess.PIPE,
            text=True,
        )
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._process.kill()
        self._process.wait()
        self._reader.join()
        assert self._process.stdout
        self._process.stdout.close()

    def _read(self) -> None:
        assert self._process.stdout
        for line in self._process.stdout:
            self._seconds = float(line)

    def __call__(self) -> float:
        """Now."""
        return self._seconds

    def stalled_seconds(self) -> float:
        """For how long the machine kept everybody waiting, of the time that a wall clock has counted."""
        return time.monotonic() - self._began - self._seconds


def _beat() -> None:
    seconds = 0.0
    while True:
        began, used = time.monotonic(), time.process_time()
        while time.process_time() - used < _WORK_SECONDS:
            pass
        worked = time.monotonic() - began
        share = min((time.process_time() - used) / worked / _FAIR_SHARE, 1)
        time.sleep(_PAUSE_SECONDS)
        paused = time.monotonic() - began - worked
        seconds += (worked + min(paused, _PAUSE_SECONDS)) * share
        sys.stdout.write(f"{seconds}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    _beat()
