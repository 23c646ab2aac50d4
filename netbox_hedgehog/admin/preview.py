"""Preview: a button of a fabric that shows what a sync would change and changes nothing."""

from __future__ import annotations

from typing import Final

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.template.response import TemplateResponse
from django.urls import URLPattern, path
from django.views.decorators.http import require_POST

from netbox_hedgehog.admin.code import as_changes
from netbox_hedgehog.admin.rights import MAY_SYNC
from netbox_hedgehog.models import HedgehogFabric
from netbox_hedgehog.sync.preview import preview
from netbox_hedgehog.sync.record_text import record_lines

# A request of the web server must end; a sync may take longer.
PREVIEW_SECONDS: Final = 10.0


def preview_urls(site: admin.AdminSite) -> list[URLPattern]:
    """The route of the button, to stand before those of the fabric's page."""
    view = site.admin_view(require_POST(_preview))
    return [path("<int:pk>/preview/", view, name="netbox_hedgehog_hedgehogfabric_preview")]


def _preview(request: HttpRequest, pk: int) -> HttpResponse:
    """For who may ask for a sync: it connects to the repository, with its credentials."""
    if not request.user.has_perm(MAY_SYNC):
        raise PermissionDenied
    fabric = get_object_or_404(HedgehogFabric.objects.only("pk", "name"), pk=pk)
    seen = preview(pk, timeout_seconds=PREVIEW_SECONDS)
    result = {"seen": seen, "lines": as_changes(record_lines(seen.record)) if seen.record else ""}
    if "HX-Request" in request.headers:  # a part of the page that previews several
        return TemplateResponse(request, "hedgehog/preview_result.html", result)
    context = {
        **admin.site.each_context(request),
        "title": f"What a sync of {fabric} would change",
        "original": fabric,
    }
    return TemplateResponse(request, "hedgehog/fabric_preview.html", context | result)
