"""From the database to YAML."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Final, NamedTuple

import yamlrocks
from django.db.models import Model, Q, QuerySet

from netbox_hedgehog.fleetfile.kinds import API_VERSION, KINDS, Kind
from netbox_hedgehog.fleetfile.plan import rows_of
from netbox_hedgehog.git import split_credentials
from netbox_hedgehog.models import HedgehogFabric

_ROWS_AT_ONCE: Final = 2000
_URLS: Final = ("url", "proxy_url")


class Written(NamedTuple):
    """One document, and the names of the stored credentials that it leaves out."""

    kind: Kind
    name: str
    text: str
    left_out: list[str]


def write(fabrics: Sequence[str] = ()) -> Iterator[Written]:
    """All entries, or those fabrics with what they use: sorted, each with all its fields, so that files compare."""
    for kind in KINDS:
        for row in _chosen(kind, fabrics).iterator(chunk_size=_ROWS_AT_ONCE):
            left_out = [name for name in kind.secrets if getattr(row, name)]
            notes = "".join(
                f"# {name} is stored, and left out here: set {name}_reference, or enter it in the admin.\n"
                for name in left_out
            )
            text = yamlrocks.dumps(_document(kind, row), option=yamlrocks.OPT_NULL_AS_KEYWORD).decode()
            yield Written(kind, str(row), f"---\n{notes}{text}", left_out)


def _chosen(kind: Kind, fabrics: Sequence[str]) -> QuerySet[Any]:
    if not fabrics:
        return rows_of(kind)
    chosen = HedgehogFabric.objects.filter(name__in=fabrics)
    schemas = chosen.values("schema_source")
    used = {
        "HedgehogFabric": Q(pk__in=chosen.values("pk")),
        "SchemaSource": Q(pk__in=schemas),
        "GitRepository": Q(pk__in=chosen.values("git_repository")) | Q(schema_sources__in=schemas),
    }
    return rows_of(kind).filter(used[kind.name]).distinct()


def _document(kind: Kind, row: Model) -> dict[str, Any]:
    values = {name: kind.value(row, name) for name in kind.fields}
    # A row that was written past the model may hold a password there.
    values |= {name: split_credentials(values[name]).url for name in _URLS if values.get(name)}
    return {"apiVersion": API_VERSION, "kind": kind.name, "name": str(row), **values}
