"""Small CustomResourceDefinitions, and what they say of a resource."""

from __future__ import annotations

import json
from typing import Any

from netbox_hedgehog.manifests import ManifestLimits
from netbox_hedgehog.manifests.schemas import SchemaLimits, SchemaSet, Violation, compile_definitions

GROUP = "wiring.githedgehog.com"
LIMITS = ManifestLimits()


def definition(spec: Any, kind: str = "Rack", group: str = GROUP, **version: Any) -> dict[str, Any]:
    """A definition of ``kind`` whose ``spec`` has the schema ``spec``."""
    schema = {"type": "object", "properties": {"spec": spec}}
    versions = [{"name": "v1", "served": True, "storage": True, "schema": {"openAPIV3Schema": schema}} | version]
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"{kind.lower()}s.{group}"},
        "spec": {"group": group, "names": {"kind": kind, "plural": f"{kind.lower()}s"}, "versions": versions},
    }


def compiled(*definitions: dict[str, Any], limits: SchemaLimits | None = None) -> SchemaSet:
    """The set of ``definitions``, one file each."""
    files = [(f"crd-{number}.json", json.dumps(each).encode()) for number, each in enumerate(definitions)]
    return compile_definitions(files, LIMITS, limits)


def rack(spec: Any, **changes: Any) -> dict[str, Any]:
    """A resource of the kind that :func:`definition` defines."""
    return {"apiVersion": f"{GROUP}/v1", "kind": "Rack", "metadata": {"name": "a"}, "spec": spec} | changes


def violations(schema: Any, spec: Any) -> list[Violation]:
    """What a definition with the spec's ``schema`` says of a resource with ``spec``."""
    schemas = compiled(definition(schema))
    assert schemas.problems == ()
    return schemas.check(rack(spec))
