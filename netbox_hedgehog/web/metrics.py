"""The endpoint that Prometheus scrapes."""

from __future__ import annotations

from typing import Final

from django.http import HttpRequest, HttpResponse
from django.utils.cache import add_never_cache_headers
from django.views.decorators.http import require_safe
from prometheus_client import CollectorRegistry
from prometheus_client.exposition import choose_encoder

from netbox_hedgehog.web.collector import FleetCollector
from netbox_hedgehog.web.keys import has_key, is_staff

REGISTRY: Final = CollectorRegistry(auto_describe=False)
REGISTRY.register(FleetCollector())


@require_safe
def metrics(request: HttpRequest) -> HttpResponse:
    """All metrics, for who has the key and for staff that is signed in."""
    if not (has_key(request) or is_staff(request)):
        return HttpResponse(
            "Send HEDGEHOG_METRICS_KEY as a bearer token, or sign in as staff.\n",
            status=401,
            content_type="text/plain",
            headers={"WWW-Authenticate": "Bearer"},
        )
    encode, content_type = choose_encoder(request.headers.get("Accept", ""))
    response = HttpResponse(encode(REGISTRY), content_type=content_type)
    add_never_cache_headers(response)
    return response
