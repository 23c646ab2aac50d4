"""``make audit``, with a stand-in for uv that says what pip-audit would."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

AUDIT = Path(__file__).resolve().parents[2] / ".ci" / "audit"
CLEAN = {"name": "clean", "version": "1", "vulns": []}
BAD = {"name": "bad", "version": "2", "vulns": [{"id": "PYSEC-1", "fix_versions": ["3"]}]}
SKIPPED = {"name": "unknown", "skip_reason": "not found"}


def audit(directory: Path, report: str, errors: str, code: int) -> subprocess.CompletedProcess[str]:
    (directory / "report").write_text(report)
    (directory / "errors").write_text(errors)
    uv = directory / "uv"
    uv.write_text(f"#!/bin/sh\ncat {directory}/report\ncat {directory}/errors >&2\nexit {code}\n")
    uv.chmod(0o755)
    return subprocess.run([AUDIT, uv], capture_output=True, text=True, check=False)


@pytest.mark.parametrize(
    ("packages", "code", "red"),
    [([CLEAN], 0, False), ([CLEAN, BAD], 1, True), ([CLEAN, SKIPPED], 0, True)],
    ids=["nothing is known", "something is known", "a package was left out"],
)
def test_the_audit_is_red_if_something_is_known_or_left_out(tmp_path, packages, code, red):
    done = audit(tmp_path, json.dumps({"dependencies": packages}), "", code)
    assert bool(done.returncode) == red, done
    assert ("bad 2: PYSEC-1, mended in ['3']" in done.stdout) == (BAD in packages)


def test_the_audit_stands_in_nobodys_way_where_the_database_cannot_be_reached(tmp_path):
    done = audit(tmp_path, "", "requests.exceptions.ConnectionError: Failed to resolve 'api.osv.dev'", 1)
    assert done.returncode == 0
    assert done.stdout.count("NOT CHECKED") == 2


def test_the_audit_is_red_if_it_does_not_work_itself(tmp_path):
    done = audit(tmp_path, "", "pip-audit: error: argument -r/--requirement: not allowed with project_path", 2)
    assert done.returncode == 1
    assert "not allowed with project_path" in done.stderr
