"""Test connection, and trust on first use: two buttons of a repository, both POST, both for who may change it."""

from __future__ import annotations

from typing import Final, cast

from django.contrib import admin, messages
from django.contrib.admin.models import CHANGE, LogEntry
from django.core import signing
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.views.decorators.http import require_POST

from netbox_hedgehog.models import GitRepository
from netbox_hedgehog.sync.probe import check_connection, trust_host_key

# A request of the web server must end; a sync may take longer.
TEST_SECONDS: Final = 10.0
_SALT: Final = "netbox_hedgehog.host_key"
_OFFER_SECONDS: Final = 3600


def connection_urls(site: admin.AdminSite) -> list[URLPattern]:
    """The routes of the buttons, to stand before those of the repository's page."""
    return [
        path("<int:pk>/test/", site.admin_view(require_POST(_test)), name="netbox_hedgehog_gitrepository_test"),
        path("<int:pk>/trust/", site.admin_view(require_POST(_trust)), name="netbox_hedgehog_gitrepository_trust"),
    ]


def _test(request: HttpRequest, pk: int) -> HttpResponse:
    """Show what a sync from the stored repository would meet."""
    repository = _changeable(request, pk)
    report = check_connection(repository, timeout_seconds=TEST_SECONDS)
    context = {
        **admin.site.each_context(request),
        "title": f"Connection of {repository}",
        "original": repository,
        "report": report,
        "signed_host_key": signing.dumps([pk, report.host_key], salt=_SALT),
    }
    return TemplateResponse(request, "hedgehog/repository_test.html", context)


def _trust(request: HttpRequest, pk: int) -> HttpResponse:
    """Store the very key that was shown: another connection could be shown another one."""
    repository = _changeable(request, pk)
    try:
        offered_for, line = signing.loads(request.POST.get("host_key", ""), salt=_SALT, max_age=_OFFER_SECONDS)
    except signing.BadSignature:
        raise PermissionDenied from None
    if offered_for != pk or not line:
        raise PermissionDenied
    if trust_host_key(repository, line):
        LogEntry.objects.log_actions(
            cast("int", request.user.pk),
            [repository],
            CHANGE,
            f"Trusted the host key {line.strip()}",
            single_object=True,
        )
        messages.success(request, "The key is trusted from now on. Test the connection again.")
    else:
        messages.error(request, "The known hosts were edited meanwhile; nothing was stored.")
    return HttpResponseRedirect(reverse("admin:netbox_hedgehog_gitrepository_change", args=[pk]))


def _changeable(request: HttpRequest, pk: int) -> GitRepository:
    if not request.user.has_perm("netbox_hedgehog.change_gitrepository"):
        raise PermissionDenied
    return get_object_or_404(GitRepository, pk=pk)
