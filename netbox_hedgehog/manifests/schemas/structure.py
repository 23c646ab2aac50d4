"""A resource as the Kubernetes API server sees it before it validates: pruned, and with defaults filled in.

The rules are those of "Extend the Kubernetes API with CustomResourceDefinitions" (structural schemas): fields that no
schema names are dropped, nulls where null is not allowed count as absent, and absent fields take their default.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

    from netbox_hedgehog.manifests.problem import FieldPath


@dataclass(slots=True)
class Structure:
    """What one schema says of the fields below a value.

    ``others`` is the schema of all fields without one of their own; ``is_open`` keeps fields that have none at all.
    """

    properties: dict[str, Structure] = field(default_factory=dict)
    others: Structure | None = None
    items: Structure | None = None
    is_mapping: bool = False
    is_open: bool = False
    is_nullable: bool = False
    defaults: dict[str, Any] = field(default_factory=dict)


class Unknown:
    """The fields that pruning dropped: the first ``limit`` of them, each with the names that would be known there."""

    def __init__(self, limit: int) -> None:
        self.found: list[tuple[FieldPath, Mapping[str, Structure]]] = []
        self._limit = limit

    def add(self, place: FieldPath, structure: Structure) -> None:
        """Note one field."""
        if len(self.found) < self._limit:
            self.found.append((place, structure.properties))


def as_served(value: Any, structure: Structure, unknown: Unknown, place: FieldPath = ()) -> Any:
    """A copy of ``value`` as the API server would validate it; what it would drop is noted in ``unknown``."""
    if type(value) is dict and structure.is_mapping:
        return _mapping(value, structure, unknown, place)
    if type(value) is list and structure.items is not None:
        items = structure.items
        return [as_served(item, items, unknown, (*place, index)) for index, item in enumerate(value)]
    return value


def _mapping(mapping: dict[str, Any], structure: Structure, unknown: Unknown, place: FieldPath) -> dict[str, Any]:
    served: dict[str, Any] = {}
    for name, value in mapping.items():
        below = structure.properties.get(name) or structure.others
        if below is None:
            if structure.is_open:
                served[name] = value
            else:
                unknown.add((*place, name), structure)
        elif value is not None:
            served[name] = as_served(value, below, unknown, (*place, name))
        elif below.is_nullable:
            served[name] = None
    for name, default in structure.defaults.items():
        served.setdefault(name, default)
    return served
