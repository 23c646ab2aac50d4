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


def is_staff(request: HttpRequest) -> bool:
    """Whether the request comes from staff that is signed in."""
    user = getattr(request, "user", None)  # none if answered before the middleware that knows users
    return user is not None and user.is_active and user.is_staff
