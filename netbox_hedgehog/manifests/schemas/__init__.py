"""Check resources against the ``CustomResourceDefinition`` documents of their kinds."""

from __future__ import annotations

from netbox_hedgehog.manifests.schemas.definitions import SchemaSet, compile_definitions
from netbox_hedgehog.manifests.schemas.explain import Violation
from netbox_hedgehog.manifests.schemas.limits import SchemaLimits

__all__ = ["SchemaLimits", "SchemaSet", "Violation", "compile_definitions"]
