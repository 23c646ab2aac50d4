"""Documents to resources, by the rules that Kubernetes has for every object; kinds have their schemas elsewhere."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final

from netbox_hedgehog.manifests.problem import excerpt
from netbox_hedgehog.manifests.resource import Resource

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from netbox_hedgehog.manifests.parse import Document
    from netbox_hedgehog.manifests.problem import FieldPath, Problem

HEDGEHOG_GROUPS: Final = ("githedgehog.com",)
"""API groups that are a fabric's, each with the groups below it."""

_FIELDS: Final = frozenset({"apiVersion", "kind", "metadata", "spec", "status"})
_LAST_APPLIED: Final = "kubectl.kubernetes.io/last-applied-configuration"

# Possessive, because names are hostile and nothing here may backtrack.
_LABEL: Final = r"[a-z0-9](?:[-a-z0-9]*+(?<=[a-z0-9]))?+"
_DNS_LABEL: Final = re.compile(_LABEL)
_DNS_SUBDOMAIN: Final = re.compile(rf"{_LABEL}(?:\.{_LABEL})*+")
_KIND: Final = re.compile(r"[A-Z][A-Za-z0-9]*")
_MAX_LABEL: Final = 63
_MAX_SUBDOMAIN: Final = 253

# A fabric has a handful of API versions, kinds and namespaces, on thousands of resources. Few, because a hostile one is
# as long as any text.
_REMEMBERED: Final = 32

_API_VERSION_RULE: Final = "group/version, such as a.b.c/v1"
_KIND_RULE: Final = f"a CamelCase word of at most {_MAX_LABEL} characters"
_NAMESPACE_RULE: Final = f"lower-case letters, digits and '-', at most {_MAX_LABEL} characters"
_NAME_RULE: Final = f"lower-case letters, digits, '-' and '.', at most {_MAX_SUBDOMAIN} characters"


def to_resource(
    document: Document, default_namespace: str, groups: Sequence[str] = HEDGEHOG_GROUPS
) -> Resource | list[Problem] | None:
    """The resource a document describes, everything that is wrong with it, or None if it is not a fabric's.

    Not a fabric's are documents of API groups outside ``groups``, and mappings that are no Kubernetes object at all
    (Helm values, kustomizations without a header). ``status`` and what a server writes into ``metadata`` is dropped.
    """
    return None if _is_foreign(document.content, tuple(groups)) else _Reader(document, default_namespace).read()


def _is_foreign(content: dict[str, Any], groups: tuple[str, ...]) -> bool:
    api_version = content.get("apiVersion")
    if not isinstance(api_version, str) or not api_version:
        # A header that was forgotten must not pass for a foreign document: its resource would be deleted.
        return _FIELDS.isdisjoint(content)
    return not _is_of(api_version, groups)


@lru_cache(maxsize=_REMEMBERED)
def _is_of(api_version: str, groups: tuple[str, ...]) -> bool:
    # Compared loosely, so that a misspelt group of ours is a problem and not ignored.
    group = api_version.partition("/")[0].strip().lower()
    return any(group == ours or group.endswith(f".{ours}") for ours in groups)


class _Reader:
    """Reads one document, collecting every problem on the way."""

    __slots__ = ("_content", "_default_namespace", "_document", "_problems")

    def __init__(self, document: Document, default_namespace: str) -> None:
        self._document = document
        self._content = document.content
        self._default_namespace = default_namespace
        self._problems: list[Problem] = []

    def read(self) -> Resource | list[Problem]:
        api_version = self._text(self._content, ("apiVersion",), _is_api_version, _API_VERSION_RULE)
        kind = self._text(self._content, ("kind",), _is_kind, _KIND_RULE)
        metadata = self._mapping(self._content, ("metadata",))
        resource = Resource(
            api_version,
            kind,
            self._namespace(metadata),
            self._name(metadata),
            self._strings(metadata, ("metadata", "labels")),
            self._annotations(metadata),
            self._mapping(self._content, ("spec",)),
            self._document.path,
            self._document.line,
        )
        if not self._content.keys() <= _FIELDS:
            for unknown in sorted(self._content.keys() - _FIELDS):
                # Most likely a misspelt or badly indented "spec", which would otherwise be stored as empty.
                self._problem((unknown,), f"unknown field; a resource has {', '.join(sorted(_FIELDS))}")
        return self._problems or resource

    def _namespace(self, metadata: dict[str, Any]) -> str:
        if metadata.get("namespace") in (None, ""):
            return self._default_namespace
        return self._text(metadata, ("metadata", "namespace"), _is_label, _NAMESPACE_RULE)

    def _name(self, metadata: dict[str, Any]) -> str:
        if not metadata.get("name") and "generateName" in metadata:
            self._problem(("metadata", "generateName"), "a resource in Git needs a fixed metadata.name")
            return ""
        return self._text(metadata, ("metadata", "name"), _is_subdomain, _NAME_RULE)

    def _annotations(self, metadata: dict[str, Any]) -> dict[str, str]:
        annotations = self._strings(metadata, ("metadata", "annotations"))
        if _LAST_APPLIED not in annotations:
            return annotations
        return {name: text for name, text in annotations.items() if name != _LAST_APPLIED}

    def _strings(self, metadata: dict[str, Any], field: tuple[str, ...]) -> dict[str, str]:
        mapping = self._mapping(metadata, field)
        for key, value in mapping.items():
            if not isinstance(value, str):
                self._problem((*field, key), "must be a string; quote it")
        return mapping

    def _mapping(self, parent: dict[str, Any], field: tuple[str, ...]) -> dict[str, Any]:
        value = parent.get(field[-1])
        if isinstance(value, dict):
            return value
        if value is None:
            return {}
        self._problem(field, "must be a mapping")
        return {}

    def _text(self, parent: dict[str, Any], field: tuple[str, ...], is_valid: Callable[[str], bool], rule: str) -> str:
        value = parent.get(field[-1])
        if isinstance(value, str) and value and is_valid(value):
            return value
        if value is None or value == "":
            self._problem(field, "is missing")
        elif not isinstance(value, str):
            self._problem(field, "must be a string; quote it")
        else:
            self._problem(field, f"{excerpt(value)!r} is not valid: {rule}")
        return ""

    def _problem(self, field: FieldPath, message: str) -> None:
        self._problems.append(self._document.problem(field, message))


@lru_cache(maxsize=_REMEMBERED)
def _is_api_version(text: str) -> bool:
    group, _, version = text.partition("/")
    return _is_subdomain(group) and _is_label(version)


@lru_cache(maxsize=_REMEMBERED)
def _is_kind(text: str) -> bool:
    return len(text) <= _MAX_LABEL and _KIND.fullmatch(text) is not None


@lru_cache(maxsize=_REMEMBERED)
def _is_label(text: str) -> bool:
    return len(text) <= _MAX_LABEL and _DNS_LABEL.fullmatch(text) is not None


def _is_subdomain(text: str) -> bool:
    return len(text) <= _MAX_SUBDOMAIN and _DNS_SUBDOMAIN.fullmatch(text) is not None
