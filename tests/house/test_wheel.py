"""The built wheel is complete and works where no checkout is."""

from __future__ import annotations

import os
import shutil
import sqlite3
import subprocess
import sys
import sysconfig
import venv
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

RUN = (
    "import sys; from importlib.metadata import entry_points;"
    "(script,) = entry_points(group='console_scripts', name='netbox-hedgehog');"
    "sys.argv[0] = 'netbox-hedgehog'; script.load()()"
)

WHERE = (
    "import netbox_hedgehog; from django.conf import settings;"
    "print(netbox_hedgehog.__file__, settings.DATA_DIR, settings.DATABASES['default']['NAME'], sep='\\n')"
)


@pytest.fixture(scope="session")
def wheel(root: Path, tmp_path_factory: pytest.TempPathFactory) -> zipfile.ZipFile:
    """Built from a copy, so that the checkout stays clean and no earlier build is picked up."""
    source, out = tmp_path_factory.mktemp("source"), tmp_path_factory.mktemp("dist")
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(root / name, source)
    for name in ("netbox_hedgehog", "migrations"):
        shutil.copytree(root / name, source / name, ignore=shutil.ignore_patterns("__pycache__"))
    subprocess.run(
        [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", out, source],
        check=True,
        capture_output=True,
        timeout=100,
    )
    (built,) = out.iterdir()
    return zipfile.ZipFile(built)


@pytest.fixture(scope="session")
def run(
    wheel: zipfile.ZipFile, tmp_path_factory: pytest.TempPathFactory
) -> Callable[..., subprocess.CompletedProcess[str]]:
    """Run the installed command in an empty directory, in a new environment.

    The dependencies come from the tests' own environment: without its .pth files, so without the editable install.
    """
    home = tmp_path_factory.mktemp("venv")
    venv.create(home, with_pip=False)
    site = Path(sysconfig.get_path("purelib", "venv", vars={"base": str(home)}))
    wheel.extractall(site)
    (site / "dependencies.pth").write_text(sysconfig.get_path("purelib"))
    directory = tmp_path_factory.mktemp("empty")

    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [home / "bin/python", "-c", RUN, *arguments],
            cwd=directory,
            env={"PATH": os.environ["PATH"], "PYTHONSAFEPATH": "1", "PYTHONWARNINGS": "error::ResourceWarning"},
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    return run


def test_it_holds_every_file_of_the_package_and_nothing_else(wheel, root):
    package = {
        str(file.relative_to(root))
        for file in (root / "netbox_hedgehog").rglob("*")
        if file.is_file() and "__pycache__" not in file.parts
    }
    migrations = {f"netbox_hedgehog/migrations/{file.name}" for file in (root / "migrations").glob("*.py")}
    inside = {name for name in wheel.namelist() if ".dist-info/" not in name}
    assert inside == package | migrations
    assert {"netbox_hedgehog/py.typed", "netbox_hedgehog/migrations/0002_register_schedule.py"} <= inside
    for folder in ("templates", "static"):
        assert [name for name in inside if name.startswith(f"netbox_hedgehog/{folder}/")]


def test_it_carries_its_licence(wheel):
    assert [name for name in wheel.namelist() if name.endswith("licenses/LICENSE")]


def test_it_migrates_and_checks_in_an_empty_directory(run, tmp_path):
    migrated = run("migrate", "--no-input")
    assert migrated.returncode == 0, migrated.stderr
    assert "Applying netbox_hedgehog.0002_register_schedule... OK" in migrated.stdout

    where = run("shell", "--no-imports", "-c", WHERE)
    package, data, database = where.stdout.splitlines()
    assert "site-packages/netbox_hedgehog/__init__.py" in package
    assert Path(database).parent == Path(data)
    with sqlite3.connect(database) as connection:
        assert connection.execute(
            "SELECT name FROM django_celery_beat_periodictask WHERE queue = 'git_sync'"
        ).fetchall()
    connection.close()

    checked = run("check", "--fail-level=WARNING")
    assert checked.returncode == 0, checked.stderr
    collected = run("collectstatic", "--no-input", "-v0")
    assert collected.returncode == 0, collected.stderr
    assert list((Path(data) / "static/hedgehog").iterdir())
