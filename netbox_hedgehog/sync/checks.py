"""The cross-resource checks of a fabric as it stands after a sync wrote what changed."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from itertools import chain
from typing import Final

from netbox_hedgehog.manifests import CHECKED_KINDS, Finding, Resource, check, facts_of
from netbox_hedgehog.models import FabricResource

_COLUMNS: Final = ("api_version", "kind", "namespace", "name", "spec", "source_path", "source_line")
_ROWS_AT_A_TIME: Final = 1000


def findings_of(fabric_id: int, known: Collection[Resource]) -> list[Finding]:
    """What is wrong between the fabric's stored resources; those ``known`` already are not loaded again."""
    resources = chain(known, _others(fabric_id, known))
    return check(facts for resource in resources if (facts := facts_of(resource)))


def _others(fabric_id: int, known: Collection[Resource]) -> Iterator[Resource]:
    keys = {resource.key for resource in known}
    rows = FabricResource.objects.filter(fabric_id=fabric_id, kind__in=CHECKED_KINDS).order_by()
    if rows.count() == sum(resource.kind in CHECKED_KINDS for resource in known):
        return
    for api_version, kind, namespace, name, spec, path, line in rows.values_list(*_COLUMNS).iterator(_ROWS_AT_A_TIME):
        if (api_version, kind, namespace, name) not in keys:
            yield Resource(api_version, kind, namespace, name, {}, {}, spec, path, line)
