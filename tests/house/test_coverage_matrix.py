from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
TEST_NAME = re.compile(r"\btest_[a-z0-9_]+\b(?!\.py)")


def test_every_test_that_the_matrix_names_exists():
    named = set(TEST_NAME.findall((ROOT / "docs" / "test-coverage-matrix.md").read_text()))
    written = set()
    for file in (ROOT / "tests").rglob("test_*.py"):
        written.update(re.findall(r"def (test_\w+)", file.read_text()))
    assert named
    assert named - written == set()
