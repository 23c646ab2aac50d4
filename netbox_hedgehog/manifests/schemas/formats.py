"""The formats that are checked, as the Kubernetes API server checks them; every other one is only a hint to readers.

Source: the formats of go-openapi/strfmt that apiextensions-apiserver lists as supported (``formats.go``), and the
ranges that kube-openapi checks for numbers.
"""

from __future__ import annotations

import re
from base64 import b64decode
from ipaddress import ip_interface
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

RANGES: Final[dict[str, tuple[int, int]]] = {
    "int32": (-(2**31), 2**31 - 1),
    "int64": (-(2**63), 2**63 - 1),
}
"""Format of an integer → smallest and largest value."""

BUILT_IN: Final = frozenset({"date", "date-time", "email", "hostname", "ipv4", "ipv6"})
"""Formats that the validator itself knows."""

_MAC: Final = re.compile(
    r"(?:[0-9a-f]{2}(?P<by>[:-])(?:[0-9a-f]{2}(?P=by)){4}(?:(?:[0-9a-f]{2}(?P=by)){2})?[0-9a-f]{2}"
    r"|[0-9a-f]{4}(?:\.[0-9a-f]{4}){2,3})",
    re.IGNORECASE,
)
_UUID: Final = re.compile(r"[0-9a-f]{8}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{12}", re.IGNORECASE)
_LONGEST_ADDRESS: Final = 64


def _is_cidr(text: str) -> bool:
    if "/" not in text or len(text) > _LONGEST_ADDRESS:
        return False
    try:
        return ip_interface(text).version in {4, 6} and text.partition("/")[2].isdecimal()
    except ValueError:
        return False


def _is_base64(text: str) -> bool:
    try:
        b64decode(text, validate=True)
    except ValueError:
        return False
    return True


OWN: Final[Mapping[str, Callable[[str], bool]]] = {
    "byte": _is_base64,
    "cidr": _is_cidr,
    "mac": lambda text: _MAC.fullmatch(text) is not None,
    "uuid": lambda text: _UUID.fullmatch(text) is not None,
}
"""Formats that are Kubernetes' own."""
