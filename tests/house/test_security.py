"""What the security rules let pass is known, and what the threat model promises is tested."""

from __future__ import annotations

import ast
import re
from collections import Counter

TEST = re.compile(r"`(tests/[\w/]+\.py)::(\w+)`")
EXCEPTION = re.compile(r"#\s*noqa:[^#]*?\b(S\d+)")
# Each with its reason beside it; a new one is read by whoever reviews this file.
EXCEPTIONS = {
    "admin/code.py": ["S308"],
    "git/urls.py": ["S105"],
    "local/launcher.py": ["S104"],
    "local/lifeline.py": ["S603"],
    "local/supervisor.py": ["S603"],
    "scheduling/among.py": ["S608"],
    "sync/apply.py": ["S608"],
    "sync/outcome.py": ["S311"],
    "web/server.py": ["S108"],
}


def sources(root):
    return {str(path.relative_to(root / "netbox_hedgehog")): path for path in (root / "netbox_hedgehog").rglob("*.py")}


def calls(path, *names):
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Call) and getattr(node.func, "attr", getattr(node.func, "id", "")) in names:
            yield node


def test_every_exception_to_a_security_rule_is_known(root):
    found = {name: sorted(EXCEPTION.findall(path.read_text())) for name, path in sources(root).items()}
    assert {name: codes for name, codes in found.items() if codes} == EXCEPTIONS


def test_security_rules_are_off_for_tests_and_measurements_alone(project):
    ignored = project["tool"]["ruff"]["lint"]["per-file-ignores"]
    off = {pattern for pattern, codes in ignored.items() if any(re.fullmatch(r"S(\d.*)?", code) for code in codes)}
    assert off == {"tests/**", "bench/**"}
    assert not any(re.fullmatch(r"S(\d.*)?", code) for code in project["tool"]["ruff"]["lint"]["ignore"])


def test_text_becomes_a_page_s_markup_in_one_place_only(root):
    made = Counter(
        name for name, path in sources(root).items() for _ in calls(path, "mark_safe", "SafeString", "SafeText")
    )
    assert made == {"admin/code.py": 1}


def test_no_markup_is_formatted_before_it_is_escaped(root):
    formatted = [
        name
        for name, path in sources(root).items()
        for call in calls(path, "format_html")
        if call.args and not isinstance(call.args[0], ast.Constant | ast.Name)
    ]
    assert formatted == []


def test_statements_are_written_where_they_are_executed_or_built_of_names_of_ours(root):
    """A value in a statement's text is an injection; ruff's S608 sees those that are written in one expression."""
    built = {
        name
        for name, path in sources(root).items()
        for call in calls(path, "execute", "executemany", "raw", "RawSQL", "extra")
        if call.args and not isinstance(call.args[0], ast.Constant | ast.Starred)
    }
    assert built == {"sync/apply.py"}


def test_every_attacker_is_stopped_by_tests_that_exist(root):
    model = (root / "docs" / "security.md").read_text().partition("## Threat model")[2].partition("\n## ")[0]
    rows = [line for line in model.splitlines() if line.startswith("| ") and not line.startswith("| attacker")]
    assert len(rows) >= 10
    assert [row for row in rows if not TEST.search(row)] == []
    missing = [
        f"{file}::{test}"
        for file, test in TEST.findall(model)
        if not (root / file).exists() or f"def {test}(" not in (root / file).read_text()
    ]
    assert missing == []
