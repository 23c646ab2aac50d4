"""Whatever definitions and resources hold, compiling and checking end with an answer."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from netbox_hedgehog.manifests import ManifestLimits
from netbox_hedgehog.manifests.schemas import SchemaLimits, compile_definitions
from tests.support.definitions import compiled, definition, rack

FAST = settings(max_examples=80, deadline=None)

WORDS = (
    *("type", "properties", "required", "additionalProperties", "items", "enum", "pattern", "format", "nullable"),
    *("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf", "minLength", "maxLength"),
    *("minItems", "maxItems", "minProperties", "maxProperties", "allOf", "anyOf", "oneOf", "not", "default", "$ref"),
    *("x-kubernetes-int-or-string", "x-kubernetes-preserve-unknown-fields", "x-kubernetes-list-type"),
    *("x-kubernetes-embedded-resource", "x-kubernetes-validations", "status", "a", "b"),
)
VALUES = (
    *("object", "array", "string", "integer", "number", "boolean", "int32", "cidr", "set", "^a+$", "(", "a", "b", ""),
    *(True, False, None, 0, 1, -1, 2.5, 10**18),
)
scalars = st.sampled_from(VALUES)
values = st.recursive(
    scalars,
    lambda below: st.lists(below, max_size=3) | st.dictionaries(st.sampled_from(WORDS), below, max_size=5),
    max_leaves=25,
)


@st.composite
def schemas(draw: st.DrawFn, depth: int = 3) -> dict[str, Any]:
    """Mostly a schema: one in which each word has a value that may stand there."""
    below = schemas(depth=depth - 1) if depth else st.just({"type": "string"})
    names = st.sampled_from(["a", "b", "password"])
    words: dict[str, st.SearchStrategy[Any]] = {
        "type": st.sampled_from(["object", "array", "string", "integer", "number", "boolean"]),
        "properties": st.dictionaries(names, below, max_size=3),
        "additionalProperties": st.booleans() | below,
        "items": below,
        "required": st.lists(names, max_size=2, unique=True),
        "enum": st.lists(scalars, min_size=1, max_size=3),
        "pattern": st.sampled_from(["^a+$", "^(a+)+$", "[0-9]{2}", "\\bx", "("]),
        "format": st.sampled_from(["int32", "int64", "cidr", "ipv4", "mac", "uuid", "byte", "date-time", "other"]),
        "nullable": st.booleans(),
        "minimum": st.integers(-5, 5),
        "exclusiveMinimum": st.booleans(),
        "maxLength": st.integers(0, 5),
        "minItems": st.integers(0, 3),
        "anyOf": st.lists(below, min_size=1, max_size=3),
        "oneOf": st.lists(below, min_size=1, max_size=3),
        "not": below,
        "default": values,
        "x-kubernetes-int-or-string": st.booleans(),
        "x-kubernetes-preserve-unknown-fields": st.booleans(),
        "x-kubernetes-list-type": st.sampled_from(["set", "map", "atomic"]),
    }
    chosen = draw(st.lists(st.sampled_from(sorted(words)), max_size=5, unique=True))
    return {word: draw(words[word]) for word in chosen}


@FAST
@given(spec=values)
def test_no_definition_makes_compiling_raise(spec: Any) -> None:
    found = compiled(definition(spec))
    assert found.problems or ("wiring.githedgehog.com", "Rack") in found.kinds


@FAST
@given(document=values)
def test_no_document_that_claims_to_be_a_definition_makes_compiling_raise(document: Any) -> None:
    text = json.dumps({"apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition", "spec": document})
    compile_definitions([("a.json", text.encode())], ManifestLimits())


@FAST
@given(schema=schemas(), spec=values)
def test_no_resource_makes_checking_raise_or_is_changed_by_it(schema: dict[str, Any], spec: Any) -> None:
    found = compiled(definition(schema), limits=SchemaLimits(max_explained=100))
    resource = rack(spec)
    before = json.dumps(resource)
    for violation in found.check(resource):
        assert violation.code.startswith("schema.")
        assert violation.message
        assert len(violation.message) < 2000
    assert json.dumps(resource) == before
