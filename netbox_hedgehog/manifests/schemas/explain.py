"""What a failed check means, in the words of the manifest's author."""

from __future__ import annotations

import json
import re
from difflib import get_close_matches
from itertools import islice
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from netbox_hedgehog.manifests.finding import Severity
from netbox_hedgehog.manifests.problem import dotted, excerpt
from netbox_hedgehog.observability.redaction import redact_value

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    import jsonschema_rs

    from netbox_hedgehog.manifests.problem import FieldPath

_MESSAGES: Final = {
    "minimum": "must be at least {}",
    "maximum": "must be at most {}",
    "exclusiveMinimum": "must be more than {}",
    "exclusiveMaximum": "must be less than {}",
    "multipleOf": "must be a multiple of {}",
    "minLength": "must have at least {} characters",
    "maxLength": "must have at most {} characters",
    "minItems": "must have at least {} items",
    "maxItems": "must have at most {} items",
    "minProperties": "must have at least {} fields",
    "maxProperties": "must have at most {} fields",
    "format": "is not a valid {}",
    "pattern": "does not match {}",
}
_FIXED: Final = {
    "required": "is missing",
    "uniqueItems": "must not have the same item twice",
    "not": "has a form that the definition forbids",
}
_QUOTED: Final = {
    "pattern": ": ",
    "format": ": ",
    "enum": ", not ",
    "type": ", not ",
    "minimum": ", not ",
    "maximum": ", not ",
}
_LONGEST_QUOTE: Final = 60
_MOST_OPTIONS: Final = 12
_MOST_FORMS: Final = 4
# Comparing names takes time quadratic in their length.
_MOST_HINTS: Final = 5
_LONGEST_NAME: Final = 40
_MOST_NAMES: Final = 100
_WORDS: Final = {dict: "a mapping", list: "a list", type(None): "null", bool: "true or false"}
_CAPITAL: Final = re.compile(r"(?=[A-Z])")


class Violation(NamedTuple):
    """One rule of a definition that a resource breaks; ``code`` is ``schema.`` and the rule's name."""

    severity: Severity
    code: str
    field: FieldPath
    message: str


def violation_of(error: jsonschema_rs.ValidationError) -> Violation:
    """The broken rule, at the very field."""
    rule, value = error.kind.name, error.kind.value
    field: FieldPath = tuple(error.instance_path)
    if rule == "required":
        field = (*field, str(value))
    code = "schema." + _CAPITAL.sub("_", rule).lower()
    return Violation(Severity.ERROR, code, field, _message(rule, value, field) + _quoted(rule, error, field))


def unknown_fields(found: Iterable[tuple[FieldPath, Iterable[str]]]) -> list[Violation]:
    """Fields that Kubernetes drops without a word, most likely misspelt, each with the names known at its place."""
    return [
        Violation(
            Severity.WARNING,
            "schema.unknown_field",
            field,
            "is not in the definition, so Kubernetes drops it"
            + (_hint(str(field[-1]), known) if number < _MOST_HINTS else ""),
        )
        for number, (field, known) in enumerate(found)
    ]


def _hint(name: str, known: Iterable[str]) -> str:
    if len(name) > _LONGEST_NAME:
        return ""
    names = list(islice((each for each in known if len(each) <= _LONGEST_NAME), _MOST_NAMES))
    close = get_close_matches(name, names, n=1)
    return f"; did you mean {close[0]}?" if close else ""


def _message(rule: str, value: Any, field: FieldPath) -> str:
    if rule == "enum":
        more = f" and {len(value) - _MOST_OPTIONS} more" if len(value) > _MOST_OPTIONS else ""
        return f"must be one of {', '.join(map(_literal, value[:_MOST_OPTIONS]))}{more}"
    if rule == "type":
        return f"must be of type {' or '.join(sorted(value))}"
    if rule in {"anyOf", "oneOf"}:
        return _forms(value, len(field))
    if rule in _FIXED:
        return _FIXED[rule]
    return _MESSAGES.get(rule, f"breaks the rule {rule}: {{}}").format(excerpt(str(value)))


def _forms(forms: Sequence[Sequence[jsonschema_rs.ValidationError]], depth: int) -> str:
    if any(not errors for errors in forms):
        return "fits more than one of the forms that exclude each other"
    told = [_one_form(errors[0], depth) for errors in forms[:_MOST_FORMS]]
    more = f", or {len(forms) - _MOST_FORMS} more" if len(forms) > _MOST_FORMS else ""
    return f"fits none of the forms allowed: {'; or '.join(told)}{more}"


def _one_form(error: jsonschema_rs.ValidationError, depth: int) -> str:
    violation = violation_of(error)
    return excerpt(f"{dotted(violation.field[depth:])} {violation.message}".strip())


def _quoted(rule: str, error: jsonschema_rs.ValidationError, field: FieldPath) -> str:
    """The value itself where it helps and is short; one whose name says secret is not shown."""
    if rule not in _QUOTED:
        return ""
    value: Any = error.instance
    if type(value) in _WORDS:
        return f"{_QUOTED[rule]}{_WORDS[type(value)]}"
    name = next((step for step in reversed(field) if isinstance(step, str)), "")
    shown = redact_value({name: value})
    text = _literal(shown[name] if isinstance(shown, dict) and name in shown else value)
    return f"{_QUOTED[rule]}{text}" if len(text) <= _LONGEST_QUOTE else ""


def _literal(value: Any) -> str:
    return excerpt(json.dumps(value, ensure_ascii=False))
