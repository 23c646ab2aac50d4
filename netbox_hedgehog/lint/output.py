"""A report as text, JSON, SARIF 2.1.0 or JUnit XML."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from importlib.metadata import version
from itertools import groupby
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote
from xml.etree import ElementTree as ET

from netbox_hedgehog.lint.report import Diagnostic, Report, is_at_least
from netbox_hedgehog.manifests import Severity

_NAME: Final = "lint_manifests"


def as_text(report: Report, _fail_on: Severity) -> str:
    """One line each, as compilers write them."""
    return "".join(f"{line_of(each)}\n" for each in report.diagnostics)


def as_json(report: Report, _fail_on: Severity) -> str:
    """One document: ``files``, ``resources``, ``errors``, ``warnings`` (numbers) and ``diagnostics``."""
    document = {
        "files": len(report.files),
        "resources": report.resources,
        "errors": report.count(Severity.ERROR),
        "warnings": report.count(Severity.WARNING),
        "diagnostics": [
            {
                "path": each.path,
                "line": each.line,
                "severity": each.severity.value,
                "code": each.code,
                "field": each.field,
                "message": each.message,
            }
            for each in report.diagnostics
        ],
    }
    return _json(document)


def as_sarif(report: Report, _fail_on: Severity) -> str:
    """Static Analysis Results Interchange Format, OASIS standard 2.1.0: what code hosts show beside the lines."""
    codes = sorted({each.code for each in report.diagnostics})
    numbers = {code: number for number, code in enumerate(codes)}
    driver = {
        "name": "netbox-hedgehog",
        "semanticVersion": version("netbox-hedgehog"),
        "rules": [{"id": code} for code in codes],
    }
    run = {
        "tool": {"driver": driver},
        "columnKind": "unicodeCodePoints",
        "results": [_sarif_result(each, numbers[each.code]) for each in report.diagnostics],
    }
    return _json({"$schema": "https://json.schemastore.org/sarif-2.1.0.json", "version": "2.1.0", "runs": [run]})


def as_junit(report: Report, fail_on: Severity) -> str:
    """JUnit XML: a test case for each file, which fails by what is at least as bad as ``fail_on``."""
    found = {path: list(group) for path, group in groupby(report.diagnostics, key=lambda each: each.path)}
    cases = [_junit_case(path, found.get(path, ()), fail_on) for path in sorted({*report.files, *found})]
    failures = sum(case.find("failure") is not None for case in cases)
    head = {"name": _NAME, "tests": str(len(cases)), "failures": str(failures), "errors": "0"}
    root = ET.Element("testsuites", head)
    ET.SubElement(root, "testsuite", head).extend(cases)
    ET.indent(root)
    return ET.tostring(root, encoding="unicode", xml_declaration=True) + "\n"


OUTPUTS: Final[dict[str, Callable[[Report, Severity], str]]] = {
    "text": as_text,
    "json": as_json,
    "sarif": as_sarif,
    "junit": as_junit,
}


def line_of(each: Diagnostic) -> str:
    """``file:line: severity code message``."""
    return f"{each.path}:{each.line}: {each.severity} {each.code} {each.text}"


def _sarif_result(each: Diagnostic, number: int) -> dict[str, Any]:
    path = Path(each.path)
    # Relative to where the command runs, which is where a code host looks for the file.
    uri = path.as_uri() if path.is_absolute() else quote(path.as_posix())
    place = {"artifactLocation": {"uri": uri}, "region": {"startLine": each.line}}
    return {
        "ruleId": each.code,
        "ruleIndex": number,
        "level": each.severity.value,
        "message": {"text": each.text},
        "locations": [{"physicalLocation": place}],
    }


def _junit_case(path: str, diagnostics: Iterable[Diagnostic], fail_on: Severity) -> ET.Element:
    case = ET.Element("testcase", classname=_NAME, name=path, file=path)
    failing = [each for each in diagnostics if is_at_least(each.severity, fail_on)]
    others = [each for each in diagnostics if not is_at_least(each.severity, fail_on)]
    if failing:
        failure = ET.SubElement(case, "failure", type=failing[0].code, message=failing[0].text)
        failure.text = "\n".join(map(line_of, failing))
    if others:
        ET.SubElement(case, "system-out").text = "\n".join(map(line_of, others))
    return case


def _json(document: dict[str, Any]) -> str:
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"
