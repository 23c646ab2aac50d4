"""Desired against stored, without any I/O."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import NamedTuple

from netbox_hedgehog.manifests import Resource, ResourceKey


class Stored(NamedTuple):
    """What the database knows of a resource, as far as comparing needs it."""

    pk: int
    digest: str
    source_path: str
    source_line: int


class Written(NamedTuple):
    """A resource to write, its digest, and the row that it replaces (None: it is new)."""

    resource: Resource
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
        seen.add(resource.key)
        digest = resource.digest()
        old = stored.get(resource.key)
        if old is None:
            created.append(Written(resource, digest))
        elif old.digest != digest:
            updated.append(Written(resource, digest, old.pk))
        elif (old.source_path, old.source_line) != (resource.path, resource.line):
            moved.append(Written(resource, digest, old.pk))
    deleted = {key: old for key, old in stored.items() if key not in seen}
    return Diff(created, updated, moved, deleted, unchanged=len(seen) - len(created) - len(updated))
