"""One Kubernetes custom resource as Git wants it."""

from __future__ import annotations

from hashlib import blake2b
from typing import Any, NamedTuple

import orjson

type ResourceKey = tuple[str, str, str, str]
"""API version, kind, namespace and name."""


class Resource(NamedTuple):
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

    def content(self) -> Content:
        """What the resource says, in the form that it is compared and stored in."""
        return Content(_json(self.labels), _json(self.annotations), _json(self.spec))


class Content(NamedTuple):
    """Labels, annotations and spec as JSON without white space, keys sorted."""

    labels: str
    annotations: str
    spec: str

    def digest(self) -> str:
        """32 hex digits that change when any of the three does; stored, so its form must stay the same."""
        return blake2b(f"[{self.labels},{self.annotations},{self.spec}]".encode(), digest_size=16).hexdigest()


def _json(value: dict[str, Any]) -> str:
    return orjson.dumps(value, option=orjson.OPT_SORT_KEYS).decode()
