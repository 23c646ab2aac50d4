"""What decides, besides a file's bytes, what the file comes to."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from netbox_hedgehog.manifests.schemas import SchemaSet
from netbox_hedgehog.manifests.validate import HEDGEHOG_GROUPS

if TYPE_CHECKING:
    from collections.abc import Sequence


class ForeignRule(StrEnum):
    """What becomes of documents that are not a fabric's: other API groups, kustomizations, Helm values."""

    IGNORE = "ignore"
    WARN = "warn"
    REFUSE = "refuse"


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadingPolicy:
    """``schemas`` None: resources are not checked against definitions. ``enforce``: what breaks one is a problem."""

    default_namespace: str = "default"
    groups: Sequence[str] = HEDGEHOG_GROUPS
    foreign: ForeignRule = ForeignRule.IGNORE
    schemas: SchemaSet | None = None
    enforce: bool = False
