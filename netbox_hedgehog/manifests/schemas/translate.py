"""An ``openAPIV3Schema`` to a JSON Schema and a :class:`Structure`.

Only keywords that are listed here reach the validator, so nothing in a definition can make it look elsewhere.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import jsonschema_rs

from netbox_hedgehog.manifests.problem import excerpt
from netbox_hedgehog.manifests.schemas.formats import BUILT_IN, OWN, RANGES
from netbox_hedgehog.manifests.schemas.structure import Structure

if TYPE_CHECKING:
    from netbox_hedgehog.manifests.problem import FieldPath
    from netbox_hedgehog.manifests.schemas.limits import SchemaLimits

# Kubernetes forbids these too: they would take the meaning of a schema from another place, or give it two.
_FORBIDDEN: Final = frozenset(
    {"$ref", "$dynamicRef", "$recursiveRef", "$defs", "definitions", "dependencies", "patternProperties"}
    | {"additionalItems", "id", "$id", "$anchor"}
)
_COPIED: Final = frozenset(
    {"type", "enum", "required", "minimum", "maximum", "multipleOf", "minLength", "maxLength"}
    | {"minItems", "maxItems", "minProperties", "maxProperties"}
)
_INT_OR_STRING: Final = ("integer", "string")
_INT_OR_STRING_BRANCHES: Final = [{"type": "integer"}, {"type": "string"}]
_EXCLUSIVE: Final = {"minimum": "exclusiveMinimum", "maximum": "exclusiveMaximum"}
_OF_AN_OBJECT: Final = ("apiVersion", "kind", "metadata")


class Refused(Exception):  # noqa: N818 - not an error of ours: what a definition is answered with
    """A schema cannot be used; ``place`` is where in it."""

    def __init__(self, place: FieldPath, message: str) -> None:
        super().__init__(message)
        self.place = place
        self.message = message


class Translation:
    """One version's schema, translated; ``unchecked`` holds (place, message) of patterns that are left out.

    Raises:
        Refused: it is no schema, uses what structural schemas may not, or is too large.
    """

    def __init__(self, schema: Any, limits: SchemaLimits, place: FieldPath) -> None:
        self.fields = 0
        self.alternatives = 0
        self.unchecked: list[tuple[FieldPath, str]] = []
        self.patterns = 0
        self._limits = limits
        self.structure = Structure()
        self.json_schema = self._schema(schema, place, self.structure)
        self._as_resource()

    def _as_resource(self) -> None:
        """Every resource has these, whatever its schema says; ``status`` is not desired state and never looked at."""
        root, schema = self.structure, self.json_schema
        root.is_mapping = True
        for name in _OF_AN_OBJECT:
            root.properties[name] = Structure(is_mapping=True, is_open=True)
        root.properties.pop("status", None)
        root.defaults.pop("status", None)
        schema.get("properties", {}).pop("status", None)
        if isinstance(required := schema.get("required"), list):
            schema["required"] = [name for name in required if name != "status"]

    def _schema(self, schema: Any, place: FieldPath, structure: Structure) -> dict[str, Any]:
        if not isinstance(schema, dict):
            raise Refused(place, "must be a schema")
        self.fields += 1
        if self.fields > self._limits.max_fields:
            raise Refused(place, f"the definitions hold more than {self._limits.max_fields} schemas")
        if forbidden := sorted(_FORBIDDEN & schema.keys()):
            raise Refused((*place, forbidden[0]), "is not allowed in a structural schema")
        result = {word: schema[word] for word in _COPIED & schema.keys()}
        self._scalar(schema, place, result)
        self._nested(schema, place, structure, result)
        self._alternatives(schema, place, result)
        if schema.get("x-kubernetes-int-or-string") is True:
            result["type"] = list(_INT_OR_STRING)
            if schema.get("anyOf") == _INT_OR_STRING_BRANCHES:
                del result["anyOf"]
        if schema.get("nullable") is True:
            structure.is_nullable = True
            _allow_null(result)
        return result

    def _scalar(self, schema: dict[str, Any], place: FieldPath, result: dict[str, Any]) -> None:
        for word, exclusive in _EXCLUSIVE.items():
            if schema.get(exclusive) is True and word in result:
                result[exclusive] = result.pop(word)
        if schema.get("x-kubernetes-list-type") == "set":
            result["uniqueItems"] = True
        if (pattern := schema.get("pattern")) is not None and self._is_usable(pattern, (*place, "pattern")):
            result["pattern"] = pattern
        name = schema.get("format")
        if not isinstance(name, str):
            return
        if name in BUILT_IN or name in OWN:
            result["format"] = name
        elif name in RANGES and schema.get("type") == "integer":
            low, high = RANGES[name]
            result.setdefault("allOf", []).append({"minimum": low, "maximum": high})

    def _is_usable(self, pattern: Any, place: FieldPath) -> bool:
        self.patterns += 1
        if self.patterns > self._limits.max_patterns:
            raise Refused(place, f"a version may not have more than {self._limits.max_patterns} patterns")
        if not isinstance(pattern, str):
            raise Refused(place, "must be a string")
        try:
            jsonschema_rs.Draft202012Validator({"pattern": pattern}, pattern_options=regex_options(self._limits))
        except ValueError:
            self.unchecked.append((place, f"the pattern {excerpt(pattern)!r} is too large or not understood"))
            return False
        return True

    def _nested(self, schema: dict[str, Any], place: FieldPath, structure: Structure, result: dict[str, Any]) -> None:
        keeps = schema.get("x-kubernetes-preserve-unknown-fields") is True
        embedded = schema.get("x-kubernetes-embedded-resource") is True
        structure.is_mapping = schema.get("type") == "object" or "properties" in schema or keeps
        structure.is_open = keeps
        if (properties := schema.get("properties")) is not None:
            result["properties"] = self._properties(properties, (*place, "properties"), structure)
        if embedded:
            structure.properties |= {name: Structure(is_mapping=True, is_open=True) for name in _OF_AN_OBJECT}
        others = schema.get("additionalProperties")
        if others is True:
            structure.is_open = True
        elif others is not None and others is not False:
            structure.others = Structure()
            others_place = (*place, "additionalProperties")
            result["additionalProperties"] = self._schema(others, others_place, structure.others)
        if (items := schema.get("items")) is not None:
            structure.items = Structure()
            result["items"] = self._schema(items, (*place, "items"), structure.items)

    def _properties(self, properties: Any, place: FieldPath, structure: Structure) -> dict[str, Any]:
        if not isinstance(properties, dict):
            raise Refused(place, "must be a mapping")
        result: dict[str, Any] = {}
        for name, schema in properties.items():
            below = structure.properties[name] = Structure()
            result[name] = self._schema(schema, (*place, name), below)
            if "default" in schema:
                structure.defaults[name] = schema["default"]
        return result

    def _alternatives(self, schema: dict[str, Any], place: FieldPath, result: dict[str, Any]) -> None:
        for word in ("allOf", "anyOf", "oneOf"):
            if (branches := schema.get(word)) is None:
                continue
            if not isinstance(branches, list):
                raise Refused((*place, word), "must be a list of schemas")
            translated = [self._branch(branch, (*place, word, index)) for index, branch in enumerate(branches)]
            result[word] = [*result.get(word, []), *translated]
        if (branch := schema.get("not")) is not None:
            result["not"] = self._branch(branch, (*place, "not"))

    def _branch(self, schema: Any, place: FieldPath) -> dict[str, Any]:
        self.alternatives += 1
        if self.alternatives > self._limits.max_alternatives:
            raise Refused(place, f"a version may not have more than {self._limits.max_alternatives} alternatives")
        return self._schema(schema, place, Structure())


def _allow_null(schema: dict[str, Any]) -> None:
    kind = schema.get("type")
    if isinstance(kind, str):
        schema["type"] = [kind, "null"]
    elif isinstance(kind, list):
        schema["type"] = [*kind, "null"]
    if isinstance(schema.get("enum"), list):
        schema["enum"] = [*schema["enum"], None]


def regex_options(limits: SchemaLimits) -> jsonschema_rs.RegexOptions:
    """An engine that takes time linear in the text, as Kubernetes' own does."""
    return jsonschema_rs.RegexOptions(size_limit=limits.max_pattern_bytes, dfa_size_limit=16 * limits.max_pattern_bytes)
