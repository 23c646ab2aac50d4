"""Test what is entered into a repository's form, before it is saved.

Stored secrets go to the stored place only: for another URL, proxy or authority they are entered anew.
"""

from __future__ import annotations

from copy import copy
from typing import Final

import structlog
from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.template.loader import render_to_string
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.safestring import SafeString
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_POST

from netbox_hedgehog.admin.connection import TEST_SECONDS
from netbox_hedgehog.admin.repository_form import REFERENCES, RepositoryForm
from netbox_hedgehog.git import shown_url
from netbox_hedgehog.models import GitRepository
from netbox_hedgehog.models.repository import SECRETS
from netbox_hedgehog.sync.probe import check_connection

PLACE: Final = ("url", "proxy_url", "ca_certificates")
"""The fields that decide who gets to see a secret."""

log = structlog.get_logger(__name__)


class ConnectionForm(RepositoryForm):
    """The part of the form that says what to connect to; the browser keeps what was typed."""

    is_sent_back = False

    class Meta(RepositoryForm.Meta):
        fields = tuple(name for name in RepositoryForm.Meta.fields if name != "name")


def check_urls(site: admin.AdminSite) -> list[URLPattern]:
    """The routes of the button, to stand before those of the repository's page."""
    view = site.admin_view(require_POST(sensitive_post_parameters("url", "proxy_url", *SECRETS)(_check)))
    return [
        path("check/", view, name="netbox_hedgehog_gitrepository_check_new"),
        path("<int:pk>/check/", view, name="netbox_hedgehog_gitrepository_check"),
    ]


def check_button(repository: GitRepository) -> SafeString:
    """The button, and the place for what it finds."""
    route = "admin:netbox_hedgehog_gitrepository_check"
    address = reverse(route, args=[repository.pk]) if repository.pk else reverse(f"{route}_new")
    return render_to_string("hedgehog/repository_check.html", {"address": address})


def _check(request: HttpRequest, pk: int | None = None) -> HttpResponse:
    """What a sync from there would meet; for who may save the same. Nothing is stored."""
    if not request.user.has_perm(f"netbox_hedgehog.{'change' if pk else 'add'}_gitrepository"):
        raise PermissionDenied
    stored = get_object_or_404(GitRepository, pk=pk) if pk else None
    form = ConnectionForm(request.POST, instance=copy(stored))
    context: dict[str, object] = {"form": form}
    if form.is_valid():
        repository: GitRepository = form.instance
        context["left_out"] = stored is not None and _leave_out(repository, stored)
        log.info("repository.tested_unsaved", user=request.user.get_username(), url=shown_url(repository.url))
        directories = [] if stored else ["/"]
        context["report"] = check_connection(repository, directories=directories, timeout_seconds=TEST_SECONDS)
    return TemplateResponse(request, "hedgehog/source_report.html", context)


def _leave_out(entered: GitRepository, stored: GitRepository) -> bool:
    """Take the secrets of ``stored`` out of ``entered`` if that is another place; whether there were any.

    The rows are compared, because a request that leaves a field out keeps its value whatever the form says.
    """
    stored.absorb_url_credentials()
    if all(getattr(entered, name) == getattr(stored, name) for name in PLACE):
        return False
    names = [name for name in (*SECRETS, *REFERENCES) if getattr(entered, name)]
    kept = [name for name in names if getattr(entered, name) == getattr(stored, name)]
    for name in kept:
        setattr(entered, name, "")
    return bool(kept)
