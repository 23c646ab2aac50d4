"""Fabrics: the list, and the page with an overview of what the machine wrote and a form of what the operator sets."""

from __future__ import annotations

from typing import Any, override

from django.contrib import admin
from django.db.models import JSONField, TextField
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import URLPattern
from django.utils import timezone
from django.utils.safestring import SafeString

from netbox_hedgehog.admin import fabric_look as look
from netbox_hedgehog.admin.base import with_error
from netbox_hedgehog.admin.fabric_actions import FabricActions
from netbox_hedgehog.admin.fabric_changelist import FabricChangeList
from netbox_hedgehog.admin.fabric_filters import (
    ActivityFilter,
    ScheduleFilter,
    SwitchFilter,
)
from netbox_hedgehog.admin.fabric_overview import overview_context, overview_urls
from netbox_hedgehog.admin.fabric_search import is_indexed, matching
from netbox_hedgehog.admin.fabric_source import check_button, check_urls
from netbox_hedgehog.admin.filters import ChoicesDropdownFilter, RelatedChoice
from netbox_hedgehog.admin.preview import preview_urls
from netbox_hedgehog.admin.problem import problem_of
from netbox_hedgehog.admin.progress import progress_urls
from netbox_hedgehog.admin.topology import topology_urls
from netbox_hedgehog.admin.widgets import FewLines
from netbox_hedgehog.models import FabricResource, HedgehogFabric, SyncRun
from netbox_hedgehog.scheduling.due import with_next_due

# What whoever may operate a fabric, but not change it, sets in its form.
OPERATED = ("sync_enabled", "sync_interval")


@admin.register(HedgehogFabric)
class FabricAdmin(FabricActions):
    """The machine's columns are shown, never part of the form, and never written by a save."""

    list_display = (
        "name",
        "outcome",
        "activity",
        "status_label",
        "enabled",
        "interval",
        "last_synced",
        "due",
        "resource_count",
    )
    list_filter = (
        ("status", ChoicesDropdownFilter),
        SwitchFilter,
        ("sync_status", ChoicesDropdownFilter),
        ActivityFilter,
        ScheduleFilter,
        ("git_repository", RelatedChoice),
    )
    list_filter_submit = True
    when_empty = "A fabric is one network: a directory of a Git repository, and how often to look there."
    show_facets = admin.ShowFacets.NEVER  # a count of the whole fleet for each choice
    search_fields = ("name", "description", "git_repository__name")
    search_help_text = "Name, description or repository"
    autocomplete_fields = ("git_repository", "schema_source")
    formfield_overrides = {TextField: {"widget": FewLines}, JSONField: {"widget": FewLines}}
    change_form_template = "hedgehog/fabric_form.html"
    readonly_fields = ("connection",)
    fieldsets = (
        (None, {"fields": ("name", "description", "status")}),
        ("Source", {"fields": ("git_repository", "gitops_directory", "connection")}),
        ("Schedule", {"fields": ("sync_enabled", "sync_interval")}),
        (
            "Manifests",
            {"fields": ("default_namespace", "foreign_documents", "schema_source", "schema_mode")},
        ),
        (
            "Changes without approval",
            {
                "fields": (
                    "budget_deletions",
                    "budget_deletions_percent",
                    "budget_changes",
                    "budget_changes_percent",
                    "budget_by_kind",
                ),
                "description": "A sync beyond these is held until somebody approves it. Empty: as the settings say.",
            },
        ),
    )

    class Media:
        css = {"all": ("hedgehog/code.css", "hedgehog/fabric.css")}
        js = ("hedgehog/fabric.js",)

    @override
    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[FabricChangeList]:
        return FabricChangeList

    @override
    def get_search_results(self, request: HttpRequest, queryset: Any, search_term: str) -> tuple[Any, bool]:
        if search_term and is_indexed(queryset):
            return matching(queryset, search_term), False
        return super().get_search_results(request, queryset, search_term)

    @override
    def get_urls(self) -> list[URLPattern]:
        urls = (preview_urls, progress_urls, overview_urls, check_urls, topology_urls)
        return [*(url for each in urls for url in each(self.admin_site)), *super().get_urls()]

    @override
    def has_change_permission(self, request: HttpRequest, obj: HedgehogFabric | None = None) -> bool:
        """Whoever may operate a fabric opens its form, too, to set what :data:`OPERATED` names."""
        return self.may_change_all(request) or self.has_sync_permission(request)

    def may_change_all(self, request: HttpRequest) -> bool:
        """Whether every setting may be changed."""
        return super().has_change_permission(request)

    @override
    def get_readonly_fields(self, request: HttpRequest, obj: HedgehogFabric | None = None) -> Any:
        if obj is None or self.may_change_all(request):
            return self.readonly_fields
        fields = (field for _, options in self.fieldsets for field in options["fields"])
        return tuple(field for field in fields if field not in OPERATED)

    @override
    def get_fieldsets(self, request: HttpRequest, obj: HedgehogFabric | None = None) -> Any:
        """Without the test of the connection for those who could not act on it."""
        may_act = self.may_change_all(request) if obj else self.has_add_permission(request)
        if may_act:
            return self.fieldsets
        return [
            (title, options | {"fields": tuple(field for field in options["fields"] if field != "connection")})
            for title, options in self.fieldsets
        ]

    @override
    def render_change_form(self, request: HttpRequest, context: dict[str, Any], *args: Any, **kwargs: Any) -> Any:
        """Put the overview beside the form."""
        original = context.get("original")
        if isinstance(original, HedgehogFabric):
            fabric = with_next_due(HedgehogFabric.objects.all()).get(pk=original.pk)
            context |= overview_context(fabric, request, timezone.now())
        return super().render_change_form(request, context, *args, **kwargs)

    @override
    def response_change(self, request: HttpRequest, obj: HedgehogFabric) -> HttpResponse:
        """Whoever goes on editing comes back to the form, not to the overview."""
        response = super().response_change(request, obj)
        if "_continue" in request.POST and isinstance(response, HttpResponseRedirect):
            response["Location"] += "#settings"
        return response

    @override
    def goes_along(self, rows: list[HedgehogFabric]) -> dict[str, int]:
        """Counted: a fabric may have thousands of resources and runs."""
        return super().goes_along(rows) | {
            "resources": FabricResource.objects.filter(fabric__in=rows).count(),
            "sync runs": SyncRun.objects.filter(fabric__in=rows).count(),
        }

    # --- Columns

    @admin.display(description="sync status", ordering="sync_status")
    def outcome(self, fabric: HedgehogFabric) -> SafeString:
        """The label, with the last error under it: a column of its own would be empty in most rows."""
        problem = problem_of(fabric.sync_error)
        return with_error(look.sync_label(fabric), problem.message if problem else "")

    @admin.display(description="activity")
    def activity(self, fabric: HedgehogFabric) -> SafeString:
        return look.activity_label(fabric, timezone.now())

    @admin.display(description="status", ordering="status")
    def status_label(self, fabric: HedgehogFabric) -> SafeString:
        return look.status_label(fabric)

    @admin.display(description="enabled", ordering="sync_enabled", boolean=True)
    def enabled(self, fabric: HedgehogFabric) -> bool:
        return fabric.sync_enabled

    @admin.display(description="interval", ordering="sync_interval")
    def interval(self, fabric: HedgehogFabric) -> str:
        return look.every(fabric.sync_interval)

    @admin.display(description="last sync", ordering="last_sync")
    def last_synced(self, fabric: HedgehogFabric) -> SafeString | str:
        return look.last_sync(fabric, timezone.now())

    @admin.display(description="next due", ordering="due_at")
    def due(self, fabric: HedgehogFabric) -> SafeString | str:
        return look.next_due(fabric, timezone.now())

    # --- The form

    @admin.display(description="connection")
    def connection(self, _fabric: HedgehogFabric) -> SafeString:
        return check_button()
