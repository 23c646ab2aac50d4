"""Topology: a fabric drawn from its resources. A page, and the drawing's data by itself."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import get_object_or_404
from django.template.response import TemplateResponse
from django.urls import URLPattern, path

from netbox_hedgehog.manifests import Resource
from netbox_hedgehog.models import FabricResource, HedgehogFabric
from netbox_hedgehog.topology import DRAWN_KINDS, Graph, NodeKey, Picture, graph_of, lay_out

# Ten times the largest fabric that a picture was made for; a browser draws no more in a useful time.
MOST_RESOURCES: Final = 20_000

_COLUMNS: Final = ("pk", "api_version", "kind", "namespace", "name", "spec")
_ROWS_AT_A_TIME: Final = 1000

type Rows = dict[NodeKey, int]
"""Where the page of each resource is."""


def topology_urls(site: admin.AdminSite) -> list[URLPattern]:
    """The routes, to stand before those of the fabric's page."""
    return [
        path("<int:pk>/topology/", site.admin_view(_page), name="netbox_hedgehog_hedgehogfabric_topology"),
        path("<int:pk>/topology/data/", site.admin_view(_data), name="netbox_hedgehog_hedgehogfabric_topology_data"),
    ]


def _page(request: HttpRequest, pk: int) -> HttpResponse:
    fabric = _visible(request, pk)
    context = {
        **admin.site.each_context(request),
        "title": f"Topology of {fabric}",
        "fabric": fabric,
        "shown": request.GET.get("show", ""),
    }
    return TemplateResponse(request, "hedgehog/topology.html", context)


def _data(request: HttpRequest, pk: int) -> HttpResponse:
    return JsonResponse(topology_of(_visible(request, pk)))


def _visible(request: HttpRequest, pk: int) -> HedgehogFabric:
    """For who may see the fabric and its resources: the picture says what they say."""
    needed = ("netbox_hedgehog.view_hedgehogfabric", "netbox_hedgehog.view_fabricresource")
    if not request.user.has_perms(needed):
        raise PermissionDenied
    return get_object_or_404(HedgehogFabric.objects.only("pk", "name"), pk=pk)


def topology_of(fabric: HedgehogFabric) -> dict[str, Any]:
    """What the script draws; everything in it but numbers and tiers is text from Git."""
    rows: Rows = {}
    loaded = list(_load(fabric, rows, MOST_RESOURCES + 1))
    graph = graph_of(loaded[:MOST_RESOURCES])
    is_cut = graph.is_cut or len(loaded) > MOST_RESOURCES
    return _as_json(graph, lay_out(graph), rows) | {"is_cut": is_cut}


def _load(fabric: HedgehogFabric, rows: Rows, most: int) -> Iterator[Resource]:
    """The first resources of the kinds that are drawn, what matters most first; remembers their rows."""
    for kind in DRAWN_KINDS:
        found = FabricResource.objects.filter(fabric=fabric, kind=kind).order_by("namespace", "name")
        left = most - len(rows)
        for pk, api_version, _, namespace, name, spec in found.values_list(*_COLUMNS)[:left].iterator(_ROWS_AT_A_TIME):
            rows[kind, namespace, name] = pk
            yield Resource(api_version, kind, namespace, name, {}, {}, spec, "", 0)


def _as_json(graph: Graph, picture: Picture, rows: Rows) -> dict[str, Any]:
    positions = {key: number for number, key in enumerate(graph.nodes)}
    return {
        "width": picture.width,
        "height": picture.height,
        "clusters": [{"name": name, "box": box} for name, box in picture.clusters],
        "nodes": [
            {
                "pk": rows.get(key),
                "kind": node.key[0],
                "namespace": node.key[1],
                "name": node.key[2],
                "tier": node.tier,
                "role": node.role,
                "description": node.description,
                "known": node.is_known,
                "box": [round(number, 1) for number in picture.boxes[key]],
            }
            for key, node in graph.nodes.items()
        ],
        "links": [
            {
                "kind": link.kind,
                "ends": [positions[end] for end in link.ends],
                "name": link.connection[2],
                "pk": rows.get(link.connection),
                "ports": link.ports,
            }
            for link in graph.links
        ],
    }
