"""Every parser of outside bytes takes its kept inputs and some seconds of new ones; `make fuzz` goes on for longer."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from tests.fuzz import run
from tests.fuzz.run import HARNESSES, HERE, KEPT

SECONDS = 2
PAGES = ("forms", "requests")
RUNS = [*((name,) for name in HARNESSES), *((name, "--postgresql") for name in PAGES)]

BROKEN = {
    "raises": "raise KeyError",
    "hoards": "hoard = bytearray(2 * 1024**3); hoard[::4096] = b'x' * len(hoard[::4096])",
    "dawdles": "import time; time.sleep(60)",
}


def fuzz(*arguments: str, data: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "tests.fuzz", *arguments, "--seconds", str(SECONDS), "--data", str(data)],
        capture_output=True,
        text=True,
        errors="replace",
        check=False,
    )


@pytest.mark.timeout(300)
@pytest.mark.parametrize("arguments", RUNS, ids=" ".join)
def test_a_parser_keeps_its_promise_whatever_it_is_given(arguments, tmp_path):
    done = fuzz(*arguments, data=tmp_path)
    assert done.returncode == 0, done.stderr[-8000:]


@pytest.mark.skipif(run.atheris is None, reason="atheris has no wheel for this platform")
@pytest.mark.parametrize("fault", BROKEN)
def test_the_fuzzer_notices_a_parser_that_raises_or_takes_too_much(fault, tmp_path):
    code = f"""
import sys
from pathlib import Path
from types import SimpleNamespace
from tests.fuzz import run

def take(data):
    if data.startswith(b"new"):
        {BROKEN[fault]}

run.KEPT, run.SECONDS_PER_INPUT = Path(sys.argv[1]), 1
run._load = lambda name: SimpleNamespace(take=take, WORDS=(b"new",))
run.main("parser", 20, Path(sys.argv[1], "data"), [])
"""
    (tmp_path / "parser").mkdir()
    (tmp_path / "parser" / "sound").write_bytes(b"n")
    script = tmp_path / "script.py"
    script.write_text(code)
    environment = os.environ | {"PYTHONPATH": str(HERE.parents[1])}
    done = subprocess.run(
        [sys.executable, script, tmp_path],
        env=environment,
        capture_output=True,
        text=True,
        errors="replace",
        check=False,
    )
    assert done.returncode != 0
    assert list((tmp_path / "data" / "failures").iterdir()) or fault == "hoards"


def test_a_kept_input_that_fails_is_named(tmp_path, monkeypatch):
    (tmp_path / "parser").mkdir()
    (tmp_path / "parser" / "crasher").write_bytes(b"x")
    harness = type("Harness", (), {"take": staticmethod(lambda _data: 1 / 0), "WORDS": ()})
    monkeypatch.setattr(run, "KEPT", tmp_path)
    monkeypatch.setattr(run, "_load", lambda _name: harness)
    with pytest.raises(ZeroDivisionError) as failure:
        run.main("parser", 0, tmp_path, [])
    assert "parser/crasher" in failure.value.__notes__[0]


@pytest.mark.parametrize("name", HARNESSES)
def test_every_harness_states_its_promise_and_keeps_inputs(name):
    text = (HERE / "harness" / f"{name}.py").read_text()
    assert "Promise:" in text.split('"""')[1]
    assert any((KEPT / name).iterdir())
