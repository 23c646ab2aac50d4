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
    f"tests.taint.leaks.{name}"
    for name in ("executes", "states", "marks_up", "chooses_a_file", "chooses_an_address", "tells")
}
"""What must be found."""


def main() -> int:
    parser = argparse.ArgumentParser(prog="make taint", description="Follow outside data and credentials.")
    parser.add_argument("uv", help="the program that brings Pysa")
    uv = parser.parse_args().uv
    with tempfile.TemporaryDirectory(prefix="hedgehog-taint-") as scratch:
        found = _found(uv, Path(scratch))
    for name, what in found.items() - {(name, name.rpartition(".")[2].replace("_", " ")) for name in LEAKS}:
        print(f"{name}: {what}")
    missed = LEAKS - found.keys()
    for name in missed:
        print(f"{name}: not found, so its rule finds nothing any more")
    others = found.keys() - LEAKS
    print(f"{len(LEAKS - missed)} of {len(LEAKS)} leaks made on purpose found, {len(others)} others")
    return 1 if missed or others else 0


def _found(uv: str, scratch: Path) -> dict[str, str]:
    """The rule that each function breaks, by its dotted name."""
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
    return {error["define"]: error["name"] for error in errors}


def _run(command: list[str], directory: Path) -> str:
    done = subprocess.run(command, cwd=directory, capture_output=True, text=True, timeout=PATIENCE_SECONDS, check=False)
    if done.returncode:
        sys.exit(f"{' '.join(command)} ended with {done.returncode}:\n{done.stdout[-3000:]}\n{done.stderr[-6000:]}")
    return done.stdout


if __name__ == "__main__":
    sys.exit(main())
