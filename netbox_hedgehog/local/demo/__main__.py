"""Commit to the living demo fabric for ever: `python -m netbox_hedgehog.local.demo`."""

from __future__ import annotations

import argparse
import signal
import sys
from pathlib import Path
from typing import Final

import pygit2

from netbox_hedgehog.local.demo import repositories
from netbox_hedgehog.local.demo.edits import edit
from netbox_hedgehog.local.demo.fabrics import directory
from netbox_hedgehog.local.demo.plans import CHANGING
from netbox_hedgehog.local.stop import Stop

INTERVAL_SECONDS: Final = 60.0
COMMITS_PER_PACK: Final = 100


def change_once(path: Path) -> str:
    """Make the next change and return a line about it."""
    number = repositories.history(path)
    before = repositories.read(path)
    after, message = edit(before, directory(CHANGING), number)
    commit = repositories.commit(path, before, after, message)
    if number % COMMITS_PER_PACK == 0:
        repositories.compact(path)
    return f"{CHANGING.name} {commit}: {message}"


def run(root: Path, interval: float, stop: Stop) -> None:
    """Change the fabric every ``interval`` seconds until somebody asks to stop."""
    path = repositories.path_of(root, CHANGING)
    while not stop.wait(interval):
        try:
            line = change_once(path)
        except (pygit2.GitError, OSError) as error:
            line = f"{CHANGING.name} was not changed this time: {error}"
        sys.stdout.write(line + "\n")
        sys.stdout.flush()


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m netbox_hedgehog.local.demo", description=__doc__)
    parser.add_argument("root", type=Path, help="directory of the demo's repositories")
    parser.add_argument("--interval", type=float, default=INTERVAL_SECONDS, help="seconds between two commits")
    arguments = parser.parse_args()
    stop = Stop()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.ask())
    run(arguments.root, arguments.interval, stop)


if __name__ == "__main__":
    main()
