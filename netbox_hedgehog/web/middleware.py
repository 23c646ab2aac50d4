"""The first middleware: answers machines before everything that is there for people."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, cast

from asgiref.sync import async_to_sync, iscoroutinefunction
from django.http import HttpRequest, HttpResponseBase
from django.urls import resolve

from netbox_hedgehog.web.keys import has_key

PROBES: Final = frozenset({"/healthz", "/readyz"})
KEYED: Final = frozenset({"/health/fleet", "/metrics"})


class MachinesFirst:
    """Probes, and requests with the key, pass by host names, the redirect to HTTPS, sessions and sign-in.

    A kubelet or a Prometheus names the pod's address as the host, speaks plain HTTP to it, and has no session.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        if request.path_info in PROBES or (request.path_info in KEYED and has_key(request)):
            view = resolve(request.path_info).func
            return cast("HttpResponseBase", (async_to_sync(view) if iscoroutinefunction(view) else view)(request))
        return self._get_response(request)
