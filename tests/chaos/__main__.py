"""``make soak``: chaos for as long as you like."""

from __future__ import annotations

import argparse
import random
import sys
import tempfile
from contextlib import nullcontext
from pathlib import Path

from tests.chaos.story import play


def main() -> int:
    parser = argparse.ArgumentParser(prog="make soak", description="Let faults happen to a whole system.")
    parser.add_argument("--faults", type=int, default=3000, help="how many (default: %(default)s, about an hour)")
    parser.add_argument("--seed", type=int, default=random.randrange(10**6), help="to have the same ones again")
    parser.add_argument("--fabrics", type=int, default=200)
    parser.add_argument("--broker", choices=("valkey", "rabbitmq"), default="valkey")
    parser.add_argument("--keep", type=Path, metavar="DIRECTORY", help="keep logs and data there")
    options = parser.parse_args()
    scratch = nullcontext(options.keep) if options.keep else tempfile.TemporaryDirectory(prefix="hedgehog-chaos-")
    with scratch as directory:
        report = play(
            Path(directory),
            faults=options.faults,
            seed=options.seed,
            broker=options.broker,
            fabrics=options.fabrics,
        )
    sys.stdout.write(f"{report.as_text()}\n")
    return 1 if report.broken else 0


if __name__ == "__main__":
    sys.exit(main())
