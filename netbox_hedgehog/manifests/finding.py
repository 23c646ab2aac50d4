"""What a check says of one resource: for operators to read, never a reason to lose the rest."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from netbox_hedgehog.manifests.resource import ResourceKey


class Severity(StrEnum):
    """An ``error`` would not work on the network, a ``warning`` is most likely not meant."""

    ERROR = "error"
    WARNING = "warning"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is wrong with a resource that could be read.

    ``code`` is stable and dotted (``schema.required``, ``reference.missing``); ``field`` is a path such as
    ``spec.ports[0].name``; ``path`` and ``line`` (from 1) say where the resource, or better the field, stands.
    """

    severity: Severity
    code: str
    key: ResourceKey
    field: str
    message: str
    path: str
    line: int
