"""The cross-resource checks of a fabric as it stands after a sync wrote what changed."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from itertools import chain
from typing import Final

from django.db.models import QuerySet

from netbox_hedgehog.manifests import CHECKED_KINDS, Finding, Resource, check, facts_of
from netbox_hedgehog.models import FabricFinding, FabricResource
from netbox_hedgehog.sync.diff import Diff
from netbox_hedgehog.sync.findings import OF_READING

_COLUMNS: Final = ("api_version", "kind", "namespace", "name", "spec", "source_path", "source_line")
_ROWS_AT_A_TIME: Final = 1000

# To compare more of them takes longer than to check all.
_MOST_COMPARED: Final = 500


def findings_may_change(fabric_id: int, change: Diff, paths: Collection[str]) -> bool:
    """Whether the findings can be others after ``change``, which is all that the files at ``paths`` changed.

    Asked before it is applied. Most commits change what no check looks at (a description, an MTU), so that a large
    fabric need not be checked.
    """
    come_or_gone = chain((resource.kind for resource in change.created), (key[1] for key in change.deleted))
    if not CHECKED_KINDS.isdisjoint(come_or_gone) or len(change.updated) > _MOST_COMPARED:
        return True
    if _are_named(fabric_id, paths):
        return True  # by their lines, which may have moved
    before = FabricResource.objects.filter(pk__in=[each.pk for each in change.updated])
    seen_before = {resource.key: facts_of(resource) for resource in _resources(before)}
    for replacement in change.updated:
        now, then = facts_of(replacement.resource), seen_before[replacement.resource.key]
        if now and then and not now.says_the_same_as(then):
            return True
    return False


def findings_of(resources: Iterable[Resource]) -> list[Finding]:
    """What is wrong between the resources of a fabric."""
    return check(facts for resource in resources if (facts := facts_of(resource)))


def with_stored(fabric_id: int, known: Collection[Resource]) -> Iterator[Resource]:
    """All resources of a fabric that the checks look at; those ``known`` already are not loaded."""
    keys = {resource.key for resource in known}
    rows = FabricResource.objects.filter(fabric_id=fabric_id, kind__in=CHECKED_KINDS)
    return chain(known, (resource for resource in _resources(rows) if resource.key not in keys))


def _are_named(fabric_id: int, paths: Collection[str]) -> bool:
    """Whether a finding is about a resource of one of the files, or names one as its other place."""
    findings = FabricFinding.objects.filter(fabric_id=fabric_id).exclude(OF_READING).order_by()
    said = findings.values_list("source_path", "message")
    return any(own in paths or any(f"({path}:" in message for path in paths) for own, message in said)


def _resources(rows: QuerySet[FabricResource]) -> Iterator[Resource]:
    """What the checks need of stored resources."""
    for api_version, kind, namespace, name, spec, path, line in (
        rows.order_by().values_list(*_COLUMNS).iterator(_ROWS_AT_A_TIME)
    ):
        yield Resource(api_version, kind, namespace, name, {}, {}, spec, path, line)
