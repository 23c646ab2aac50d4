"""Whole fabrics, good and broken, read and checked as a sync does it."""

from __future__ import annotations

import random
import re
from pathlib import Path

import pytest

from netbox_hedgehog.manifests.rules import CODES
from tests.support.corpus import CORPUS, FABRICS, described, findings, resources

BROKEN = CORPUS / "broken"
SOUND = [fabric for fabric in FABRICS if fabric.parent == CORPUS]


def named(fabric: Path) -> str:
    return str(fabric.relative_to(CORPUS))


@pytest.mark.parametrize("fabric", FABRICS, ids=named)
def test_a_fabric_of_the_corpus_gives_the_resources_and_findings_that_are_written_down(fabric):
    for name, text in described(fabric).items():
        assert (fabric / name).read_text() == text


@pytest.mark.parametrize("fabric", SOUND, ids=named)
def test_a_sound_fabric_has_no_error(fabric):
    assert [each for each in findings(resources(fabric)) if each.severity == "error"] == []


@pytest.mark.parametrize("code", CODES)
def test_each_rule_finds_what_breaks_it_and_nothing_else_is_wrong(code):
    found = findings(resources(BROKEN / code))
    assert {each.code for each in found if each.code == code or each.severity == "error"} == {code}
    assert {each.severity for each in found if each.code == code} == {CODES[code]}


@pytest.mark.parametrize("fabric", FABRICS, ids=named)
def test_the_order_of_the_resources_makes_no_difference(fabric):
    found = resources(fabric)
    expected = findings(found)
    random.shuffle(found)
    assert findings(found) == expected


def test_the_documentation_lists_every_code_with_its_severity():
    text = (CORPUS.parents[1] / "docs" / "checks.md").read_text()
    assert dict(re.findall(r"^\| `([a-z_.]+)` \| (\w+) \|", text, re.MULTILINE)) == CODES
