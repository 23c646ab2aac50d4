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


@dataclass(frozen=True, slots=True)
class Diff:
    """What makes the stored resources equal to the desired ones.

    ``moved`` have the same content at another file or line: written, but counted as unchanged.
    """

    created: list[Resource]
    updated: list[Resource]
    moved: list[Resource]
    deleted: list[int]
    unchanged: int


def diff(desired: Iterable[Resource], stored: Mapping[ResourceKey, Stored]) -> Diff:
    """Compare; ``desired`` must not name one identity twice."""
    created: list[Resource] = []
    updated: list[Resource] = []
    moved: list[Resource] = []
    seen: set[ResourceKey] = set()
    for resource in desired:
        seen.add(resource.key)
        old = stored.get(resource.key)
        if old is None:
            created.append(resource)
        elif old.digest != resource.digest():
            updated.append(resource)
        elif (old.source_path, old.source_line) != (resource.path, resource.line):
            moved.append(resource)
    deleted = [old.pk for key, old in stored.items() if key not in seen]
    return Diff(created, updated, moved, deleted, unchanged=len(seen) - len(created) - len(updated))
