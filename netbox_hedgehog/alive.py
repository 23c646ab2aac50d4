"""Whether the worker or beat of this machine is alive, by the file that it touches while its loop turns.

For probes of orchestrators, which ask every few seconds: without Django, broker or database, unless the file is old.
"""

from __future__ import annotations

import argparse
import socket
import time
from pathlib import Path
from typing import Final

from netbox_hedgehog.env import data_dir

WORKER: Final = "worker"
BEAT: Final = "beat"

STALE_SECONDS: Final = 60.0
"""A loop that turns touches its file at least every ten seconds."""

HELP: Final = (
    "Tell whether the worker or beat that runs on this machine is alive, for the probe of an orchestrator. Exit code:"
    " 0 alive, or waiting for a broker or database that does not answer; 1 not alive; 2 wrong use."
)
DEAD: Final = 1


def pulse_file(directory: Path, role: str, host: str) -> Path:
    """The file that the process of ``role`` on ``host`` touches; for a worker, ``host`` is its node name."""
    return directory / "pulse" / f"{role}-{host.replace('/', '_')}"


def own_name(role: str) -> str:
    """The name of the one process of ``role`` that this machine runs by default."""
    return f"celery@{socket.gethostname()}" if role == WORKER else socket.gethostname()


def age_seconds(file: Path) -> float:
    """Since when the file has not been touched; infinite if there is none."""
    try:
        return max(0.0, time.time() - file.stat().st_mtime)
    except FileNotFoundError:
        return float("inf")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments, the same with and without Django around them."""
    parser.add_argument("role", choices=[WORKER, BEAT], help="whose process")
    parser.add_argument(
        "--name", help="the worker's node name, if it was started with one (default: celery@ and this host's name)"
    )


def pulse(directory: Path, role: str, name: str | None) -> tuple[bool, str]:
    """Whether the process has touched its file in the data directory lately, and a sentence about it."""
    who = f"{role} {name or own_name(role)}"
    age = age_seconds(pulse_file(directory, role, name or own_name(role)))
    if age <= STALE_SECONDS:
        return True, f"{who} is alive."
    return False, f"{who} has never been alive here." if age == float("inf") else f"{who} was alive {age:.0f} s ago."


def main(arguments: list[str]) -> int | None:
    """The exit status; None if the file does not tell, and what the process needs has to be looked at."""
    parser = argparse.ArgumentParser(prog="netbox-hedgehog alive", description=HELP)
    add_arguments(parser)
    options = parser.parse_args(arguments)
    alive, sentence = pulse(data_dir(), options.role, options.name)
    if not alive:
        return None
    print(sentence)  # noqa: T201 - the answer of a command
    return 0
