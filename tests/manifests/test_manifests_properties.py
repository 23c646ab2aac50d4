"""What holds for any content, tried on random ones."""

from __future__ import annotations

import json
import re
from typing import Any

import yamlrocks
from hypothesis import example, given, settings
from hypothesis import strategies as st

from netbox_hedgehog.manifests import Document, ManifestLimits, Problem, Resource, parse, read_manifests

LIMITS = ManifestLimits()
FAST = settings(max_examples=80, deadline=None)

texts = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=12)
numbers = st.integers(-(2**63), 2**63 - 1) | st.floats(-1e15, 1e15)
values = st.recursive(
    st.none() | st.booleans() | numbers | texts,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(texts.filter("<<".__ne__), inner, max_size=4),
    max_leaves=12,
)
specs = st.dictionaries(texts.filter("<<".__ne__), values, max_size=5)


def document(number: int, spec: dict[str, Any]) -> dict[str, Any]:
    return {
        "apiVersion": "vpc.githedgehog.com/v1beta1",
        "kind": "VPC",
        "metadata": {"name": f"vpc-{number}"},
        "spec": spec,
    }


def as_block(content: dict[str, Any]) -> str:
    return yamlrocks.dumps(content).decode()


def as_json(content: dict[str, Any]) -> str:
    # DEL is the one character that JSON may hold raw and YAML may not.
    return json.dumps(content, indent="\t").replace("\x7f", "\\u007f") + "\n"


def as_flow(content: dict[str, Any]) -> str:
    return json.dumps(content, ensure_ascii=True, separators=(", ", ": "))


@FAST
@given(st.lists(st.tuples(specs, st.integers(0, 3), st.booleans()), min_size=1, max_size=4), st.sampled_from("\n\r"))
def test_resources_survive_yaml_and_know_their_lines(parts: list[Any], extra_break: str) -> None:
    line_break = "\r\n" if extra_break == "\r" else "\n"
    text, expected = "", []
    for number, (spec, comments, explicit) in enumerate(parts):
        text += "---\n" if number or explicit else ""
        text += "# comment\n\n" * comments
        expected.append((f"vpc-{number}", text.count("\n") + 1, spec))
        text += as_block(document(number, spec)).removesuffix("\n") + "\n"
    data = text.replace("\n", line_break).encode("utf-8-sig" if extra_break == "\r" else "utf-8")
    manifests = read_manifests([("a.yaml", data)], limits=LIMITS)
    assert manifests.problems == []
    assert [(each.name, each.line) for each in manifests.resources] == [each[:2] for each in expected]
    assert [each.spec for each in manifests.resources] == [each[2] for each in expected]


@FAST
@given(specs)
def test_json_and_yaml_of_one_value_are_one_resource(spec: dict[str, Any]) -> None:
    content = document(1, spec)
    found: list[Resource] = []
    for text in (as_json(content), as_flow(content), as_block(content)):
        manifests = read_manifests([("a", text.encode())], limits=LIMITS)
        assert manifests.problems == []
        found += manifests.resources
    assert len({resource.content() for resource in found}) == 1
    assert json.loads(json.dumps(found[0].spec)) == spec


@FAST
@given(specs)
def test_what_is_read_is_read_the_same_from_a_json_column(spec: dict[str, Any]) -> None:
    (resource,) = read_manifests([("a", as_block(document(1, spec)).encode())], limits=LIMITS).resources
    stored = json.loads(json.dumps(resource.spec))
    assert repr(stored) == repr(resource.spec)


@FAST
@given(st.lists(specs, min_size=1, max_size=4))
def test_items_of_a_list_know_their_lines(parts: list[Any]) -> None:
    text, expected = "apiVersion: v1\nkind: List\nitems:\n", []
    for number, spec in enumerate(parts):
        expected.append(text.count("\n") + 1)
        block = as_block(document(number, spec)).removesuffix("\n")
        text += "- " + block.replace("\n", "\n  ") + "\n"
    manifests = read_manifests([("a.yaml", text.encode())], limits=LIMITS)
    assert manifests.problems == []
    assert [each.line for each in manifests.resources] == expected


FRAGMENTS = (
    *("---\n", "...\n", "%YAML 1.2\n", "%TAG ! x\n", "\ufeff", "\r\n", "\n", "  ", "\t", "# c\n", "- ", "? ", ": "),
    *("{", "}", "[", "]", ",", '"', "'", "|\n", ">-\n", "&a ", "*a", "<<: *a\n", "!x ", "!!str ", "!!int ", "\\u0000"),
    *("a: ", "b: 1\n", "apiVersion: v1\n", "kind: List\n", "items:\n", "apiVersion: vpc.githedgehog.com/v1\n"),
    *(
        "kind: VPC\n",
        "metadata: {name: x}\n",
        "metadata:\n",
        "  name: y\n",
        "spec:\n",
        "\\ud83d\\ude00",
        ".inf",
        "0x",
        "~",
    ),
)
soup = st.lists(st.sampled_from(FRAGMENTS) | st.text(max_size=3), max_size=40).map("".join)
junk = st.binary(max_size=300) | soup.map(lambda text: text.encode("utf-8", "surrogatepass"))


def lines_of(data: bytes) -> int:
    return len(re.split(rb"\r\n|\r|\n", data))


@settings(max_examples=500, deadline=None)
@given(junk)
@example(b"\xff\xfe")
@example(b"--- %\n")
def test_no_bytes_make_the_parser_raise_or_lose_count(data: bytes) -> None:
    documents, problems = parse(data, "a.yaml", LIMITS)
    assert all(type(each) is Document and type(each.content) is dict for each in documents)
    assert all(1 <= each.line <= lines_of(data) for each in documents)
    assert all(1 <= each.line <= lines_of(data) for each in problems)
    for each in documents:
        json.dumps(each.content, allow_nan=False)


@settings(max_examples=200, deadline=None)
@given(st.lists(junk, max_size=4))
def test_no_files_make_reading_raise(files: list[bytes]) -> None:
    manifests = read_manifests([(str(number), data) for number, data in enumerate(files)], limits=LIMITS)
    assert len(manifests.problems) == min(manifests.total_problems, LIMITS.max_problems)
    assert all(type(each) is Problem and str(each).isprintable() for each in manifests.problems)
    for each in manifests.resources:
        assert "\\u0000" not in json.dumps([each.labels, each.annotations, each.spec]).replace("\\\\", "")
        assert len(each.content().digest()) == 32
