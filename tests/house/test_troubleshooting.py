"""The troubleshooting page lists every error code with what happens next, and no other."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

NEXT_TRY = {
    "NeedsOperator": "after a change",
    "ContentProblem": "at its interval",
    "RetryLater": "by itself",
    "InternalFault": "by itself",
}


@pytest.fixture(scope="module")
def raised(root: Path) -> dict[str, set[str]]:
    """Every code in the source → what happens next, by the classes that it is raised with."""
    found: dict[str, set[str]] = {}
    for file in (root / "netbox_hedgehog").rglob("*.py"):
        for code, kind in _codes(ast.parse(file.read_text())):
            found.setdefault(code, set()).add(NEXT_TRY[kind])
    return found


def _codes(tree: ast.AST) -> Iterator[tuple[str, str]]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and re.fullmatch(r"manifest\.[a-z_]+", str(node.value)):
            yield str(node.value), "ContentProblem"
        if not isinstance(node, ast.Call):
            continue
        name = node.func.id if isinstance(node.func, ast.Name) else ""
        if name in NEXT_TRY:
            yield _text(node.args[0]), name
        if name == "_rule":
            yield _text(node.args[2]), ast.unparse(node.args[1])
        for keyword in node.keywords:
            if keyword.arg == "error_code" and isinstance(keyword.value, ast.Constant):
                yield _text(keyword.value), "RetryLater"


def _text(node: ast.expr) -> str:
    assert isinstance(node, ast.Constant), f"line {node.lineno}: a code must stand where it is raised, to be found"
    return str(node.value)


@pytest.fixture(scope="module")
def listed(root: Path) -> dict[str, tuple[str, str, str]]:
    text = (root / "docs/troubleshooting.md").read_text()
    rows = re.findall(r"^\| `([a-z_.]+)` \| (.*?) \| (.*?) \| (.*?) \|$", text, re.MULTILINE)
    assert len({code for code, *_ in rows}) == len(rows)
    return {code: tuple(rest) for code, *rest in rows}


def test_it_lists_every_code_that_is_raised_and_no_other(raised, listed):
    assert {"git.auth_failed", "sync.lost", "manifest.duplicate", "internal.error"} <= set(raised)
    assert set(listed) == set(raised)


def test_it_says_of_each_what_happens_next_as_the_code_decides(raised, listed):
    assert {code: {row[0]} for code, row in listed.items()} == raised


def test_it_says_of_each_what_it_means_and_what_helps(listed):
    assert not [code for code, (_, meaning, help_) in listed.items() if not meaning or not help_]


def test_the_settings_that_it_names_exist(root, listed):
    named = set(re.findall(r"HEDGEHOG_[A-Z_]*[A-Z]", (root / "docs/troubleshooting.md").read_text()))
    known = set(re.findall(r"^\| `([A-Z_]+)`", (root / "docs/settings.md").read_text(), re.MULTILINE))
    assert named - known == {"HEDGEHOG_CREDENTIAL"}  # the prefix of variables that references name
