"""Ranges of IPv4 addresses and of VLANs: read them, find one in many, find two that overlap."""

from __future__ import annotations

import re
from bisect import bisect_right
from typing import TYPE_CHECKING, Any, Final, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from netbox_hedgehog.manifests.problem import FieldPath

# IEEE 802.1Q has no VLANs 0 and 4095.
FIRST_VLAN: Final = 1
LAST_VLAN: Final = 4094

_ADDRESS_BITS: Final = 32
_OCTET: Final = r"(25[0-5]|2[0-4][0-9]|1[0-9]{2}|[1-9]?[0-9])"
_PREFIX: Final = re.compile(rf"{_OCTET}\.{_OCTET}\.{_OCTET}\.{_OCTET}/(3[0-2]|[12]?[0-9])")


class Span(NamedTuple):
    """All numbers from ``first`` to ``last``, as ``field`` writes them."""

    field: FieldPath
    first: int
    last: int
    text: str


class Unreadable(ValueError):  # noqa: N818 - an answer rather than an error
    """A value is no span; the message says what it must be."""


def ipv4_span(field: FieldPath, value: Any) -> Span:
    """The addresses of a prefix; bits beyond its length are dropped. Raises :class:`Unreadable`."""
    match = _PREFIX.fullmatch(value) if isinstance(value, str) else None
    if match is None:
        raise Unreadable("must be an IPv4 prefix such as 10.0.1.0/24")
    a, b, c, d, length = map(int, match.groups())
    rest = (1 << (_ADDRESS_BITS - length)) - 1
    first = (a << 24 | b << 16 | c << 8 | d) & ~rest
    return Span(field, first, first + rest, value)


def vlan_span(field: FieldPath, value: Any) -> Span:
    """One VLAN. Raises :class:`Unreadable`."""
    if type(value) is not int or not FIRST_VLAN <= value <= LAST_VLAN:
        raise Unreadable(f"must be a VLAN, a number from {FIRST_VLAN} to {LAST_VLAN}")
    return Span(field, value, value, str(value))


def vlan_range_span(field: FieldPath, value: Any) -> Span:
    """The VLANs of ``{from: …, to: …}``. Raises :class:`Unreadable`."""
    ends = (value.get("from"), value.get("to")) if isinstance(value, dict) else (None, None)
    try:
        first, last = (vlan_span(field, end).first for end in ends)
    except Unreadable:
        first, last = LAST_VLAN, FIRST_VLAN
    if first > last:
        raise Unreadable(f"must be a range of VLANs, from and to within {FIRST_VLAN} to {LAST_VLAN}")
    return Span(field, first, last, f"{first}-{last}")


class Ranges:
    """Many spans in one, to look others up in."""

    def __init__(self, spans: Iterable[Span]) -> None:
        self._firsts: list[int] = []
        self._lasts: list[int] = []
        for span in sorted(spans, key=lambda span: (span.first, -span.last)):
            if self._lasts and span.first <= self._lasts[-1]:
                self._lasts[-1] = max(self._lasts[-1], span.last)
            else:
                self._firsts.append(span.first)
                self._lasts.append(span.last)

    def __contains__(self, span: Span) -> bool:
        """Whether all of ``span`` lies within one of them; those that overlap count as one."""
        position = bisect_right(self._firsts, span.first) - 1
        return position >= 0 and span.last <= self._lasts[position]


def overlapping[T](spans: Sequence[tuple[Span, T]]) -> Iterator[tuple[tuple[Span, T], tuple[Span, T]]]:
    """Each span that overlaps one before it, and that one; sorted by their numbers, so in n log n steps.

    A span appears once as the later one, however many it overlaps.
    """
    widest: tuple[Span, T] | None = None
    for each in sorted(spans, key=lambda entry: (entry[0].first, -entry[0].last)):
        if widest is None or each[0].first > widest[0].last:
            widest = each
            continue
        yield each, widest
        if each[0].last > widest[0].last:
            widest = each
