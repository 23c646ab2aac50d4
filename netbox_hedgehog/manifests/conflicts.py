"""Whether two resources use what only one can have, or something outside what their namespace offers."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from netbox_hedgehog.manifests.facts import Facts
from netbox_hedgehog.manifests.index import field_of, finding, place
from netbox_hedgehog.manifests.problem import quoted
from netbox_hedgehog.manifests.spans import Ranges, Span, overlapping

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from netbox_hedgehog.manifests.finding import Finding
    from netbox_hedgehog.manifests.index import Index
    from netbox_hedgehog.manifests.problem import FieldPath


@dataclass(frozen=True)
class _Space:
    """A kind of namespace, the numbers that it offers and VPCs use, and the codes of what goes wrong with them."""

    namespace: str
    spans: Callable[[Facts], Sequence[Span]]
    in_use: str
    outside: str


_SPACES: Final = (
    _Space("IPv4Namespace", lambda facts: facts.prefixes, "subnet.overlap", "subnet.outside_namespace"),
    _Space("VLANNamespace", lambda facts: facts.vlans, "vlan.in_use", "vlan.outside_namespace"),
)


def check_claims(index: Index) -> Iterator[Finding]:
    """What a resource before, in the order of the files, has already."""
    first: dict[tuple[str, str, tuple[str, ...]], tuple[Facts, FieldPath]] = {}
    for facts in index.all:
        for claim in facts.claims:
            mine = (facts, claim.field)
            other = first.setdefault((claim.code, facts.namespace, claim.key), mine)
            if other is not mine:
                message = f"{quoted(claim.text)} is used already by {field_of(*other)}"
                yield finding(claim.code, facts, claim.field, message)


def check_spaces(index: Index) -> Iterator[Finding]:
    """Subnets and VLANs that overlap within their namespace, or lie outside it."""
    for space in _SPACES:
        for namespace in index.of_kind[space.namespace]:
            yield from _overlaps("namespace.overlap", [(span, namespace) for span in space.spans(namespace)])
        for vpcs in _vpcs_by_namespace(index, space).values():
            yield from _overlaps(space.in_use, [(span, vpc) for vpc in vpcs for span in space.spans(vpc)])
            yield from _outside(index, space, vpcs)


def _vpcs_by_namespace(index: Index, space: _Space) -> dict[tuple[str, str], list[Facts]]:
    groups: dict[tuple[str, str], list[Facts]] = defaultdict(list)
    for vpc in index.of_kind["VPC"]:
        for name in vpc.named(space.namespace):
            groups[vpc.namespace, name].append(vpc)
    return groups


def _overlaps(code: str, spans: Sequence[tuple[Span, Facts]]) -> Iterator[Finding]:
    for (span, facts), (other_span, other) in overlapping(spans):
        what = "is also" if span.text == other_span.text else f"overlaps {quoted(other_span.text)},"
        message = f"{quoted(span.text)} {what} {field_of(other, other_span.field)}"
        yield finding(code, facts, span.field, message)


def _outside(index: Index, space: _Space, vpcs: Sequence[Facts]) -> Iterator[Finding]:
    name = vpcs[0].named(space.namespace)[0]
    namespace = index.get(space.namespace, name, seen_from=vpcs[0])
    if namespace is None:  # reported where it is named
        return
    ranges = Ranges(space.spans(namespace))
    for vpc in vpcs:
        for span in space.spans(vpc):
            if span not in ranges:
                message = f"{quoted(span.text)} is not within {place(namespace)}"
                yield finding(space.outside, vpc, span.field, message)
