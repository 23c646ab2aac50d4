"""The README's tables of settings and commands are true; that of commands is complete."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROW = re.compile(r"^\| `([A-Z_]+)` \| (.+) \|$", re.MULTILINE)


@pytest.fixture(scope="module")
def named(root: Path) -> dict[str, list[str]]:
    """The README's rows: variable → default, meaning."""
    return {name: cells.split(" | ") for name, cells in ROW.findall((root / "README.md").read_text())}


@pytest.fixture(scope="module")
def reference(root: Path) -> dict[str, list[str]]:
    """All variables: variable → type, default, perhaps the unit, meaning."""
    return {name: cells.split(" | ") for name, cells in ROW.findall((root / "docs/settings.md").read_text())}


def test_it_names_every_command_and_no_other(root):
    section = (root / "README.md").read_text().split("## The command line")[1].split("\n## ")[0]
    named = {
        name
        for row in section.splitlines()
        if row.startswith("| `")
        for name in re.findall(r"`(\w+)`", row.split("|")[1])
    }
    there = {file.stem for file in (root / "netbox_hedgehog/management/commands").glob("[a-z]*.py")}
    assert named == there


def test_it_says_of_a_variable_what_the_reference_says(named, reference):
    assert {"SECRET_KEY", "DATABASE_URL", "REDIS_URL", "HEDGEHOG_ENCRYPTION_KEY"} <= set(named)
    assert named == {name: [reference[name][1], reference[name][-1]] for name in named}
