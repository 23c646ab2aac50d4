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


class Replacement(NamedTuple):
    """A resource, the digest of its content, and the row to write it over."""

    resource: Resource
    digest: str
    pk: int


@dataclass(frozen=True, slots=True)
class Diff:
    """What makes the stored resources equal to the desired ones.

    ``moved`` have the same content at another file or line: written, but counted as unchanged.
    """

    created: list[Resource]
    updated: list[Replacement]
    moved: list[Replacement]
    deleted: dict[ResourceKey, Stored]


def diff(desired: Iterable[Resource], stored: Mapping[ResourceKey, Stored]) -> Diff:
    """Compare; ``desired`` must not name one identity twice."""
    created: list[Resource] = []
    updated: list[Replacement] = []
    moved: list[Replacement] = []
    seen: set[ResourceKey] = set()
    for resource in desired:
        key = resource.key
        seen.add(key)
        old = stored.get(key)
        if old is None:
            created.append(resource)
            continue
        digest = resource.content().digest()
        if old.digest != digest:
            updated.append(Replacement(resource, digest, old.pk))
        elif (old.source_path, old.source_line) != (resource.path, resource.line):
            moved.append(Replacement(resource, digest, old.pk))
    deleted = {key: old for key, old in stored.items() if key not in seen}
    return Diff(created, updated, moved, deleted)
