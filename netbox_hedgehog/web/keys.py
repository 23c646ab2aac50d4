"""The key by which a monitoring system shows that it may know more than a stranger."""

from __future__ import annotations

from django.conf import settings
from django.http import HttpRequest
from django.utils.crypto import constant_time_compare

_SCHEME = "bearer"


def has_key(request: HttpRequest) -> bool:
    """Whether the request carries ``HEDGEHOG_METRICS_KEY`` as its bearer token; never while none is configured."""
    scheme, _, key = request.headers.get("Authorization", "").partition(" ")
    expected = settings.HEDGEHOG_METRICS_KEY
    return bool(expected) and scheme.lower() == _SCHEME and constant_time_compare(key.strip(), expected)


async def may_know(request: HttpRequest) -> bool:
    """Whether the request comes from somebody with the key, or from staff that is signed in."""
    if has_key(request):
        return True
    if not hasattr(request, "auser"):  # answered before the middleware that knows users
        return False
    user = await request.auser()
    return user.is_active and user.is_staff
