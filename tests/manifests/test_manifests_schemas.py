"""Resources are checked against the definitions of their kinds."""

from __future__ import annotations

from textwrap import dedent
from typing import Any

import pytest

from netbox_hedgehog.manifests import Severity, parse
from netbox_hedgehog.manifests.schemas import SchemaLimits, compile_definitions
from tests.support.definitions import GROUP, LIMITS, compiled, definition, rack, violations


def found(schema: Any, value: Any) -> list[tuple[str, str, str]]:
    """Code, field below ``spec.x`` and message of each violation of ``value`` at ``spec.x``."""
    below = violations({"type": "object", "properties": {"x": schema}}, {"x": value})
    assert {violation.field[:2] for violation in below} <= {("spec", "x")}
    return [(each.code, ".".join(map(str, each.field[2:])), each.message) for each in below]


OBJECT = {"type": "object", "properties": {"a": {"type": "string"}, "b": {"type": "integer"}}}
FORMS = [{"required": ["a"]}, {"properties": {"b": {"maximum": 4}}, "required": ["b"]}]


@pytest.mark.parametrize(
    ("schema", "good", "bad", "expected"),
    [
        ({"type": "string"}, "a", 5, ("schema.type", "", "must be of type string, not 5")),
        ({"type": "integer"}, 5, "5", ("schema.type", "", 'must be of type integer, not "5"')),
        ({"type": "integer"}, 5.0, 5.5, ("schema.type", "", "must be of type integer, not 5.5")),
        ({"type": "number"}, 5.5, True, ("schema.type", "", "must be of type number, not true or false")),
        (
            {"type": "array", "items": {"type": "string"}},
            ["a"],
            {},
            ("schema.type", "", "must be of type array, not a mapping"),
        ),
        (
            {"type": "array", "items": {"type": "string"}},
            [],
            ["a", 1],
            ("schema.type", "1", "must be of type string, not 1"),
        ),
        (OBJECT, {"a": "x"}, {"b": "x"}, ("schema.type", "b", 'must be of type integer, not "x"')),
        (OBJECT, {}, [], ("schema.type", "", "must be of type object, not a list")),
        (OBJECT | {"required": ["a"]}, {"a": ""}, {"b": 1}, ("schema.required", "a", "is missing")),
        (OBJECT | {"minProperties": 1}, {"a": ""}, {}, ("schema.min_properties", "", "must have at least 1 fields")),
        (
            OBJECT | {"maxProperties": 1},
            {"a": ""},
            {"a": "", "b": 1},
            ("schema.max_properties", "", "must have at most 1 fields"),
        ),
        (
            {"type": "object", "additionalProperties": {"type": "integer"}},
            {"q": 1},
            {"q": ""},
            ("schema.type", "q", 'must be of type integer, not ""'),
        ),
        ({"type": "string", "enum": ["a", "b"]}, "a", "c", ("schema.enum", "", 'must be one of "a", "b", not "c"')),
        (
            {"type": "string", "pattern": "^[a-z]+$"},
            "ab",
            "a1",
            ("schema.pattern", "", 'does not match ^[a-z]+$: "a1"'),
        ),
        ({"type": "integer", "minimum": 2}, 2, 1, ("schema.minimum", "", "must be at least 2, not 1")),
        ({"type": "integer", "maximum": 2}, 2, 3, ("schema.maximum", "", "must be at most 2, not 3")),
        (
            {"type": "integer", "minimum": 2, "exclusiveMinimum": True},
            3,
            2,
            ("schema.exclusive_minimum", "", "must be more than 2"),
        ),
        (
            {"type": "integer", "maximum": 2, "exclusiveMaximum": True},
            1,
            2,
            ("schema.exclusive_maximum", "", "must be less than 2"),
        ),
        ({"type": "integer", "multipleOf": 4}, 8, 6, ("schema.multiple_of", "", "must be a multiple of 4")),
        ({"type": "string", "minLength": 2}, "äö", "ä", ("schema.min_length", "", "must have at least 2 characters")),
        ({"type": "string", "maxLength": 2}, "äö", "äöü", ("schema.max_length", "", "must have at most 2 characters")),
        (
            {"type": "array", "items": {"type": "string"}, "minItems": 1},
            ["a"],
            [],
            ("schema.min_items", "", "must have at least 1 items"),
        ),
        (
            {"type": "array", "items": {"type": "string"}, "maxItems": 1},
            ["a"],
            ["a", "b"],
            ("schema.max_items", "", "must have at most 1 items"),
        ),
        (
            {"type": "array", "items": {"type": "string"}, "x-kubernetes-list-type": "set"},
            ["a", "b"],
            ["a", "a"],
            ("schema.unique_items", "", "must not have the same item twice"),
        ),
        (
            {"x-kubernetes-int-or-string": True},
            "80%",
            1.5,
            ("schema.type", "", "must be of type integer or string, not 1.5"),
        ),
        (
            {"x-kubernetes-int-or-string": True, "anyOf": [{"type": "integer"}, {"type": "string"}]},
            80,
            [],
            ("schema.type", "", "must be of type integer or string, not a list"),
        ),
        (
            {"type": "string", "nullable": True, "enum": ["a"]},
            None,
            "b",
            ("schema.enum", "", 'must be one of "a", null, not "b"'),
        ),
        (
            OBJECT | {"anyOf": FORMS},
            {"b": 4},
            {"b": 5},
            ("schema.any_of", "", "fits none of the forms allowed: a is missing; or b must be at most 4, not 5"),
        ),
        (
            OBJECT | {"oneOf": FORMS},
            {"b": 4},
            {"a": "", "b": 4},
            ("schema.one_of", "", "fits more than one of the forms that exclude each other"),
        ),
        (OBJECT | {"allOf": FORMS}, {"a": "", "b": 4}, {"b": 4}, ("schema.required", "a", "is missing")),
        (
            OBJECT | {"not": {"required": ["a", "b"]}},
            {"a": ""},
            {"a": "", "b": 1},
            ("schema.not", "", "has a form that the definition forbids"),
        ),
        (
            {"type": "integer", "format": "int32"},
            2**31 - 1,
            2**31,
            ("schema.maximum", "", "must be at most 2147483647, not 2147483648"),
        ),
        (
            {"type": "string", "format": "cidr"},
            "10.0.0.1/8",
            "10.0.0.1",
            ("schema.format", "", 'is not a valid cidr: "10.0.0.1"'),
        ),
        ({"type": "string", "format": "ipv4"}, "10.0.0.1", "::1", ("schema.format", "", 'is not a valid ipv4: "::1"')),
        (
            {"type": "string", "format": "ipv6"},
            "::1",
            "10.0.0.1",
            ("schema.format", "", 'is not a valid ipv6: "10.0.0.1"'),
        ),
        (
            {"type": "string", "format": "mac"},
            "02:00:00:00:00:0a",
            "02:00",
            ("schema.format", "", 'is not a valid mac: "02:00"'),
        ),
        ({"type": "string", "format": "uuid"}, "0" * 32, "0", ("schema.format", "", 'is not a valid uuid: "0"')),
        ({"type": "string", "format": "byte"}, "YQ==", "a", ("schema.format", "", 'is not a valid byte: "a"')),
        (
            {"type": "string", "format": "date-time"},
            "2026-01-02T03:04:05Z",
            "2026",
            ("schema.format", "", 'is not a valid date-time: "2026"'),
        ),
    ],
)
def test_each_rule_of_a_structural_schema_is_checked(
    schema: dict[str, Any], good: Any, bad: Any, expected: tuple[str, str, str]
) -> None:
    assert found(schema, good) == []
    assert found(schema, bad) == [expected]


def test_formats_that_kubernetes_does_not_check_are_not_checked() -> None:
    assert found({"type": "string", "format": "colour"}, "x") == []


def test_an_error_is_at_the_line_of_the_very_field() -> None:
    text = dedent("""\
        apiVersion: wiring.githedgehog.com/v1
        kind: Rack
        metadata: {name: a}
        spec:
          # how high
          units:
          - 1
          - many
          size: {}
        """)
    (document,), _ = parse(text.encode(), "racks.yaml", LIMITS)
    size = {"type": "object", "required": ["height"], "properties": {"height": {"type": "integer"}}}
    schema = {"type": "object", "properties": {"units": {"type": "array", "items": {"type": "integer"}}, "size": size}}
    problems = [
        str(document.problem(violation.field, violation.message))
        for violation in compiled(definition(schema)).check(document.content)
    ]
    assert sorted(problems) == [
        'racks.yaml:8: spec.units[1]: must be of type integer, not "many"',
        "racks.yaml:9: spec.size.height: is missing",
    ]


class TestWhatTheApiServerDoesBeforeItValidates:
    def test_a_field_that_no_schema_names_is_a_warning_with_a_guess(self) -> None:
        (violation,) = violations(OBJECT | {"properties": {"serialNumber": {"type": "string"}}}, {"serialnumber": "1"})
        assert violation.severity is Severity.WARNING
        assert violation.code == "schema.unknown_field"
        assert violation.field == ("spec", "serialnumber")
        assert violation.message == ("is not in the definition, so Kubernetes drops it; did you mean serialNumber?")

    def test_unknown_fields_are_no_part_of_what_is_validated(self) -> None:
        found = violations(OBJECT | {"maxProperties": 1}, {"a": "x", "c": 1})
        assert [violation.code for violation in found] == ["schema.unknown_field"]

    @pytest.mark.parametrize(
        "keep",
        [{"x-kubernetes-preserve-unknown-fields": True}, {"additionalProperties": True}],
        ids=["preserve", "any"],
    )
    def test_they_are_kept_where_the_definition_says_so(self, keep: dict[str, Any]) -> None:
        assert violations({"type": "object"} | keep, {"anything": {"below": [1]}}) == []

    def test_an_embedded_resource_has_the_fields_of_every_resource(self) -> None:
        schema = {"type": "object", "x-kubernetes-embedded-resource": True, "properties": {"spec": OBJECT}}
        content = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "a"}, "spec": {"c": 1}}
        assert [violation.field for violation in violations(schema, content)] == [("spec", "spec", "c")]

    def test_a_null_counts_as_absent(self) -> None:
        assert violations(OBJECT, {"a": None}) == []
        assert [each.code for each in violations(OBJECT | {"required": ["a"]}, {"a": None})] == ["schema.required"]

    def test_a_null_in_a_list_does_not(self) -> None:
        assert [each.code for each in violations({"type": "array", "items": {"type": "string"}}, [None])] == [
            "schema.type"
        ]

    def test_a_default_makes_a_required_field_complete(self) -> None:
        schema = OBJECT | {"properties": {"a": {"type": "string", "default": "x"}}, "required": ["a"]}
        assert violations(schema, {}) == []
        assert violations(schema, {"a": None}) == []

    def test_status_and_metadata_are_not_looked_at(self) -> None:
        made = definition(OBJECT)
        schema = made["spec"]["versions"][0]["schema"]["openAPIV3Schema"]
        schema["properties"]["status"] = {"type": "object", "required": ["ready"]}
        schema["required"] = ["status", "spec"]
        resource = rack({}, status={"other": 1}, metadata={"name": "a", "labels": {"b": "c"}})
        assert compiled(made).check(resource) == []

    def test_a_missing_spec_is_missed_where_it_is_required(self) -> None:
        made = definition(OBJECT)
        made["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["required"] = ["spec"]
        resource = rack({})
        del resource["spec"]
        assert [each.field for each in compiled(made).check(resource)] == [("spec",)]

    def test_the_resource_itself_stays_as_it_is(self) -> None:
        resource = rack({"a": None, "c": {"d": 1}})
        before = repr(resource)
        compiled(definition(OBJECT | {"properties": {"q": {"type": "string", "default": "x"}}})).check(resource)
        assert repr(resource) == before


class TestKinds:
    def test_a_kind_that_its_group_does_not_have_is_an_error(self) -> None:
        (violation,) = compiled(definition(OBJECT)).check(rack({}, kind="Rakc"))
        assert (violation.severity, violation.code, violation.field) == (
            Severity.ERROR,
            "schema.unknown_kind",
            ("kind",),
        )

    def test_a_group_without_definitions_is_a_warning(self) -> None:
        (violation,) = compiled(definition(OBJECT)).check(rack({}, apiVersion="vpc.githedgehog.com/v1"))
        assert (violation.severity, violation.code) == (Severity.WARNING, "schema.no_definition")

    def test_a_version_that_is_not_served_is_an_error_that_names_those_that_are(self) -> None:
        schemas = compiled(definition(OBJECT))
        (violation,) = schemas.check(rack({}, apiVersion=f"{GROUP}/v2"))
        assert (violation.code, violation.field) == ("schema.unknown_version", ("apiVersion",))
        assert violation.message == "Rack has no version 'v2'; the definitions have: v1"
        (violation,) = compiled(definition(OBJECT, served=False)).check(rack({}))
        assert violation.code == "schema.unknown_version"


class TestSecrets:
    @pytest.mark.parametrize("name", ["password", "authToken", "secret"])
    def test_a_value_whose_name_says_secret_is_not_quoted(self, name: str) -> None:
        schema = {"type": "object", "properties": {name: {"type": "string", "pattern": "^x$"}}}
        (violation,) = violations(schema, {name: "hunter2"})
        assert "hunter2" not in violation.message
        assert "[REDACTED]" in violation.message

    def test_a_long_value_is_not_quoted(self) -> None:
        (violation,) = violations({"type": "string", "maxLength": 5, "enum": ["a"]}, "x" * 100)[:1]
        assert "xxx" not in violation.message


class TestDefinitions:
    def test_other_documents_beside_them_are_passed_over(self) -> None:
        text = b"kind: Kustomization\n---\n# nothing\n---\nkind: CustomResourceDefinition\napiVersion: other/v1\n"
        schemas = compile_definitions([("a.yaml", text)], LIMITS)
        assert [problem.message for problem in schemas.problems] == [
            "there is no CustomResourceDefinition among the files"
        ]

    def test_two_of_one_kind_are_a_problem_that_names_both_places(self) -> None:
        schemas = compiled(definition(OBJECT), definition(OBJECT))
        assert [str(problem) for problem in schemas.problems] == [
            "crd-1.json:1: spec.names.kind: Rack is already defined at crd-0.json:1"
        ]

    def test_each_broken_one_is_reported_at_its_line(self) -> None:
        text = dedent("""\
            apiVersion: apiextensions.k8s.io/v1beta1
            kind: CustomResourceDefinition
            ---
            apiVersion: apiextensions.k8s.io/v1
            kind: CustomResourceDefinition
            spec:
              group: wiring.githedgehog.com
              names:
                kind: [Rack]
            ---
            apiVersion: apiextensions.k8s.io/v1
            kind: CustomResourceDefinition
            spec:
              group: wiring.githedgehog.com
              names: {kind: Rack}
              versions:
              - name: v1
                served: true
                schema:
                  openAPIV3Schema:
                    properties:
                      spec:
                        type: obejct
            """)
        schemas = compile_definitions([("a.yaml", text.encode()), ("b.yaml", b"a: [")], LIMITS)
        told = [str(problem) for problem in schemas.problems]
        assert told[:2] == [
            "a.yaml:1: apiVersion: only apiextensions.k8s.io/v1 is understood",
            "a.yaml:9: spec.names.kind: must be a text",
        ]
        assert told[2].startswith("a.yaml:23: spec.versions[0].schema.openAPIV3Schema.properties.spec.type: ")
        assert told[3].startswith("b.yaml:1: ")

    @pytest.mark.parametrize("word", ["$ref", "definitions", "patternProperties", "$defs", "$dynamicRef", "$id"])
    def test_what_would_take_a_schema_from_elsewhere_is_refused(self, word: str) -> None:
        schemas = compiled(definition({"type": "object", "properties": {"a": {word: "https://example.com/"}}}))
        (problem,) = schemas.problems
        assert problem.field.endswith(f"properties.spec.properties.a.{word}")
        assert problem.message == "is not allowed in a structural schema"

    def test_cel_rules_are_not_evaluated(self) -> None:
        schema = OBJECT | {"x-kubernetes-validations": [{"rule": "self.a == 'never'", "message": "no"}]}
        assert violations(schema, {"a": "x"}) == []


HOSTILE_TEXT = "01" * 100_000 + "2"


class TestHostileDefinitions:
    @pytest.mark.parametrize("pattern", ["^(a+)+$", "(x+x+)+y", "^(([a-z])+.)+[A-Z]([a-z])+$", "[01]*1[01]{200}$"])
    def test_no_pattern_takes_more_than_linear_time(self, pattern: str) -> None:
        schema = {"type": "string", "pattern": pattern}
        for text in ("a" * 100_000 + "!", "x" * 100_000, HOSTILE_TEXT):
            assert len(violations(schema, text)) == 1

    @pytest.mark.parametrize("pattern", ["(", r"(a)\1", "(?=a)b", "((a{100}){100}){100}", "a" * 200_000])
    def test_a_pattern_that_is_too_large_or_not_understood_is_left_out_and_said(self, pattern: str) -> None:
        schemas = compiled(definition({"type": "string", "pattern": pattern}))
        assert schemas.problems == ()
        (unchecked,) = schemas.unchecked
        assert unchecked.field.endswith("properties.spec.pattern")
        assert unchecked.message.endswith("is too large or not understood")
        assert schemas.check(rack("anything")) == []

    @pytest.mark.parametrize(
        ("spec", "limits", "message"),
        [
            (OBJECT, SchemaLimits(max_fields=3), "the definitions hold more than 3 schemas"),
            (
                {"anyOf": [{"minimum": 1}] * 4},
                SchemaLimits(max_alternatives=3),
                "a version may not have more than 3 alternatives",
            ),
            (
                {"allOf": [{"pattern": "a"}] * 4},
                SchemaLimits(max_patterns=3),
                "a version may not have more than 3 patterns",
            ),
            ({"properties": {"a": [1]}}, SchemaLimits(), "must be a schema"),
            ({"properties": [1]}, SchemaLimits(), "must be a mapping"),
            ({"allOf": {"a": 1}}, SchemaLimits(), "must be a list of schemas"),
            ({"type": "string", "pattern": 1}, SchemaLimits(), "must be a string"),
            ([], SchemaLimits(), "must be a schema"),
            ({"minLength": -1}, SchemaLimits(), "-1 is less than the minimum of 0"),
        ],
    )
    def test_what_is_no_schema_or_too_large_is_refused_as_a_whole(
        self, spec: Any, limits: SchemaLimits, message: str
    ) -> None:
        schemas = compiled(definition(spec), limits=limits)
        assert [problem.message for problem in schemas.problems] == [message]

    def test_the_fields_of_all_kinds_count_together(self) -> None:
        kinds = [definition(OBJECT, kind=kind) for kind in ("Aa", "Bb", "Cc")]
        assert compiled(*kinds[:2], limits=SchemaLimits(max_fields=8)).problems == ()
        assert len(compiled(*kinds, limits=SchemaLimits(max_fields=8)).problems) == 1

    def test_too_many_kinds_are_refused(self) -> None:
        kinds = [definition(OBJECT, kind=kind) for kind in ("Aa", "Bb", "Cc")]
        (problem,) = compiled(*kinds, limits=SchemaLimits(max_kinds=2)).problems
        assert problem.message == "there are more than 2 kinds"

    def test_depth_is_that_of_any_manifest(self) -> None:
        schema: dict[str, Any] = {"type": "string"}
        for _ in range(40):
            schema = {"type": "object", "properties": {"a": schema}}
        (problem,) = compiled(definition(schema)).problems
        assert problem.message == "nested more than 64 levels deep"

    def test_a_resource_with_too_much_text_for_its_patterns_is_an_error(self) -> None:
        schema = {"type": "object", "additionalProperties": {"allOf": [{"pattern": "^a"}, {"pattern": "a$"}]}}
        schemas = compiled(definition(schema), limits=SchemaLimits(max_matched=100))
        assert schemas.check(rack({"x": "a" * 10})) == []
        (violation,) = schemas.check(rack({"x": "a" * 30, "y": "a" * 30}))
        assert (violation.severity, violation.code) == (Severity.ERROR, "schema.too_large")

    def test_a_resource_that_breaks_everything_is_told_a_hundred_things_and_no_more(self) -> None:
        schema = {"type": "array", "items": {"anyOf": [{"pattern": f"^x{number}$"} for number in range(200)]}}
        assert len(violations({"type": "array", "items": {"type": "integer"}}, ["a"] * 10_000)) == 100
        assert len(violations(schema, ["a"] * 10_000)) == 1
        assert len(violations({"type": "object"}, {f"f{number}": 1 for number in range(10_000)})) == 100
