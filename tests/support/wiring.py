"""Whole fabrics as resources, made as the demo makes them."""

from __future__ import annotations

from dataclasses import replace

from netbox_hedgehog.local.demo import fabrics, plans
from netbox_hedgehog.local.demo.documents import Document
from netbox_hedgehog.manifests import Resource
from netbox_hedgehog.models import FabricResource, HedgehogFabric

PLANS = plans.PLANS
SMALL = PLANS[1]
LARGE = replace(PLANS[0], pairs=("eslag",) * 29, borders=2, servers_per_leaf=18, links_per_spine=1)
"""64 switches and 1,044 servers."""


def resource(document: Document, number: int = 0) -> Resource:
    """A document as a sync reads it."""
    metadata = document["metadata"]
    return Resource(
        document["apiVersion"],
        document["kind"],
        metadata["namespace"],
        metadata["name"],
        metadata.get("labels", {}),
        {},
        document["spec"],
        "fabric.yaml",
        number,
    )


def resources(plan: plans.Plan) -> list[Resource]:
    """All that a fabric of this plan holds."""
    documents = [each for found in fabrics._documents(plan).values() for each in found]
    return [resource(each, number) for number, each in enumerate(documents, start=1)]


def store(fabric: HedgehogFabric, found: list[Resource]) -> None:
    """Make them the fabric's, as a sync would."""
    FabricResource.objects.bulk_create(
        FabricResource(
            fabric=fabric,
            api_version=each.api_version,
            kind=each.kind,
            namespace=each.namespace,
            name=each.name,
            labels=each.labels,
            spec=each.spec,
            source_path=each.path,
            source_line=each.line,
            source_commit="c" * 40,
        )
        for each in found
    )
