"""How far the sync of a fabric is: a part of its page that renews itself while there is something to see."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.template.response import TemplateResponse
from django.urls import URLPattern, path
from django.utils import timezone

from netbox_hedgehog.models import Activity, HedgehogFabric
from netbox_hedgehog.sync.progress import progress_of


def progress_urls(site: admin.AdminSite) -> list[URLPattern]:
    """The route that the page asks every few seconds, to stand before those of the fabric's page."""
    view = site.admin_view(_progress)
    return [path("<int:pk>/progress/", view, name="netbox_hedgehog_hedgehogfabric_progress")]


def progress_context(fabric: HedgehogFabric, now: datetime) -> dict[str, Any]:
    """What ``hedgehog/progress.html`` needs."""
    activity = fabric.activity(now)
    return {
        "fabric": fabric,
        "activity": activity,
        "under_way": activity != Activity.IDLE,
        "progress": progress_of([fabric]).get(fabric.pk) if activity == Activity.SYNCING else None,
    }


def _progress(request: HttpRequest, pk: int) -> HttpResponse:
    """Asked for only while a sync was under way, so that an idle fabric means: it has ended."""
    if not request.user.has_perm("netbox_hedgehog.view_hedgehogfabric"):
        raise PermissionDenied
    context = progress_context(get_object_or_404(HedgehogFabric, pk=pk), timezone.now())
    return TemplateResponse(request, "hedgehog/progress.html", context | {"has_ended": not context["under_way"]})
