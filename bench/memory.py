"""Memory of a tick, measured in a process of its own: `python -m bench.memory ours|naive|growth NOW [TICKS]`."""

from __future__ import annotations

import json
import subprocess
import sys
from datetime import datetime, timedelta
from pathlib import Path
from typing import cast

MIB = 1024**2


def measure(what: str, now: datetime, ticks: int = 1) -> float:
    """MiB that a tick needs above an idle process, or (``growth``) that ``ticks`` of them leave behind."""
    command = [sys.executable, "-m", "bench.memory", what, now.isoformat(), str(ticks)]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    return cast("float", json.loads(done.stdout))


def status_mib(name: str) -> float:
    """One of this process's sizes, in MiB."""
    line = next(line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith(f"{name}:"))
    return int(line.split()[1]) * 1024 / MIB


def _peak(what: str, now: datetime) -> float:
    from bench import contestants  # noqa: PLC0415 - needs Django

    tick = {"ours": contestants.ours, "naive": contestants.naive}[what]
    contestants.ours(now - timedelta(days=1))  # nothing is due then: loads what any process of ours has loaded
    idle = status_mib("VmRSS")
    Path("/proc/self/clear_refs").write_text("5")  # starts the peak anew
    tick(now)
    return status_mib("VmHWM") - idle


def _growth(now: datetime, ticks: int) -> float:
    """From the first tenth on: until then caches fill."""
    from bench import contestants, rows  # noqa: PLC0415 - needs Django

    start = 0.0
    for number in range(ticks + ticks // 10):
        if number == ticks // 10:
            start = status_mib("VmRSS")
        contestants.ours(now)
        rows.reset()
    return status_mib("VmRSS") - start


if __name__ == "__main__":
    from bench.environment import set_up_django

    set_up_django()
    what, moment = sys.argv[1], datetime.fromisoformat(sys.argv[2])
    print(json.dumps(_growth(moment, int(sys.argv[3])) if what == "growth" else _peak(what, moment)))
