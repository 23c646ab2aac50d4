"""CustomResourceDefinitions, their patterns, and resources held against them. Promise: compiling and checking end with
an answer, whatever the definition; every violation has a code, and words that are printable and bounded.

An input is a definition in YAML or JSON; what stands below a line ``====`` is the spec of a resource.
"""

import json

from netbox_hedgehog.manifests import ManifestLimits, parse
from netbox_hedgehog.manifests.schemas import SchemaLimits, compile_definitions
from tests.support.definitions import compiled, definition, rack

WORDS = (
    *(
        b'"pattern": "',
        b"(a+)+$",
        b"\\\\p{L}",
        b"[a-z]{1,1000}",
        b"(?=",
        b"(?<!",
        b"\\\\1",
        b'"type": "string"',
        b'"type": "object"',
    ),
    *(
        b'"properties": {"a": ',
        b'"items": {',
        b'"anyOf": [',
        b'"oneOf": [',
        b'"not": {',
        b'"enum": [',
        b'"default": ',
        b'"required": ["a"]',
    ),
    *(
        b'"format": "cidr"',
        b'"x-kubernetes-int-or-string": true',
        b'"additionalProperties": ',
        b'"nullable": true',
        b'"$ref": "#"',
    ),
    *(
        b'"multipleOf": 0.1',
        b'"minimum": 1e308',
        b'"maxLength": -1',
        b'"x-kubernetes-list-type": "set"',
        b"\n====\n",
        b"{",
        b"}",
        b"[",
        b"]",
    ),
)
_LIMITS = ManifestLimits()
_FEW = SchemaLimits(max_explained=100)


def take(data: bytes) -> None:
    compile_definitions([("crd.yaml", data)], _LIMITS)
    schema, _, spec = data.partition(b"\n====\n")
    for found in _held_against(_value(schema), _value(spec)):
        assert found.code.startswith("schema.")
        assert len(found.message) < 2000


def _value(data: bytes):
    documents, _ = parse(b'{"a": ' + data + b"}", "a.json", _LIMITS)
    return documents[0].content.get("a") if documents else {"type": "object"}


def _held_against(schema, spec):
    schemas = compiled(definition(schema), limits=_FEW)
    before = json.dumps(spec)
    found = schemas.check(rack(spec))
    assert json.dumps(spec) == before
    return found
