"""Desired against stored, without any I/O."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import NamedTuple

from netbox_hedgehog.manifests import Content, Resource, ResourceKey


class Stored(NamedTuple):
    """What the database knows of a resource, as far as comparing needs it."""

    pk: int
    digest: str
    source_path: str
    source_line: int


class Written(NamedTuple):
    """A resource to write, its content and the digest of that, and the row that it replaces (None: it is new)."""

    resource: Resource
    content: Content
    digest: str
    pk: int | None = None


@dataclass(frozen=True, slots=True)
class Diff:
    """What makes the stored resources equal to the desired ones.

    ``moved`` have the same content at another file or line: written, but counted as unchanged.
    """

    created: list[Written]
    updated: list[Written]
    moved: list[Written]
    deleted: dict[ResourceKey, Stored]
    unchanged: int


def diff(desired: Iterable[Resource], stored: Mapping[ResourceKey, Stored]) -> Diff:
    """Compare; ``desired`` must not name one identity twice."""
    created: list[Written] = []
    updated: list[Written] = []
    moved: list[Written] = []
    seen: set[ResourceKey] = set()
    for resource in desired:
        key = resource.key
        seen.add(key)
        content = resource.content()
        digest = content.digest()
        old = stored.get(key)
        if old is None:
            created.append(Written(resource, content, digest))
        elif old.digest != digest:
            updated.append(Written(resource, content, digest, old.pk))
        elif (old.source_path, old.source_line) != (resource.path, resource.line):
            moved.append(Written(resource, content, digest, old.pk))
    deleted = {key: old for key, old in stored.items() if key not in seen}
    return Diff(created, updated, moved, deleted, unchanged=len(seen) - len(created) - len(updated))
