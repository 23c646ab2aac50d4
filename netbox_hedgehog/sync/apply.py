"""Write a diff, in bulk; the caller holds the transaction."""

from __future__ import annotations

from collections.abc import Collection

from django.db.models import Count

from netbox_hedgehog.manifests import ResourceKey
from netbox_hedgehog.models import FabricResource
from netbox_hedgehog.sync.diff import Diff, Stored, Written

_IDENTITY = ("fabric", "kind", "namespace", "name", "api_version")
_CONTENT = ("labels", "annotations", "spec", "digest", "source_path", "source_line", "source_commit")
_ROWS_PER_STATEMENT = 1000


def stored_resources(fabric_id: int, paths: Collection[str] | None = None) -> dict[ResourceKey, Stored]:
    """The fabric's resources as the database has them, by identity; only those from ``paths`` if these are given."""
    rows = FabricResource.objects.filter(fabric_id=fabric_id).order_by()
    if paths is not None:
        rows = rows.filter(source_path__in=paths)
    return {
        (api_version, kind, namespace, name): Stored(pk, digest, path, line)
        for api_version, kind, namespace, name, pk, digest, path, line in rows.values_list(
            "api_version", "kind", "namespace", "name", "pk", "digest", "source_path", "source_line"
        )
    }


def count_by_kind(fabric_id: int) -> dict[str, int]:
    """How many resources of each kind the fabric has."""
    rows = FabricResource.objects.filter(fabric_id=fabric_id).order_by()
    return dict(rows.values_list("kind").annotate(Count("pk")))


def apply_diff(fabric_id: int, change: Diff, commit: str) -> None:
    """Upsert what is new, changed or moved, and delete what is gone; ``commit`` is where it comes from."""
    written = [_row(fabric_id, each, commit) for each in (*change.created, *change.updated, *change.moved)]
    FabricResource.objects.bulk_create(
        written,
        batch_size=_ROWS_PER_STATEMENT,
        update_conflicts=True,
        unique_fields=_IDENTITY,
        update_fields=_CONTENT,
    )
    FabricResource.objects.filter(pk__in=[old.pk for old in change.deleted.values()]).delete()


def _row(fabric_id: int, written: Written, commit: str) -> FabricResource:
    resource = written.resource
    return FabricResource(
        fabric_id=fabric_id,
        api_version=resource.api_version,
        kind=resource.kind,
        namespace=resource.namespace,
        name=resource.name,
        labels=resource.labels,
        annotations=resource.annotations,
        spec=resource.spec,
        digest=written.digest,
        source_path=resource.path,
        source_line=resource.line,
        source_commit=commit,
    )
