"""One Kubernetes custom resource as Git wants it."""

from __future__ import annotations

import json
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any

type ResourceKey = tuple[str, str, str, str]
"""API version, kind, namespace and name."""


@dataclass(frozen=True, slots=True)
class Resource:
    """What is stored of a manifest, and the file and line it came from (``line`` counts from 1)."""

    api_version: str
    kind: str
    namespace: str
    name: str
    labels: dict[str, str]
    annotations: dict[str, str]
    spec: dict[str, Any]
    path: str
    line: int

    @property
    def key(self) -> ResourceKey:
        """The identity of the resource within its fabric."""
        return (self.api_version, self.kind, self.namespace, self.name)

    @property
    def object_key(self) -> ResourceKey:
        """What Kubernetes holds to be one object: group, kind, namespace and name, whatever the version."""
        return (self.api_version.partition("/")[0], self.kind, self.namespace, self.name)

    def digest(self) -> str:
        """32 hex digits that change when labels, annotations or spec do; stored, so its form must stay the same."""
        content = json.dumps(
            [self.labels, self.annotations, self.spec], ensure_ascii=False, sort_keys=True, separators=(",", ":")
        )
        return blake2b(content.encode(), digest_size=16).hexdigest()
