"""``make fuzz``: give one parser its kept inputs, then random ones that its coverage guides (see ``run``)."""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from tests.fuzz.run import HARNESSES
from tests.support.servers import start_postgresql


def main() -> int:
    parser = argparse.ArgumentParser(prog="make fuzz", description="Fuzz a parser of outside bytes.")
    parser.add_argument("name", choices=HARNESSES, help="the parser")
    parser.add_argument("--seconds", type=int, default=60, help="how long (default: %(default)s)")
    parser.add_argument(
        "--data", type=Path, default=Path("var/fuzz"), help="where to keep what is learnt, and failures"
    )
    parser.add_argument("--postgresql", action="store_true", help="for pages and forms, instead of SQLite")
    options, more = parser.parse_known_args()
    # The fuzzer ends its process at once, so another one looks after the database and what lies about.
    with tempfile.TemporaryDirectory(prefix="hedgehog-fuzz-") as scratch:
        environment = {name: value for name, value in os.environ.items() if not name.startswith("HEDGEHOG_")} | {
            "TMPDIR": scratch,
            "HEDGEHOG_DATA_DIR": f"{scratch}/var",
            "DATABASE_URL": "sqlite:///:memory:",
            "CELERY_BROKER_URL": "memory://",
            "HEDGEHOG_LOG_LEVEL": "CRITICAL",
            "HEDGEHOG_GIT_SCHEMES": "https,ssh,http",
        }
        if options.postgresql:
            os.environ["XDG_RUNTIME_DIR"] = scratch
            environment["DATABASE_URL"] = start_postgresql(Path(scratch) / "pg")
        directory = options.data.resolve() / options.name
        command = [sys.executable, "-m", "tests.fuzz.run", options.name, str(options.seconds), str(directory), *more]
        return subprocess.run(command, env=environment, check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
