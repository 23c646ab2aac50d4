"""Resources: browse what Git says; nothing is edited here."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final, override

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.safestring import SafeString

from netbox_hedgehog.admin.base import ReadOnlyAdmin, as_yaml, link_to
from netbox_hedgehog.models import FabricResource, HedgehogFabric

FABRICS_OFFERED: Final = 50
PARSED: Final = ("labels", "annotations", "spec")


class FabricFilter(admin.SimpleListFilter):
    """Offers the first fabrics by name and the chosen one: a list of all would not end. A fabric's page links here."""

    title = "fabric"
    parameter_name = "fabric__id__exact"

    @override
    def lookups(self, request: HttpRequest, model_admin: Any) -> Iterable[tuple[str, str]]:
        fabrics = HedgehogFabric.objects.order_by("name").values_list("pk", "name")
        offered = dict(fabrics[:FABRICS_OFFERED])
        chosen = self.chosen
        if chosen is not None and chosen not in offered:
            offered |= dict(fabrics.filter(pk=chosen))
        return [(str(pk), name) for pk, name in offered.items()]

    @property
    def chosen(self) -> int | None:
        """The id in the address; None for anything else than a number."""
        value = self.value() or ""
        return int(value) if value.isdecimal() else None

    @override
    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        if self.value() is None:
            return queryset
        return queryset.filter(fabric=self.chosen) if self.chosen is not None else queryset.none()


class KindFilter(admin.SimpleListFilter):
    """The kinds that exist; those of one fabric when one is chosen."""

    title = "kind"
    parameter_name = "kind"

    @override
    def lookups(self, request: HttpRequest, model_admin: Any) -> Iterable[tuple[str, str]]:
        resources = FabricResource.objects.order_by("kind")
        fabric = request.GET.get(FabricFilter.parameter_name, "")
        if fabric.isdecimal():
            resources = resources.filter(fabric=int(fabric))
        return [(kind, kind) for kind in resources.values_list("kind", flat=True).distinct()]

    @override
    def queryset(self, request: HttpRequest, queryset: QuerySet[FabricResource]) -> QuerySet[FabricResource]:
        return queryset.filter(kind=self.value()) if self.value() else queryset


@admin.register(FabricResource)
class ResourceAdmin(ReadOnlyAdmin[FabricResource]):
    """In the order of the table's own index."""

    list_display = ("name", "kind", "namespace", "fabric_link", "source")
    list_filter = (KindFilter, FabricFilter)
    list_select_related = ("fabric",)
    search_fields = ("name",)
    ordering = ("fabric_id", "kind", "namespace", "name")
    readonly_fields = ("fabric_link", "source", "labels_yaml", "annotations_yaml", "spec_yaml")
    fieldsets = (
        (None, {"fields": ("kind", "api_version", "namespace", "name", "fabric_link", "source", "source_commit")}),
        ("Content", {"fields": ("labels_yaml", "annotations_yaml", "spec_yaml")}),
    )

    @override
    def get_queryset(self, request: HttpRequest) -> QuerySet[FabricResource]:
        """Without the documents, which only the detail page reads."""
        return super().get_queryset(request).defer(*PARSED)

    @admin.display(description="fabric", ordering="fabric_id")
    def fabric_link(self, resource: FabricResource) -> SafeString:
        return link_to(resource.fabric)

    @admin.display(description="source")
    def source(self, resource: FabricResource) -> str:
        return f"{resource.source_path}:{resource.source_line}"

    @admin.display(description="labels")
    def labels_yaml(self, resource: FabricResource) -> SafeString | str:
        return as_yaml(resource.labels)

    @admin.display(description="annotations")
    def annotations_yaml(self, resource: FabricResource) -> SafeString | str:
        return as_yaml(resource.annotations)

    @admin.display(description="spec")
    def spec_yaml(self, resource: FabricResource) -> SafeString | str:
        return as_yaml(resource.spec)
