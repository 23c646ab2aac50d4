"""Keep processes running: each behind a lifeline, restarted when it dies, stopped with everything it started.

Written here because honcho, the well-known choice, ends all processes when one ends, forks a process per command
that outlives a killed launcher, and fails on a signal that comes before every process has started.
"""

from __future__ import annotations

import ctypes
import os
import signal
import subprocess
import sys
import threading
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from netbox_hedgehog.local.printer import Printer

LIFELINE: Final = Path(__file__).with_name("lifeline.py")
FIRST_DELAY_SECONDS: Final = 1.0
LONGEST_DELAY_SECONDS: Final = 30.0
# Whoever ran this long was healthy, so its next death counts as a first one.
HEALTHY_SECONDS: Final = 60.0
# What it takes, beyond its grace, until a killed process is gone; one that hangs in the kernel is not waited for.
MARGIN_SECONDS: Final = 2.0
PR_SET_CHILD_SUBREAPER: Final = 36


@dataclass(frozen=True)
class Service:
    """A command to keep running.

    ``grace_seconds`` is what it gets to end by itself when told to; empty lines and those that contain one of
    ``unsaid`` are not passed on.
    """

    name: str
    command: tuple[str, ...]
    grace_seconds: float = 5.0
    unsaid: tuple[str, ...] = ()


class Supervisor:
    """Starts services and keeps them alive, each in a thread of its own, until it is told to stop."""

    def __init__(self, printer: Printer, environment: dict[str, str], lock: int | None = None) -> None:
        self._printer = printer
        self._environment = environment
        self._lock = lock
        self._running: dict[str, _Keeper] = {}

    def start(self, service: Service) -> None:
        """Start a service and return at once."""
        keeper = _Keeper(service, self._printer, self._environment, self._lock)
        self._running[service.name] = keeper
        keeper.start()

    def stop(self, *names: str) -> None:
        """Stop the named services, or all, at the same time; return when nothing of them is left."""
        stopping = [self._running.pop(name) for name in names or tuple(self._running)]
        for keeper in stopping:
            keeper.tell_to_stop()
        for keeper in stopping:
            keeper.join(keeper.grace_seconds + MARGIN_SECONDS)

    def names(self) -> tuple[str, ...]:
        """The services that are kept running, in the order they were started."""
        return tuple(self._running)


class _Keeper(threading.Thread):
    def __init__(self, service: Service, printer: Printer, environment: dict[str, str], lock: int | None) -> None:
        super().__init__(name=service.name, daemon=True)
        self.grace_seconds = service.grace_seconds
        self._service = service
        self._printer = printer
        self._environment = environment
        self._pass_fds = () if lock is None else (lock,)
        self._stopping = threading.Event()
        self._guard = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None

    def tell_to_stop(self) -> None:
        self._stopping.set()
        self._let_go()

    def run(self) -> None:
        delay = 0.0
        while not self._stopping.is_set():
            started = time.monotonic()
            status = self._run_once()
            delay = delay_after(delay, time.monotonic() - started)
            if not self._stopping.is_set():
                self._say(f"{describe(status)}; starting it again in {delay:.0f} s")
            self._stopping.wait(delay)

    def _run_once(self) -> int:
        process = self._spawn()
        if process is None:
            return 0
        reader = threading.Thread(target=self._pass_on_output, args=(process,), daemon=True)
        reader.start()
        status = process.wait()
        # A killed command leaves its children behind, and they would go on working beside the new one.
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        reader.join()
        self._let_go()
        _reap_orphans(process.pid)
        return status

    def _spawn(self) -> subprocess.Popen[bytes] | None:
        with self._guard:
            if self._stopping.is_set():
                return None
            self._process = subprocess.Popen(  # noqa: S603 - the launcher's own commands
                [
                    *(sys.executable, "-I", "-S", str(LIFELINE)),
                    *(str(self._service.grace_seconds), *self._service.command),
                ],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                env=self._environment,
                start_new_session=True,
                pass_fds=self._pass_fds,
            )
            return self._process

    def _let_go(self) -> None:
        """Close the pipe whose end tells the lifeline to stop."""
        with self._guard:
            if self._process and self._process.stdin:
                self._process.stdin.close()

    def _pass_on_output(self, process: subprocess.Popen[bytes]) -> None:
        if process.stdout is None:
            return
        with process.stdout:
            for raw in process.stdout:
                line = raw.decode(errors="replace")
                if line.strip() and not any(text in line for text in self._service.unsaid):
                    self._printer.line(self._service.name, line)

    def _say(self, text: str) -> None:
        self._printer.line("hedgehog", f"{time.strftime('%H:%M:%S')} {self._service.name} {text}")


def delay_after(last_delay: float, ran_seconds: float) -> float:
    """How long to wait before a process that ended is started again."""
    if ran_seconds >= HEALTHY_SECONDS:
        return FIRST_DELAY_SECONDS
    return min(max(FIRST_DELAY_SECONDS, 2 * last_delay), LONGEST_DELAY_SECONDS)


def describe(status: int) -> str:
    """How a process ended, in words; ``status`` as Popen gives it or as a shell would."""
    number = -status if status < 0 else status - 128
    try:
        return f"was killed by {signal.Signals(number).name}"
    except ValueError:
        return f"ended with status {status}"


def adopt_orphans() -> None:
    """Become the parent of grandchildren whose parent dies, on Linux: a container's process 1 may reap nobody."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def _reap_orphans(group: int) -> None:
    with suppress(ChildProcessError):
        while True:
            os.waitpid(-group, 0)
