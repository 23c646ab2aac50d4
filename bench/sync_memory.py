"""Memory of a first sync, measured in a process of its own: `python -m bench.sync_memory URL`."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import cast

from bench.memory import status_mib


def measure(url: str) -> float:
    """MiB that the first sync of what ``url`` serves needs above the idle process."""
    command = [sys.executable, "-m", "bench.sync_memory", url]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    return cast("float", json.loads(done.stdout.splitlines()[-1]))


def _peak(url: str) -> float:
    from bench.sync_contestants import Ours  # noqa: PLC0415 - needs Django

    ours = Ours(url, Path(os.environ["HEDGEHOG_DATA_DIR"]) / "mirrors")
    idle = status_mib("VmRSS")
    Path("/proc/self/clear_refs").write_text("5")  # starts the peak anew
    ours.run()
    return status_mib("VmHWM") - idle


if __name__ == "__main__":
    from bench.environment import set_up_django

    set_up_django()
    print(json.dumps(_peak(sys.argv[1])))
