"""Resources: browse what Git says; nothing is edited here."""

from __future__ import annotations

from typing import Any, ClassVar, Final, override

from django.contrib import admin, messages
from django.contrib.admin.views.main import SEARCH_VAR
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from unfold.paginator import InfinitePaginator

from netbox_hedgehog.admin.base import ReadOnlyAdmin, link_to
from netbox_hedgehog.admin.code import as_code
from netbox_hedgehog.admin.filters import RelatedChoice
from netbox_hedgehog.admin.resource_filters import (
    WITHIN_FABRIC,
    KindFilter,
    LabelFilter,
    NamespaceFilter,
    chosen_fabric,
)
from netbox_hedgehog.admin.resource_links import referred_to_by, refers_to
from netbox_hedgehog.admin.resource_search import HELP, is_too_wide, named
from netbox_hedgehog.models import FabricResource
from netbox_hedgehog.topology import DRAWN_KINDS

PARSED: Final = ("labels", "annotations", "spec")


@admin.register(FabricResource)
class ResourceAdmin(ReadOnlyAdmin[FabricResource]):
    """In the order of the table's own index, which everything within one fabric is found through."""

    list_display = ("name", "kind", "namespace", "fabric_link", "source")
    list_filter = (("fabric", RelatedChoice), KindFilter, NamespaceFilter, LabelFilter)
    list_filter_submit = True
    show_facets = admin.ShowFacets.NEVER  # a count of the fabric for each choice
    list_select_related = ("fabric",)
    search_fields = ("name",)
    search_help_text = HELP
    when_empty = "Resources come with the first sync that succeeds."
    ordering = ("fabric_id", "kind", "namespace", "name", "api_version")
    readonly_fields = (
        "fabric_link",
        "topology",
        "source",
        "refers_to",
        "referred_to_by",
        "labels_yaml",
        "annotations_yaml",
        "spec_yaml",
    )
    fieldsets = (
        (None, {"fields": ("kind", "api_version", "namespace", "name", "fabric_link")}),
        ("Where it stands", {"fields": ("source", "source_commit")}),
        ("Related", {"fields": ("refers_to", "referred_to_by", "topology")}),
        ("Content", {"fields": ("spec_yaml", "labels_yaml", "annotations_yaml")}),
    )

    class Media:
        css: ClassVar[Any] = {"all": ("hedgehog/code.css",)}

    @override
    def get_queryset(self, request: HttpRequest) -> QuerySet[FabricResource]:
        """Without the documents, which only the detail page reads."""
        return super().get_queryset(request).defer(*PARSED)

    @override
    def get_paginator(self, request: HttpRequest, queryset: Any, per_page: int, *args: Any, **kwargs: Any) -> Any:
        """Rows are counted within a fabric; of all fabrics there are too many."""
        if chosen_fabric(request) is None:
            return InfinitePaginator(queryset, per_page)
        return super().get_paginator(request, queryset, per_page, *args, **kwargs)

    @override
    def get_sortable_by(self, request: HttpRequest) -> Any:
        """As the paginator: sorting is for one fabric."""
        return () if chosen_fabric(request) is None else super().get_sortable_by(request)

    @override
    def get_search_results(self, request: HttpRequest, queryset: Any, search_term: str) -> tuple[Any, bool]:
        return (named(queryset, search_term, chosen_fabric(request)) if search_term else queryset), False

    @override
    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        """Say why what was asked for of all fabrics at once is not there."""
        fabric, term = chosen_fabric(request), request.GET.get(SEARCH_VAR, "")
        if fabric is None and any(request.GET.get(name) for name in WITHIN_FABRIC):
            messages.warning(request, "Choose a fabric first: kinds, namespaces and labels are looked for in one.")
        if term and is_too_wide(term, fabric):
            messages.warning(request, "Add the beginning of a name: of all fabrics, a namespace alone has too many.")
        return super().changelist_view(request, extra_context)

    @admin.display(description="fabric", ordering="fabric_id")
    def fabric_link(self, resource: FabricResource) -> SafeString:
        return link_to(resource.fabric)

    @admin.display(description="topology")
    def topology(self, resource: FabricResource) -> SafeString | str:
        if resource.kind not in DRAWN_KINDS:
            return "not part of the picture"
        address = reverse("admin:netbox_hedgehog_hedgehogfabric_topology", args=[resource.fabric_id])
        return format_html('<a class="text-link" href="{}?show={}">Show in topology</a>', address, resource.pk)

    @admin.display(description="file and line")
    def source(self, resource: FabricResource) -> str:
        return f"{resource.source_path}:{resource.source_line}"

    @admin.display(description="refers to")
    def refers_to(self, resource: FabricResource) -> SafeString:
        return render_to_string("hedgehog/ties.html", {"ties": refers_to(resource)})

    @admin.display(description="referred to by")
    def referred_to_by(self, resource: FabricResource) -> SafeString:
        return render_to_string("hedgehog/ties.html", {"ties": referred_to_by(resource)})

    @admin.display(description="labels")
    def labels_yaml(self, resource: FabricResource) -> SafeString | str:
        return as_code(resource.labels)

    @admin.display(description="annotations")
    def annotations_yaml(self, resource: FabricResource) -> SafeString | str:
        return as_code(resource.annotations)

    @admin.display(description="spec")
    def spec_yaml(self, resource: FabricResource) -> SafeString | str:
        return as_code(resource.spec)
