"""Who guesses passwords has to wait."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.contrib import admin
from django.contrib.auth.forms import AuthenticationForm
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse


def client_address(request: HttpRequest) -> str:
    """The address that tries to sign in: what the proxy says if one is trusted, else the peer's.

    A proxy appends what it sees; everything before the last entry was sent by the client and may be made up.
    """
    forwarded = request.headers.get("X-Forwarded-For", "") if settings.TRUST_PROXY else ""
    return forwarded.rpartition(",")[2].strip() or str(request.META.get("REMOTE_ADDR", ""))


def locked_out(request: HttpRequest, _response: HttpResponse | None = None, _credentials: Any = None) -> HttpResponse:
    """The sign-in page, with what to do; the same whether the user exists or not."""
    minutes = int(settings.AXES_COOLOFF_TIME.total_seconds() // 60)
    form = AuthenticationForm(request)
    form.cleaned_data = {}
    form.add_error(
        None,
        f"Too many attempts with this name from your address. Wait {minutes} minutes, or ask an administrator to run "
        "manage.py axes_reset.",
    )
    context = admin.site.each_context(request) | {"form": form, "title": "Log in", "app_path": request.get_full_path()}
    response = TemplateResponse(request, admin.site.login_template or "admin/login.html", context, status=429)
    return response.render()
