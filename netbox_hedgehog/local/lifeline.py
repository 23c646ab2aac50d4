"""Run one command for as long as the launcher lives; not imported, run as a script by the supervisor.

    lifeline.py GRACE_SECONDS COMMAND [ARGUMENT ...]

Standard input is a pipe from the launcher. Its end means "stop", whether the launcher closed it or was killed: the
command gets SIGTERM, then GRACE_SECONDS, then this whole process group is killed, so that nothing survives that the
command started. If the command ends by itself, its exit status is passed on.

It uses the standard library alone, because one of these stands beside every process.
"""

from __future__ import annotations

import os
import select
import signal
import subprocess
import sys
from contextlib import suppress


def main(grace_seconds: float, command: list[str]) -> int:
    # SIGCHLD needs a handler that does nothing: ignored, or left at its default, it would not wake the select.
    signal.signal(signal.SIGCHLD, lambda *_: None)
    woken, wake = os.pipe()
    for descriptor in (woken, wake):
        os.set_blocking(descriptor, False)
    signal.set_wakeup_fd(wake)
    child = subprocess.Popen(command, stdin=subprocess.DEVNULL)  # noqa: S603 - the launcher's own commands
    while child.poll() is None:
        ready, _, _ = select.select([sys.stdin, woken], [], [])
        if woken in ready:
            os.read(woken, 1024)
        if sys.stdin in ready:
            stop(child, grace_seconds)
    return child.returncode if child.returncode >= 0 else 128 - child.returncode


def stop(child: subprocess.Popen[bytes], grace_seconds: float) -> None:
    """End the command, then everything that it left behind, this process included."""
    child.terminate()
    with suppress(subprocess.TimeoutExpired):
        child.wait(grace_seconds)
    os.killpg(0, signal.SIGKILL)


if __name__ == "__main__":
    sys.exit(main(float(sys.argv[1]), sys.argv[2:]))
