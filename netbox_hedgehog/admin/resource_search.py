"""Resources by name.

Within a fabric any part of the name does: its rows are few. Of all fabrics there are millions, which only the
beginning of a name finds through an index.
"""

from __future__ import annotations

from typing import Final

from django.db.models import QuerySet

from netbox_hedgehog.models import FabricResource

HELP: Final = "Name or namespace/name, in all fabrics from its beginning"


def is_too_wide(term: str, fabric: int | None) -> bool:
    """Whether ``term`` would read the whole table: a namespace without a name, of all fabrics."""
    return fabric is None and not _parts(term)[1]


def named(resources: QuerySet[FabricResource], term: str, fabric: int | None) -> QuerySet[FabricResource]:
    """Those whose name is meant by ``term``, of one fabric or of all."""
    namespace, name = _parts(term)
    if namespace:
        resources = resources.filter(namespace=namespace)
    if fabric is not None:
        return resources.filter(name__contains=name)
    # On PostgreSQL LIKE, which the index resource_name is made for.
    return resources.filter(name__startswith=name) if name else resources.none()


def _parts(term: str) -> tuple[str, str]:
    """Namespace, if there is one, and name; both are lower-case by Kubernetes' rules."""
    namespace, _, name = term.strip().lower().rpartition("/")
    return namespace, name
