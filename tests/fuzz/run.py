"""One parser of outside bytes in a process of its own: ``python -m tests.fuzz.run NAME SECONDS DIRECTORY [FLAGS]``.

What ends a run is an exception that the parser's harness does not promise, and an input that takes too long or too
much memory. Such an input is left in DIRECTORY/failures, what else was learnt in DIRECTORY/learnt.
"""

from __future__ import annotations

import importlib
import os
import sys
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from types import ModuleType
from typing import Any, Final

import django

try:
    import atheris
except ImportError:  # no wheel for this platform: the kept inputs alone
    atheris = None

HERE: Final = Path(__file__).resolve().parent
KEPT: Final = HERE / "corpus"
HARNESSES: Final = sorted(path.stem for path in (HERE / "harness").glob("*.py"))

# A bomb that went off takes minutes and gigabytes; these tell it from a busy machine.
SECONDS_PER_INPUT: Final = 10
MEMORY_MIB: Final = 1024
LONGEST_INPUT: Final = 16 * 1024


def main(name: str, seconds: int, directory: Path, more: list[str]) -> None:
    harness = _load(name)
    for path in sorted((KEPT / name).iterdir()):
        _replay(harness, path)
    if atheris is None or not seconds:
        return
    for place in ("learnt", "failures"):
        (directory / place).mkdir(parents=True, exist_ok=True)
    # New inputs are written to the first directory only.
    corpora = [str(directory / "learnt"), str(KEPT / name)]
    atheris.Setup([sys.argv[0], *_flags(harness, directory, seconds), *more, *corpora], harness.take)
    atheris.Fuzz()


def _load(name: str) -> ModuleType:
    """The harness, prepared, with the code of ours that it calls made to tell its coverage."""
    instrumented: AbstractContextManager[Any] = (
        nullcontext() if atheris is None else atheris.instrument_imports(include=["netbox_hedgehog"])
    )
    os.environ["DJANGO_SETTINGS_MODULE"] = "netbox_hedgehog.settings"
    with instrumented:
        django.setup()
        harness = importlib.import_module(f"tests.fuzz.harness.{name}")
    getattr(harness, "prepare", lambda: None)()
    return harness


def _replay(harness: ModuleType, path: Path) -> None:
    try:
        harness.take(path.read_bytes())
    except BaseException as error:
        error.add_note(f"the input was {path}")
        raise


def _flags(harness: ModuleType, directory: Path, seconds: int) -> list[str]:
    words = directory / "words"
    words.write_text("".join(f'"{_escaped(word)}"\n' for word in harness.WORDS))
    return [
        f"-max_total_time={seconds}",
        f"-timeout={SECONDS_PER_INPUT}",
        f"-rss_limit_mb={MEMORY_MIB}",
        f"-max_len={LONGEST_INPUT}",
        f"-dict={words}",
        f"-artifact_prefix={directory}/failures/",
        "-print_final_stats=1",
    ]


def _escaped(word: bytes) -> str:
    return "".join(f"\\x{byte:02x}" for byte in word)


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), Path(sys.argv[3]), sys.argv[4:])
