"""The commands that take the fleet from a file and write it into one."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import User
from django.core.management import CommandError, call_command
from model_bakery import baker

from netbox_hedgehog.management.commands import import_fabrics
from netbox_hedgehog.models import GitRepository, HedgehogFabric

pytestmark = pytest.mark.django_db

FLEET = """\
apiVersion: netbox-hedgehog/v1
kind: GitRepository
name: core
url: https://git.example.com/core.git
---
apiVersion: netbox-hedgehog/v1
kind: HedgehogFabric
name: east
git_repository: core
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "fleet.yaml"
    path.write_text(FLEET)
    return path


def run(command: str, *arguments: object) -> tuple[int, str, str]:
    """The exit code, what was printed, and what was said beside it."""
    output, errors = io.StringIO(), io.StringIO()
    code = 0
    try:
        call_command(command, *map(str, arguments), stdout=output, stderr=errors, no_color=True)
    except SystemExit as ended:
        code = int(ended.code or 0)
    except CommandError as error:
        code = error.returncode
        errors.write(str(error))
    return code, output.getvalue(), errors.getvalue()


@pytest.fixture
def answer(monkeypatch: pytest.MonkeyPatch):
    """A person at a terminal who says this when asked."""

    def saying(word: str) -> None:
        monkeypatch.setattr(import_fabrics.sys.stdin, "isatty", lambda: True, raising=False)
        monkeypatch.setattr("builtins.input", lambda _: word)

    return saying


class TestImport:
    def test_it_does_what_the_file_says_and_then_nothing(self, file):
        code, said, beside = run("import_fabrics", file)
        assert (code, said.splitlines()[-1]) == (0, "2 to create, 0 unchanged: done.")
        assert "needs --user" in beside
        assert run("import_fabrics", file) == (0, "2 unchanged; nothing was written.\n", "")

    def test_a_dry_run_shows_each_field_and_writes_nothing(self, file):
        code, said, _ = run("import_fabrics", file, "--dry-run")
        assert code == import_fabrics.WOULD_CHANGE
        assert '+ fabric east\n    git_repository: null → "core"\n' in said
        assert not GitRepository.objects.exists()
        run("import_fabrics", file)
        assert run("import_fabrics", file, "--dry-run")[0] == 0

    def test_json_tells_what_was_done(self, file):
        code, said, _ = run("import_fabrics", file, "--json")
        report = json.loads(said)
        assert (code, report["written"], report["problems"]) == (0, True, [])
        assert report["created"][1] == {
            "kind": "HedgehogFabric",
            "name": "east",
            "fields": {"git_repository": [None, "core"]},
        }

    def test_a_file_in_error_is_told_with_its_lines_and_writes_nothing(self, file):
        file.write_text(FLEET + "sync_interval: soon\n")
        code, said, _ = run("import_fabrics", file)
        assert code == import_fabrics.IN_ERROR
        assert f"{file}:10: sync_interval: must be a whole number" in said
        problems = json.loads(run("import_fabrics", file, "--json")[1])["problems"]
        assert problems == [
            {"file": str(file), "line": 10, "field": "sync_interval", "message": "must be a whole number"}
        ]
        assert not GitRepository.objects.exists()

    def test_several_files_are_one(self, tmp_path, file):
        file.write_text(FLEET.split("---\n")[1])
        (tmp_path / "core.yaml").write_text(FLEET.split("---\n", maxsplit=1)[0])
        assert run("import_fabrics", file, tmp_path / "core.yaml")[0] == 0

    def test_the_changes_are_on_record_under_a_user(self, file):
        baker.make(User, username="alice")
        code, _, beside = run("import_fabrics", file, "--user", "alice")
        assert (code, beside) == (0, "")
        assert LogEntry.objects.filter(user__username="alice").count() == 2

    @pytest.mark.parametrize("arguments", [["--user", "nobody"], ["missing.yaml"]])
    def test_wrong_use_ends_with_2(self, file, arguments):
        assert run("import_fabrics", file, *arguments)[0] == 2

    def test_files_that_describe_nothing_prune_nothing(self, file):
        run("import_fabrics", file)
        file.write_text("# all gone\n")
        assert run("import_fabrics", file, "--prune=delete", "--yes")[0] == import_fabrics.IN_ERROR
        assert HedgehogFabric.objects.exists()

    def test_nothing_is_pruned_unasked(self, file, answer):
        baker.make_recipe("tests.due_fabric", name="west")
        assert run("import_fabrics", file, "--prune=disable", "--json")[0] == 2
        answer("no")
        assert run("import_fabrics", file, "--prune=disable")[0] == import_fabrics.IN_ERROR
        assert HedgehogFabric.objects.get().sync_enabled

    def test_it_is_pruned_after_a_yes(self, file, answer):
        baker.make_recipe("tests.due_fabric", name="west")
        answer("yes")
        assert run("import_fabrics", file, "--prune=disable")[0] == 0
        assert not HedgehogFabric.objects.get(name="west").sync_enabled
        assert run("import_fabrics", file, "--prune=delete", "--yes")[0] == 0
        assert not HedgehogFabric.objects.filter(name="west").exists()


class TestExport:
    def test_it_goes_into_a_file_and_back(self, tmp_path, file):
        run("import_fabrics", file)
        exported = tmp_path / "exported.yaml"
        assert run("export_fabrics", "--output", exported) == (0, "", "")
        assert exported.read_text() == run("export_fabrics")[1]
        assert run("import_fabrics", exported, "--dry-run")[0] == 0

    def test_it_says_which_credentials_it_leaves_out(self):
        baker.make_recipe("tests.repository", name="core", password="hunter2")
        code, said, beside = run("export_fabrics")
        assert (code, beside) == (0, "Git repository core: left out password.\n")
        assert "# password is stored, and left out here" in said

    @pytest.mark.parametrize("arguments", [["nowhere"], ["--output", "/nowhere/at/all"]])
    def test_wrong_use_ends_with_2(self, arguments):
        assert run("export_fabrics", *arguments)[0] == 2


def test_a_reader_that_has_read_enough_ends_a_command_without_a_traceback():
    """The pipe is closed before the command writes, as `head` closes it."""
    reading, writing = os.pipe()
    os.close(reading)
    ended = subprocess.run(
        [sys.executable, "-m", "netbox_hedgehog", "diffsettings", "--all"],
        stdout=writing,
        stderr=subprocess.PIPE,
        text=True,
        check=False,
        timeout=100,
    )
    os.close(writing)
    assert (ended.returncode, ended.stderr) == (141, "")
