"""What a check says of one resource: for operators to read, never a reason to lose the rest."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import TYPE_CHECKING, Final

from netbox_hedgehog.manifests.resource import ResourceKey

if TYPE_CHECKING:
    from collections.abc import Iterable


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


# A rule that every resource breaks says nothing more the hundredth time, and must not hide what others found.
MOST_OF_A_CODE: Final = 100


def bounded(findings: Iterable[Finding]) -> list[Finding]:
    """The first findings of each code; one that stands for more says how many."""
    kept: list[Finding] = []
    counts: Counter[str] = Counter()
    last: dict[str, int] = {}
    for finding in findings:
        counts[finding.code] += 1
        if counts[finding.code] <= MOST_OF_A_CODE:
            last[finding.code] = len(kept)
            kept.append(finding)
    for code, position in last.items():
        if (more := counts[code] - MOST_OF_A_CODE) > 0:
            kept[position] = replace(kept[position], message=f"{kept[position].message} (and {more} more like this)")
    return kept
