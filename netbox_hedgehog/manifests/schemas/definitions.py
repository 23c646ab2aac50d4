"""``CustomResourceDefinition`` documents to a :class:`SchemaSet` that checks resources."""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import islice
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import jsonschema_rs

from netbox_hedgehog.manifests.finding import Severity
from netbox_hedgehog.manifests.parse import parse
from netbox_hedgehog.manifests.problem import Problem, excerpt
from netbox_hedgehog.manifests.schemas.explain import Violation, unknown_fields, violation_of
from netbox_hedgehog.manifests.schemas.formats import OWN
from netbox_hedgehog.manifests.schemas.limits import SchemaLimits
from netbox_hedgehog.manifests.schemas.structure import Unknown, as_served
from netbox_hedgehog.manifests.schemas.translate import Refused, Translation, regex_options

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from netbox_hedgehog.manifests.limits import ManifestLimits
    from netbox_hedgehog.manifests.parse import Document
    from netbox_hedgehog.manifests.problem import FieldPath

_DEFINITION: Final = "CustomResourceDefinition"
_API_GROUP: Final = "apiextensions.k8s.io"
_SCHEMA: Final = ("schema", "openAPIV3Schema")
_MOST_VIOLATIONS: Final = 100
_WORDS: Final[dict[type, str]] = {dict: "a mapping", list: "a list", str: "a text"}


class _Version(NamedTuple):
    translation: Translation
    validator: jsonschema_rs.Validator
    limits: SchemaLimits

    def check(self, content: dict[str, Any]) -> list[Violation]:
        unknown = Unknown(_MOST_VIOLATIONS)
        desired = {name: value for name, value in content.items() if name != "status"}
        served = as_served(desired, self.translation.structure, unknown)
        found = unknown_fields(unknown.found)
        values, characters = _size(served)
        if characters * self.translation.patterns > self.limits.max_matched:
            found.append(_too_large(self.translation.patterns))
        elif not self.validator.is_valid(served):
            found.extend(self._errors(served, values))
        return found[-_MOST_VIOLATIONS:]

    def _errors(self, served: dict[str, Any], values: int) -> Iterable[Violation]:
        """All errors where that is cheap, else the first: the validator explains every alternative of every value."""
        if self.translation.alternatives * values <= self.limits.max_explained:
            errors = self.validator.iter_errors(served)
            return (violation_of(error) for error in islice(errors, _MOST_VIOLATIONS))
        try:
            self.validator.validate(served)
        except jsonschema_rs.ValidationError as error:
            return [violation_of(error)]
        return []


@dataclass(frozen=True, slots=True)
class SchemaSet:
    """The compiled definitions, by API group and kind, then by version.

    ``problems`` is everything that keeps the set from being used; ``unchecked`` what is not checked although the
    definitions ask for it.
    """

    kinds: Mapping[tuple[str, str], Mapping[str, _Version]] = field(default_factory=dict)
    problems: tuple[Problem, ...] = ()
    unchecked: tuple[Problem, ...] = ()

    def check(self, content: dict[str, Any]) -> list[Violation]:
        """What is wrong with a resource, a document with ``apiVersion`` and ``kind``; at most a hundred things."""
        api_version, kind = content.get("apiVersion"), content.get("kind")
        if not isinstance(api_version, str) or not isinstance(kind, str):
            return []  # a problem of its own already
        group, _, version = api_version.partition("/")
        versions = self.kinds.get((group, kind))
        if versions is None:
            return [self._undefined(group, kind)]
        if version not in versions:
            served = ", ".join(sorted(versions)) or "none"
            message = f"{excerpt(kind)} has no version {excerpt(version)!r}; the definitions have: {served}"
            return [Violation(Severity.ERROR, "schema.unknown_version", ("apiVersion",), message)]
        return versions[version].check(content)

    def _undefined(self, group: str, kind: str) -> Violation:
        """An error where the definitions know the group: then they would know the kind if there were one."""
        if any(group == known for known, _ in self.kinds):
            message = f"the definitions have no kind {excerpt(kind)!r} in {excerpt(group)}"
            return Violation(Severity.ERROR, "schema.unknown_kind", ("kind",), message)
        message = f"the definitions have nothing of the group {excerpt(group)!r}, so this is not checked"
        return Violation(Severity.WARNING, "schema.no_definition", ("apiVersion",), message)


def compile_definitions(
    files: Iterable[tuple[str, bytes]], limits: ManifestLimits, schema_limits: SchemaLimits | None = None
) -> SchemaSet:
    """Compile every ``CustomResourceDefinition`` in (path, content) pairs; other documents are passed over.

    Nothing is raised, whatever the files hold: see ``problems``.
    """
    reader = _Reader(limits, schema_limits or SchemaLimits())
    for path, data in files:
        reader.read(path, data)
    return reader.result()


class _Reader:
    """The state of reading definitions."""

    def __init__(self, limits: ManifestLimits, schema_limits: SchemaLimits) -> None:
        self._limits = limits
        self._schema_limits = schema_limits
        self._fields = 0
        self._kinds: dict[tuple[str, str], dict[str, _Version]] = {}
        self._places: dict[tuple[str, str], Document] = {}
        self._problems: list[Problem] = []
        self._unchecked: list[Problem] = []

    def result(self) -> SchemaSet:
        if not self._kinds and not self._problems:
            self._problems.append(Problem("", 1, "", f"there is no {_DEFINITION} among the files"))
        return SchemaSet(self._kinds, tuple(self._problems), tuple(self._unchecked))

    def read(self, path: str, data: bytes) -> None:
        documents, problems = parse(data, path, self._limits)
        self._report(problems)
        for document in documents:
            if document.content.get("kind") == _DEFINITION:
                try:
                    self._definition(document)
                except Refused as refused:
                    self._report([document.problem(refused.place, refused.message)])

    def _report(self, problems: list[Problem]) -> None:
        self._problems.extend(problems[: self._limits.max_problems - len(self._problems)])

    def _definition(self, document: Document) -> None:
        api_version = document.content.get("apiVersion")
        if not isinstance(api_version, str) or api_version.partition("/")[0] != _API_GROUP:
            return
        if api_version != f"{_API_GROUP}/v1":
            raise Refused(("apiVersion",), f"only {_API_GROUP}/v1 is understood")
        spec = _get(document.content, ("spec",), dict)
        group = _get(document.content, ("spec", "group"), str)
        kind = _get(document.content, ("spec", "names", "kind"), str)
        other = self._places.setdefault((group, kind), document)
        if other is not document:
            message = f"{excerpt(kind)} is already defined at {other.path}:{other.line}"
            raise Refused(("spec", "names", "kind"), message)
        if len(self._kinds) >= self._schema_limits.max_kinds:
            raise Refused((), f"there are more than {self._schema_limits.max_kinds} kinds")
        versions: dict[str, _Version] = {}
        for index, version in enumerate(_get(spec, ("versions",), list, ("spec",))):
            place = ("spec", "versions", index)
            name = _get(version, ("name",), str, place)
            if version.get("served") is True:
                versions[name] = self._version(document, _get(version, _SCHEMA, dict, place), (*place, *_SCHEMA))
        self._kinds[group, kind] = versions

    def _version(self, document: Document, schema: dict[str, Any], place: FieldPath) -> _Version:
        limits = self._schema_limits
        translation = Translation(schema, limits, place)
        self._fields += translation.fields
        if self._fields > limits.max_fields:
            raise Refused(place, f"the definitions hold more than {limits.max_fields} schemas")
        self._unchecked.extend(document.problem(*each) for each in translation.unchecked)
        try:
            validator = jsonschema_rs.Draft202012Validator(
                translation.json_schema,
                formats=dict(OWN),
                validate_formats=True,
                pattern_options=regex_options(limits),
                offline=True,
            )
        except jsonschema_rs.ValidationError as error:
            raise Refused((*place, *error.instance_path), excerpt(error.message)) from None
        except ValueError as error:
            raise Refused(place, excerpt(str(error))) from None
        return _Version(translation, validator, limits)


def _get[T](content: Any, path: tuple[str, ...], kind: type[T], place: FieldPath = ()) -> T:
    """The value at ``path``, which must be of ``kind``."""
    value = content
    for step in path:
        value = value.get(step) if isinstance(value, dict) else None
    if not isinstance(value, kind):
        raise Refused((*place, *path), f"must be {_WORDS[kind]}")
    return value


def _too_large(patterns: int) -> Violation:
    message = f"holds too much text to be matched against the {patterns} patterns of its definition"
    return Violation(Severity.ERROR, "schema.too_large", (), message)


def _size(value: Any) -> tuple[int, int]:
    """How many values there are in ``value``, itself included, and how many characters of text."""
    if isinstance(value, str):
        return 1, len(value)
    below: Iterable[Any] = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    values, characters = 1, 0
    for each in below:
        more = _size(each)
        values, characters = values + more[0], characters + more[1]
    return values, characters
