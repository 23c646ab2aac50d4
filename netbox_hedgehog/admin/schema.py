"""Schema sources: where definitions come from, and what became of them."""

from __future__ import annotations

from typing import Any, Final, override

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied, ValidationError
from django.db.models import Count, QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.views.decorators.http import require_POST

from netbox_hedgehog.admin.base import (
    BAD,
    DOUBTFUL,
    GOOD,
    NOTHING,
    PageAdmin,
    badge,
    first_of,
    link_to,
    link_to_list,
    preformatted,
    with_error,
)
from netbox_hedgehog.errors import SyncError
from netbox_hedgehog.models import HedgehogFabric, SchemaSource
from netbox_hedgehog.sync.schemas import folder_of, load_schemas

# A request of the web server must end; a sync may take longer.
LOAD_SECONDS: Final = 10.0

_COLOURS: Final = {"usable": GOOD, "partly": DOUBTFUL, "unusable": BAD}


def state_of(source: SchemaSource) -> SafeString | str:
    """Whether its definitions can be used, as the last sync found."""
    if source.error:
        return with_error(badge("unusable", "unusable", _COLOURS), source.error)
    if not source.version:
        return "not used yet"
    if source.unchecked:
        return badge("partly", "usable in part", _COLOURS)
    return badge("usable", "usable", _COLOURS)


class SchemaSourceForm(forms.ModelForm):  # type: ignore[type-arg]
    """Catches a folder that may not be read before a sync fails on it."""

    class Meta:
        model = SchemaSource
        fields = ("name", "git_repository", "ref", "directory", "local_folder")

    def clean_local_folder(self) -> str:
        """Hold the folder against HEDGEHOG_SCHEMA_ROOT, as this process sees it."""
        folder: str = self.cleaned_data["local_folder"]
        if folder:
            try:
                folder_of(SchemaSource(local_folder=folder))
            except SyncError as error:
                raise ValidationError(f"{error.message} {error.remedy}", code=error.code) from None
        return folder


def _load(request: HttpRequest, pk: int) -> HttpResponse:
    """Load the stored source now, and say what came of it; for who may change it: it connects with credentials."""
    if not request.user.has_perm("netbox_hedgehog.change_schemasource"):
        raise PermissionDenied
    source = get_object_or_404(SchemaSource.objects.select_related("git_repository"), pk=pk)
    try:
        loaded = load_schemas(source, timezone.now(), timeout_seconds=LOAD_SECONDS)
    except SyncError as error:
        messages.error(request, f"{error.message} {error.remedy}")
    else:
        messages.success(request, f"Loaded. Kinds that it defines: {len(loaded.schemas.kinds)}.")
    return HttpResponseRedirect(reverse("admin:netbox_hedgehog_schemasource_change", args=[pk]))


@admin.register(SchemaSource)
class SchemaSourceAdmin(PageAdmin[SchemaSource]):
    """The state is what the last sync that used the source found."""

    form = SchemaSourceForm
    change_form_outer_before_template = "hedgehog/schema_load_button.html"
    list_display = ("name", "place", "state", "kind_count", "used_by")
    list_select_related = ("git_repository",)
    search_fields = ("name", "git_repository__name", "local_folder")
    search_help_text = "Name, repository or folder"
    when_empty = "A schema source has the definitions that the resources of fabrics may be checked against."
    autocomplete_fields = ("git_repository",)
    readonly_fields = ("state", "kind_count", "commit", "what_is_unchecked", "used_by")
    settings_fields = (
        (None, {"fields": ("name",)}),
        ("In a repository", {"fields": ("git_repository", "ref", "directory")}),
        ("Or on disk", {"fields": ("local_folder",)}),
    )
    state_fields = (
        "State",
        {
            "fields": readonly_fields,
            "description": "Written by the syncs of the fabrics that use it; saving this form leaves it alone.",
        },
    )

    @override
    def get_fieldsets(self, request: HttpRequest, obj: SchemaSource | None = None) -> Any:
        """One that does not exist yet has no state."""
        return (*self.settings_fields, self.state_fields) if obj else self.settings_fields

    @override
    def get_urls(self) -> list[URLPattern]:
        """With the route of the button."""
        view = self.admin_site.admin_view(require_POST(_load))
        return [path("<int:pk>/load/", view, name="netbox_hedgehog_schemasource_load"), *super().get_urls()]

    @override
    def get_queryset(self, request: HttpRequest) -> QuerySet[SchemaSource]:
        return super().get_queryset(request).annotate(fabric_count=Count("fabrics"))

    @override
    def in_the_way(self, rows: list[SchemaSource]) -> list[Any]:
        """The fabrics that are checked against them."""
        fabrics = list(HedgehogFabric.objects.filter(schema_source__in=rows).only("pk", "name"))
        return first_of(
            fabrics, lambda fabric: format_html("Fabric {}: give it another schema source", link_to(fabric))
        )

    @admin.display(description="where")
    def place(self, source: SchemaSource) -> str:
        if source.git_repository is None:
            return source.local_folder or NOTHING
        ref = source.ref or source.git_repository.branch
        return f"{source.git_repository.name}, {ref}, {source.directory}"

    @admin.display(description="state")
    def state(self, source: SchemaSource) -> SafeString | str:
        return state_of(source)

    @admin.display(description="not checked")
    def what_is_unchecked(self, source: SchemaSource) -> SafeString | str:
        return preformatted(source.unchecked) if source.unchecked else NOTHING

    @admin.display(description="used by")
    def used_by(self, source: SchemaSource) -> SafeString | str:
        count = getattr(source, "fabric_count", 0)
        if not count:
            return "no fabric"
        text = f"{count} fabric{'s' if count > 1 else ''}"
        return link_to_list(HedgehogFabric, text, schema_source__id__exact=source.pk)
