"""``make taint``: follow what comes from outside, and credentials, through all calls of the program, with Pysa.

Red if there is a way from a source of ``models.pysa`` to a sink that nobody has looked at, if one of ``leaks.py`` is
not found, or if a model names something that is no longer there.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Final

HERE: Final = Path(__file__).resolve().parent
ROOT: Final = HERE.parents[1]

# Pysa, and the type checker that it asks. Apart from the project's packages, whose versions it would hold back.
TOOLS: Final = ("--from", "pyre-check==0.10.0", "--with", "pyrefly==1.4.1")
PATIENCE_SECONDS: Final = 600

LEAKS: Final = {
    "executes": "executes",
    "states": "states",
    "marks_up": "marks up",
    "chooses_a_file": "chooses a file",
    "chooses_an_address": "chooses an address",
    "tells": "tells",
}
"""The rule that each function of ``leaks.py`` breaks."""

ACCEPTED: Final = {
    # Pysa does not see into dataclasses.replace: of its copy of a source, limits and URL count as the credential, too.
    "netbox_hedgehog.sync.preview._Look._compare: tells",
    "netbox_hedgehog.sync.probe.check_connection: tells",
}
"""What is found, was looked at, and is no leak."""


def main() -> int:
    parser = argparse.ArgumentParser(prog="make taint", description="Follow outside data and credentials.")
    parser.add_argument("uv", help="the program that brings Pysa")
    with tempfile.TemporaryDirectory(prefix="hedgehog-taint-") as scratch:
        found = _found(parser.parse_args().uv, Path(scratch))
    wanted = {f"tests.taint.leaks.{function}: {rule}" for function, rule in LEAKS.items()}
    others, missed = found - wanted - ACCEPTED, (wanted | ACCEPTED) - found
    sys.stdout.writelines(f"{line}\n" for line in sorted(others))
    sys.stdout.writelines(f"{line}: not found any more\n" for line in sorted(missed))
    sys.stdout.write(
        f"{len(found & wanted)} of {len(wanted)} leaks made on purpose were found, and {len(others)} others\n"
    )
    return 1 if others or missed else 0


def _found(uv: str, scratch: Path) -> set[str]:
    """Which function breaks which rule."""
    prefix = _run([uv, "tool", "run", "-q", *TOOLS, "python", "-c", "import sys; print(sys.prefix)"], scratch).strip()
    (scratch / ".pyre_configuration").write_text(
        json.dumps(
            {
                "source_directories": [str(ROOT)],
                "taint_models_path": [f"{prefix}/lib/pyre_check/taint/common", str(HERE)],
            }
        )
    )
    (scratch / "pyrefly.toml").write_text(
        f"project-includes = {json.dumps([f'{ROOT}/netbox_hedgehog/**/*.py', str(HERE / 'leaks.py')])}\n"
        f"search-path = {json.dumps([str(ROOT)])}\n"
        f"python-interpreter-path = {json.dumps(sys.executable)}\n"
    )
    _run([uv, "tool", "run", "-q", *TOOLS, "pyre", "--noninteractive", "analyze", "--save-results-to", "out"], scratch)
    errors = json.loads((scratch / "out" / "errors.json").read_text())
    return {f"{error['define']}: {error['name']}" for error in errors}


def _run(command: list[str], directory: Path) -> str:
    done = subprocess.run(command, cwd=directory, capture_output=True, text=True, timeout=PATIENCE_SECONDS, check=False)
    if done.returncode:
        sys.exit(f"{' '.join(command)} ended with {done.returncode}:\n{done.stdout[-3000:]}\n{done.stderr[-6000:]}")
    return done.stdout


if __name__ == "__main__":
    sys.exit(main())
