"""Rules that prose alone would not keep."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

from netbox_hedgehog.management import commands

COMMANDS = sorted(file.stem for file in Path(commands.__file__).parent.glob("[a-z]*.py"))


class TestMigrationsFolder:
    def test_nothing_shadows_the_mapped_one(self, root):
        assert not (root / "netbox_hedgehog/migrations").exists()

    def test_the_imported_one_is_at_the_top(self, root):
        spec = find_spec("netbox_hedgehog.migrations")
        assert spec is not None
        assert spec.origin == str(root / "migrations/__init__.py")


def test_every_package_is_in_the_wheels_list(root, project):
    folders = {
        ".".join(file.parent.relative_to(root).parts) for file in (root / "netbox_hedgehog").rglob("__init__.py")
    }
    assert set(project["tool"]["setuptools"]["packages"]) == folders | {"netbox_hedgehog.migrations"}


def test_every_folder_with_code_is_a_package(root):
    folders = {file.parent for file in (root / "netbox_hedgehog").rglob("*.py")}
    assert [folder for folder in folders if not (folder / "__init__.py").exists()] == []


class TestImportDirection:
    def lint(self, directory: Path) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [Path(sys.executable).with_name("lint-imports"), "--no-cache"],
            cwd=directory,
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )

    def test_it_holds(self, root):
        result = self.lint(root)
        assert result.returncode == 0, result.stdout

    def test_an_import_the_wrong_way_is_caught(self, root, tmp_path):
        shutil.copytree(root / "netbox_hedgehog", tmp_path / "netbox_hedgehog")
        shutil.copy(root / "pyproject.toml", tmp_path)
        for file, line in (
            ("errors.py", "import netbox_hedgehog.scheduling"),
            ("manifests/limits.py", "import django.conf"),
        ):
            planted = tmp_path / "netbox_hedgehog" / file
            planted.write_text(planted.read_text() + f"\n{line}\n")
        result = self.lint(tmp_path)
        assert result.returncode == 1
        assert "netbox_hedgehog.errors -> netbox_hedgehog.scheduling" in result.stdout
        assert "netbox_hedgehog.manifests.limits -> django" in result.stdout


class TestNothingOfThisMachine:
    # In parts, so that this file does not name what it forbids.
    HOMES = "|".join(("/ho" + "me/", "/ro" + "ot/", "/Us" + "ers/", r"[A-Z]:\\Us" + "ers"))
    REGISTRIES = "|".join(
        (
            "py" + r"pi\.org",
            "python" + "hosted",
            "npm" + "js",
            "arti" + "factory",
            "index" + "-url=",
            "--extra" + "-index",
        )
    )

    def offenders(self, pattern: str, files: list[Path]) -> list[str]:
        found = re.compile(pattern)
        return [
            f"{file.name}:{number}"
            for file in files
            for number, line in enumerate(file.read_text(errors="replace").splitlines(), start=1)
            if found.search(line)
        ]

    def test_no_file_names_a_home_directory(self, files, root):
        assert self.offenders(rf"(?<![\w.])(?:{self.HOMES})|{re.escape(str(root))}\b", files) == []

    def test_no_file_names_a_package_registry(self, files):
        assert self.offenders(self.REGISTRIES, files) == []

    def test_the_lock_names_no_source_and_pins_everything_by_hash(self, root):
        lock = (root / "requirements.lock").read_text()
        assert "://" not in lock
        names = re.findall(r"^[a-z0-9][^\s]*", lock, re.MULTILINE)
        assert len(names) > 30
        assert all("==" in name for name in names)
        assert lock.count("--hash=sha256:") >= len(names)

    def test_the_search_finds_what_it_looks_for(self, tmp_path):
        planted = tmp_path / "planted.txt"
        planted.write_text("see /ho" + "me/bob/x\nfrom https://py" + "pi.org/simple\n")
        assert self.offenders(self.HOMES, [planted]) == ["planted.txt:1"]
        assert self.offenders(self.REGISTRIES, [planted]) == ["planted.txt:2"]


def test_every_block_of_a_stylesheet_ends(root):
    """A brace that a merge lost takes the rest of the file with it, and no browser says so."""
    sheets = {sheet: sheet.read_text() for sheet in (root / "netbox_hedgehog/static").rglob("*.css")}
    assert sheets
    assert [sheet.name for sheet, text in sheets.items() if text.count("{") != text.count("}")] == []


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_is_named_by_a_test(command, root):
    tests = (file for file in (root / "tests").rglob("test_*.py") if file != Path(__file__))
    assert any(re.search(rf'"{command}"', file.read_text()) for file in tests)


def test_there_are_commands():
    assert COMMANDS
