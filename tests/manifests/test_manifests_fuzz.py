"""The parser and the checks on random content; `python -m tests.support.fuzz 100` goes on for longer."""

from __future__ import annotations

import subprocess
import sys
from datetime import timedelta

import pytest

from tests.support import fuzz


def test_random_content_only_ever_gives_problems_or_resources_in_bounded_time_and_memory():
    done = subprocess.run(
        [sys.executable, "-m", "tests.support.fuzz"], capture_output=True, text=True, check=False, timeout=110
    )
    assert done.returncode == 0, done.stderr[-5000:]


def raises(*_args, **_kwargs):
    raise KeyError


def hoards(*_args, **_kwargs):
    bytearray(fuzz.MEMORY_BYTES * 2)


def dawdles(*_args, **_kwargs):
    sum(range(10**7))


@pytest.mark.parametrize("parser", [raises, hoards, dawdles])
def test_the_fuzzer_notices_a_parser_that_raises_or_takes_too_much(parser, monkeypatch):
    monkeypatch.setattr(fuzz, "read_manifests", parser)
    monkeypatch.setattr(fuzz, "TIME_PER_INPUT", timedelta(milliseconds=10))
    assert fuzz.main(1) == 1
