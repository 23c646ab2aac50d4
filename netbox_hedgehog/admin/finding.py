"""Findings: what the checks said of the resources of the last sync; read-only."""

from __future__ import annotations

from typing import Final, override

from django.contrib import admin
from django.db.models import Q, QuerySet
from django.http import HttpRequest
from django.utils.safestring import SafeString

from netbox_hedgehog.admin.base import BAD, DOUBTFUL, ReadOnlyAdmin, badge, link_to, shortened
from netbox_hedgehog.admin.filters import ChoicesDropdownFilter, RelatedChoice
from netbox_hedgehog.admin.resource_filters import chosen_fabric
from netbox_hedgehog.models import FabricFinding, FabricResource, FindingSeverity

type Findings = QuerySet[FabricFinding]

SEVERITY_COLOURS: Final[dict[str, str]] = {FindingSeverity.ERROR: BAD, FindingSeverity.WARNING: DOUBTFUL}


@admin.register(FabricFinding)
class FindingAdmin(ReadOnlyAdmin[FabricFinding]):
    """In the order in which they were stored: by fabric, errors first."""

    list_display = ("what", "severity_badge", "code", "resource", "fabric_link", "source")
    list_filter = (("severity", ChoicesDropdownFilter), ("fabric", RelatedChoice))
    list_filter_submit = True
    show_facets = admin.ShowFacets.NEVER  # a count of the fleet for each choice
    list_select_related = ("fabric",)
    search_fields = ("name", "code")
    search_help_text = "Name of a resource or code, in all fabrics from its beginning"
    when_empty = "The checks of the last syncs had nothing to say."
    ordering = ("fabric_id", "pk")
    sortable_by = ()  # of a whole fleet they are too many, and the filters find what sorting would
    readonly_fields = ("fabric_link", "severity_badge", "resource_link", "source")
    fieldsets = (
        (None, {"fields": ("severity_badge", "code", "message", "field")}),
        ("Where", {"fields": ("resource_link", "source", "fabric_link")}),
    )

    @override
    def get_search_results(self, request: HttpRequest, queryset: Findings, search_term: str) -> tuple[Findings, bool]:
        """By any part within a fabric; of all fabrics by what an index finds. Names and codes are lower-case."""
        if not search_term:
            return queryset, False
        lookup = "startswith" if chosen_fabric(request) is None else "contains"
        term = search_term.strip().lower()
        return queryset.filter(Q(**{f"name__{lookup}": term}) | Q(**{f"code__{lookup}": term})), False

    @admin.display(description="finding")
    def what(self, finding: FabricFinding) -> SafeString | str:
        return shortened(finding.message, 80)

    @admin.display(description="severity", ordering="severity")
    def severity_badge(self, finding: FabricFinding) -> SafeString:
        return badge(finding.severity, finding.get_severity_display(), SEVERITY_COLOURS)

    @admin.display(description="resource")
    def resource(self, finding: FabricFinding) -> str:
        return f"{finding.kind} {finding.namespace}/{finding.name}"

    @admin.display(description="resource")
    def resource_link(self, finding: FabricFinding) -> SafeString | str:
        """Of a single finding: a list would look up each. What could not be applied is no resource."""
        found = FabricResource.objects.filter(
            fabric=finding.fabric_id, kind=finding.kind, namespace=finding.namespace, name=finding.name
        ).first()
        return link_to(found) if found else self.resource(finding)

    @admin.display(description="fabric", ordering="fabric_id")
    def fabric_link(self, finding: FabricFinding) -> SafeString:
        return link_to(finding.fabric)

    @admin.display(description="source")
    def source(self, finding: FabricFinding) -> str:
        return f"{finding.source_path}:{finding.source_line}"
