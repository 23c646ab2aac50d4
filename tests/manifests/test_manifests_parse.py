from __future__ import annotations

import json
from textwrap import dedent
from typing import Any

import pytest

from netbox_hedgehog.manifests import Document, ManifestLimits, parse
from netbox_hedgehog.manifests.values import ValueCheck

LIMITS = ManifestLimits()


def documents(text: str | bytes) -> list[Document]:
    data = dedent(text).encode() if isinstance(text, str) else text
    found, problems = parse(data, "a.yaml", LIMITS)
    assert problems == []
    return found


def contents(text: str | bytes) -> list[dict[str, Any]]:
    return [document.content for document in documents(text)]


def lines(text: str | bytes) -> list[int]:
    return [document.line for document in documents(text)]


def problem(data: bytes, limits: ManifestLimits = LIMITS) -> str:
    found, problems = parse(data, "a.yaml", limits)
    assert found == []
    assert len(problems) == 1
    return str(problems[0])


@pytest.mark.parametrize(
    "text",
    [
        "",
        "\n\n",
        "# !tag",
        "# only\n# comments",
        "---",
        "---\n",
        "---\n# c\n---\n...\n",
        "null",
        "~",
        "\ufeff",
        "%YAML 1.2\n---\n",
    ],
)
def test_files_without_content_have_no_documents(text: str) -> None:
    assert documents(text.encode()) == []


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a: 1", [1]),
        ("# c\n\na: 1\n", [3]),
        ("---\na: 1\n---\nb: 1\n", [2, 4]),
        ("--- # c\n# c\n\na: 1\n--- {b: 1}\n", [4, 5]),
        ("\ufeff# c\na: 1", [2]),
        ("a: 1\r\n---\r\n# c\r\nb: 1\r\n", [1, 4]),
        ("a: 1\r---\rb: 1", [1, 3]),
        ("---\n\n---\na: 1\n...\n# c\nb: 1\n", [4, 7]),
        ("--- &x\n# c\na: 1\n", [3]),
        ("%YAML 1.2 # c\n---\na: 1\n", [3]),
        ("a: |\n  text\n\n  ---\n  more\n---\nb: 1", [1, 7]),
        ("  a: 1\n", [1]),
        ("\n\n{\n  a: 1}", [3]),
    ],
)
def test_a_document_has_the_line_of_its_first_key(text: str, expected: list[Any]) -> None:
    assert lines(text.encode()) == expected


def test_an_indented_marker_is_text() -> None:
    assert contents("a: |\n  ---\n  x\n---\nb: |\n  ...\n") == [{"a": "---\nx\n"}, {"b": "...\n"}]


def test_values_follow_yaml_1_2_as_kubernetes_users_write_it() -> None:
    text = "a: yes\nb: on\nc: 017\nd: 0o17\ne: 12:30\nf: 2026-01-01\ng: ~\nh: 1e3\ni: true\nj: 0x1F\n"
    assert contents(text) == [
        {
            "a": "yes",
            "b": "on",
            "c": "017",
            "d": 15,
            "e": "12:30",
            "f": "2026-01-01",
            "g": None,
            "h": 1000.0,
            "i": True,
            "j": 31,
        }
    ]


def test_containers_are_plain_builtins() -> None:
    (document,) = documents("a: [{b: c}]\n")
    assert type(document.content) is dict
    assert type(document.content["a"]) is list
    assert type(document.content["a"][0]) is dict
    assert type(next(iter(document.content))) is str


def test_aliases_and_merge_keys_are_written_out() -> None:
    text = """\
        base: &base {mtu: 9100, speed: 25G}
        one: {<<: *base, mtu: 1500}
        two: [*base, *base]
        """
    base = {"mtu": 9100, "speed": "25G"}
    assert contents(text) == [{"base": base, "one": {"speed": "25G", "mtu": 1500}, "two": [base, base]}]


def test_a_merge_key_needs_a_mapping() -> None:
    assert problem(b"a:\n  <<: 3\n") == "a.yaml:2: a.<<: the merge key << needs a mapping"


def test_tags_that_state_what_a_value_is_are_allowed() -> None:
    assert contents("a: !!str 1\nb: !!int '3'\nc: !!map {d: !!seq [!!bool true]}\ne: !!null\n") == [
        {"a": "1", "b": 3, "c": {"d": [True]}, "e": None}
    ]


@pytest.mark.parametrize(
    "text", ["a: wow! great *text*", "# !tag *alias\na: 1", 'a: "!x"\nb: "*y"', "a: |\n  !x\n  *y"]
)
def test_exclamation_marks_and_stars_in_texts_are_only_text(text: str) -> None:
    assert len(documents(text)) == 1


def test_json_is_read_however_it_is_written() -> None:
    value: dict[str, Any] = {"a": "😀 \\ud83d \t", "b": [1, 2.5, None, True, {}], "c": {"!x": "*y"}}
    for indent in (None, 2, "\t"):
        for ascii_only in (True, False):
            assert contents(json.dumps(value, indent=indent, ensure_ascii=ascii_only).encode()) == [value]


def test_json_escapes_of_surrogates_keep_the_backslashes_before_them() -> None:
    assert contents(rb'{"a": "\\\ud83d\ude00", "b": "\\ud83d\\ude00"}') == [{"a": "\\😀", "b": "\\ud83d\\ude00"}]


def test_a_list_stands_for_its_items_with_their_lines() -> None:
    text = """\
        # export
        apiVersion: v1
        kind: List
        metadata: {}
        items:
        - kind: VPC
          spec: {}
        - apiVersion: v1
          kind: List
          items:
          # c
          - kind: Switch
        ---
        kind: Server
        """
    assert [(document.content["kind"], document.line) for document in documents(text)] == [
        ("VPC", 6),
        ("Switch", 12),
        ("Server", 14),
    ]


def test_every_broken_item_of_a_list_is_reported_at_its_line() -> None:
    found, problems = parse(b"kind: List\napiVersion: v1\nitems:\n- 1\n- {a: 1}\n- x\n", "a.yaml", LIMITS)
    assert [document.content for document in found] == [{"a": 1}]
    assert [str(each) for each in problems] == [
        "a.yaml:4: items[0]: an item of a List must be a mapping",
        "a.yaml:6: items[2]: an item of a List must be a mapping",
    ]
    assert problem(b"apiVersion: v1\nkind: List\n") == "a.yaml:1: items: the items of a List must be a list"


def test_a_broken_document_does_not_hide_the_others() -> None:
    data = b"a: 1\n---\nb: [\n---\nc: 1\n---\nd: 1\nd: 2\n---\n- e\n"
    found, problems = parse(data, "a.yaml", LIMITS)
    assert [(document.content, document.line) for document in found] == [({"a": 1}, 1), ({"c": 1}, 5)]
    assert [each.line for each in problems] == [3, 8, 10]


def test_a_problem_is_at_the_line_of_its_own_value() -> None:
    data = b'a: 1\n---\n# c\nb:\n  - ok: 1\n  - bad: "\\0"\n  - c: .nan\n'
    _, problems = parse(data, "a.yaml", LIMITS)
    assert [str(each) for each in problems] == [
        "a.yaml:6: b[1].bad: the character NUL cannot be stored",
        "a.yaml:7: b[2].c: infinity and NaN are not JSON numbers",
    ]


@pytest.mark.parametrize(
    ("text", "stored"),
    [
        ("-0.0", 0.0),
        ("1e16", 10**16),
        ("9007199254740993.0", 9007199254740992.0),
        ("9223372036854775807", 2**63 - 1),
        ("-9223372036854775808", -(2**63)),
        ("1e-7", 1e-7),
    ],
)
def test_numbers_take_the_form_in_which_postgresql_gives_them_back(text: str, stored: float) -> None:
    (content,) = contents(f"a: {text}\n")
    assert repr(content["a"]) == repr(stored)


def test_long_digits_are_text_where_they_are_quoted() -> None:
    digits = "9" * 300
    text = f"a: \"{digits}\"\nb: x{digits}\nc: '0x{digits}'\n"
    assert contents(text) == [{"a": digits, "b": f"x{digits}", "c": f"0x{digits}"}]


def test_what_only_looks_like_json_is_yaml() -> None:
    assert contents('{"a": NaN, "b": "\\u0041", c: d}') == [{"a": "NaN", "b": "A", "c": "d"}]


def test_a_value_that_json_does_not_know_is_refused_wherever_it_comes_from() -> None:
    assert ValueCheck({"a": [b"x"]}, "", LIMITS).flaws == [(("a", 0), "this is not a JSON value")]


class TestLimits:
    def test_size_of_a_file(self) -> None:
        limits = ManifestLimits(max_file_bytes=4)
        assert parse(b"a: 1", "a.yaml", limits)[1] == []
        assert problem(b"a: 12", limits) == "a.yaml:1: the file has 5 bytes, more than the 4 allowed"

    def test_documents_of_a_file(self) -> None:
        limits = ManifestLimits(max_documents=2)
        assert parse(b"a: 1\n---\na: 1\n", "a.yaml", limits)[1] == []
        _, problems = parse(b"a: 1\n---\na: 1\n---\na: 1\n---\na: 1", "a.yaml", limits)
        assert [str(each) for each in problems] == ["a.yaml:5: the file has more than 2 documents"]

    def test_items_of_a_list_are_documents(self) -> None:
        _, problems = parse(
            b"kind: List\napiVersion: v1\nitems: [{}, {}, {}]", "a.yaml", ManifestLimits(max_documents=2)
        )
        assert [str(each) for each in problems] == ["a.yaml:1: the file has more than 2 documents"]

    def test_depth(self) -> None:
        limits = ManifestLimits(max_depth=3)
        assert parse(b"a: {b: {c: 1}}", "a.yaml", limits)[1] == []
        assert problem(b"a:\n  b:\n    c: {}\n", limits) == "a.yaml:3: a.b.c: nested more than 3 levels deep"

    def test_values_after_expansion(self) -> None:
        limits = ManifestLimits(max_nodes=18)
        assert parse(b"a: &a [1, 2, 3, 4]\nb: [*a]\n", "a.yaml", limits)[1] == []
        assert problem(b"a: &a [1, 2, 3, 4]\nb: [*a, *a]\n", limits).startswith("a.yaml:1: its aliases expand")

    def test_values_add_up_over_the_documents(self) -> None:
        limits = ManifestLimits(max_nodes=30)
        assert parse(b"---\na: {b: 1, c: 2}\n" * 4, "a.yaml", limits)[1] == []
        _, problems = parse(b"---\na: {b: 1, c: 2}\n" * 5, "a.yaml", limits)
        assert [str(each) for each in problems] == ["a.yaml:10: the file holds more than 30 values"]

    def test_length_of_an_expanded_file(self) -> None:
        limits = ManifestLimits(max_file_bytes=100)
        data = b"a: &a " + b"x" * 40 + b"\nb: [%b]\n"
        assert parse(data % b"*a", "a.yaml", limits)[1] == []
        assert problem(data % b"*a, *a", limits).startswith("a.yaml:1: its aliases expand")

    def test_length_of_a_text_in_bytes(self) -> None:
        limits = ManifestLimits(max_scalar_bytes=8)
        assert parse("a: éééé\n".encode(), "a.yaml", limits)[1] == []
        assert problem("a: 1\nb: ééééx\n".encode(), limits) == "a.yaml:2: b: a text is longer than the 8 bytes allowed"
        assert problem("ééééx: 1\n".encode(), limits).startswith("a.yaml:1: ééééx: a text is longer")

    def test_problems_of_a_file(self) -> None:
        _, problems = parse(b"---\n- 1\n" * 10, "a.yaml", ManifestLimits(max_problems=3))
        assert [each.line for each in problems] == [2, 4, 6]

    @pytest.mark.parametrize("value", ["!x 1", ".inf"])
    def test_problems_of_a_document(self, value: str) -> None:
        data = f"- a: {value}\n".encode() * 10
        _, problems = parse(b"a:\n" + data, "a.yaml", ManifestLimits(max_problems=3))
        assert [each.line for each in problems] == [2, 3, 4]
