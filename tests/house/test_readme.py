"""The README's tables of settings and commands are complete and true."""

from __future__ import annotations

import os
import re
import runpy
from pathlib import Path
from unittest.mock import patch

import pytest

from netbox_hedgehog.conf import Conf


@pytest.fixture(scope="module")
def read(root: Path, tmp_path_factory: pytest.TempPathFactory) -> set[str]:
    """Every variable that the settings module reads, as its reader has noted them."""
    with patch.dict(os.environ, {"HEDGEHOG_DATA_DIR": str(tmp_path_factory.mktemp("var"))}, clear=True):
        settings = runpy.run_path(str(root / "netbox_hedgehog/settings.py"))
    return {*settings["env"]._fields, "HEDGEHOG_DATA_DIR"}


@pytest.fixture(scope="module")
def table(root: Path) -> dict[str, tuple[str, str]]:
    """The README's rows: variable → default, meaning."""
    rows = re.findall(r"^\| `([A-Z_]+)` \| (.*?) \| (.*?) \|$", (root / "README.md").read_text(), re.MULTILINE)
    return {name: (default.strip("` "), meaning) for name, default, meaning in rows}


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


def test_it_names_every_variable_that_is_read(read, table):
    assert {"SECRET_KEY", "DATABASE_URL", "REDIS_URL", "HEDGEHOG_ENCRYPTION_KEY", "HEDGEHOG_LOG_FORMAT"} <= read
    assert read - set(table) == set()


def test_it_names_no_other(read, table):
    assert set(table) - read == set()


@pytest.mark.parametrize("option", Conf.options(), ids=lambda option: option.name)
def test_it_gives_the_default_that_holds(option, table):
    default, _ = table[option.name]
    expected = ",".join(option.default) if isinstance(option.default, tuple) else f"{option.default}"
    if isinstance(option.default, bool):
        expected = expected.lower()
    assert default == expected.removesuffix(".0")


@pytest.mark.parametrize("option", Conf.options(), ids=lambda option: option.name)
def test_it_gives_the_meaning_and_the_unit(option, table):
    _, meaning = table[option.name]
    assert option.meaning.rstrip(".") in meaning
    assert f"({option.unit})" in meaning or not option.unit
