"""What decides, besides the files, what a fabric's manifests come to."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

import structlog

from netbox_hedgehog.conf import conf
from netbox_hedgehog.errors import NeedsOperator, SyncError
from netbox_hedgehog.manifests import ForeignRule, ReadingPolicy
from netbox_hedgehog.models import HedgehogFabric, SchemaMode
from netbox_hedgehog.sync.schemas import LoadedSchemas, load_schemas

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class FabricPolicy:
    """How to read a fabric's files.

    ``rules`` changes with everything that can change what they come to. Not ``is_whole``: the fabric only warns, its
    definitions could not be loaded, and the files are read without; ``rules`` is then as if they had not changed.
    """

    reading: ReadingPolicy
    rules: str
    is_whole: bool = True


def policy_of(fabric: HedgehogFabric, since: datetime, **loading: Any) -> FabricPolicy:
    """How a fabric's files are to be read, with its definitions as of ``since`` or later.

    ``loading`` are further arguments of :func:`load_schemas`.

    Raises:
        SyncError: the definitions cannot be loaded, and the fabric enforces them; see :func:`load_schemas`.
    """
    foreign = ForeignRule(fabric.foreign_documents or conf.foreign_documents)
    loaded, version = _schemas(fabric, since, loading)
    reading = ReadingPolicy(
        default_namespace=fabric.default_namespace,
        foreign=foreign,
        schemas=loaded.schemas if loaded else None,
        enforce=fabric.schema_mode == SchemaMode.ENFORCE,
    )
    rules = f"{fabric.default_namespace} {foreign} {fabric.schema_mode} {version}"
    return FabricPolicy(reading, rules, is_whole=loaded is not None or fabric.schema_mode == SchemaMode.OFF)


def _schemas(fabric: HedgehogFabric, since: datetime, loading: dict[str, Any]) -> tuple[LoadedSchemas | None, str]:
    """The definitions if there are any, and their version, or the last one that is known."""
    if fabric.schema_mode == SchemaMode.OFF:
        return None, ""
    source = fabric.schema_source
    try:
        if source is None:
            raise NeedsOperator(
                "schema.no_source",
                f"Fabric {fabric.name} is to be checked against definitions, but names none.",
                "Choose a schema source on the fabric's page, or switch the schema checks off.",
            )
        loaded = load_schemas(source, since, **loading)
        return loaded, loaded.version
    except SyncError as error:
        if fabric.schema_mode == SchemaMode.ENFORCE:
            raise
        log.warning("sync.not_checked", code=error.code, error=error.message, remedy=error.remedy)
        return None, source.version if source else ""
