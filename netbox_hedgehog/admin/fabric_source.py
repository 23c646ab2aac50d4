"""Test connection on a fabric's form, before it is saved.

The form names a repository that is stored: what is connected to is its stored URL, with its stored credential. Only the
directory is what was typed.
"""

from __future__ import annotations

from typing import Final

from django import forms
from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.template.loader import render_to_string
from django.template.response import TemplateResponse
from django.urls import URLPattern, path
from django.utils.safestring import SafeString
from django.views.decorators.http import require_POST

from netbox_hedgehog.models import HedgehogFabric
from netbox_hedgehog.sync.probe import check_connection

# Somebody waits; a sync may take longer.
TEST_SECONDS: Final = 10.0


class SourceForm(forms.ModelForm):  # type: ignore[type-arg]
    """The part of a fabric's form that says where its manifests are."""

    class Meta:
        model = HedgehogFabric
        fields = ("git_repository", "gitops_directory")


def check_urls(site: admin.AdminSite) -> list[URLPattern]:
    """The route of the button, to stand before those of the fabric's page."""
    view = site.admin_view(require_POST(_check))
    return [path("check-source/", view, name="netbox_hedgehog_hedgehogfabric_check_source")]


def check_button() -> SafeString:
    """The button, and the place for what it finds."""
    return render_to_string("hedgehog/source_check.html")


def _check(request: HttpRequest) -> HttpResponse:
    """What a sync from there would meet; for who may enter the same into a fabric's form."""
    if not any(request.user.has_perm(f"netbox_hedgehog.{what}_hedgehogfabric") for what in ("add", "change")):
        raise PermissionDenied
    form = SourceForm(request.POST)
    context: dict[str, object] = {"form": form}
    if form.is_valid() and (repository := form.cleaned_data["git_repository"]):
        directory = form.cleaned_data["gitops_directory"]
        context["report"] = check_connection(repository, directories=[directory], timeout_seconds=TEST_SECONDS)
    return TemplateResponse(request, "hedgehog/source_report.html", context)
