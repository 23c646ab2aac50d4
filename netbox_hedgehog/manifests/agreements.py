"""Whether a resource fits those that it names, where all of them exist."""

from __future__ import annotations

from itertools import product
from typing import TYPE_CHECKING, Final

from netbox_hedgehog.manifests.facts import Facts
from netbox_hedgehog.manifests.index import finding, place
from netbox_hedgehog.manifests.problem import quoted
from netbox_hedgehog.manifests.rules import EXTERNAL_CONNECTIONS, REDUNDANT_CONNECTIONS, SERVER_CONNECTIONS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from netbox_hedgehog.manifests.finding import Finding
    from netbox_hedgehog.manifests.index import Index

_ATTACHABLE: Final = {"VPCAttachment": SERVER_CONNECTIONS, "ExternalAttachment": EXTERNAL_CONNECTIONS}


def check_agreements(index: Index) -> Iterator[Finding]:
    """Attachments to the wrong kind of connection, peerings across namespaces, switches that do not form a group."""
    for kind, types in _ATTACHABLE.items():
        for attachment in index.of_kind[kind]:
            yield from _connection_type(index, attachment, types)
    yield from _vlan_namespaces(index)
    for peering in index.of_kind["VPCPeering"]:
        yield from _same_namespaces(index, peering)
    for connection in index.of_kind["Connection"]:
        yield from _redundancy(index, connection)


def _named(index: Index, facts: Facts, kind: str) -> list[Facts]:
    """The resources of one kind that are named and exist."""
    return [each for name in facts.named(kind) if (each := index.get(kind, name, seen_from=facts)) is not None]


def _connection_type(index: Index, attachment: Facts, types: frozenset[str]) -> Iterator[Finding]:
    for connection in _named(index, attachment, "Connection"):
        if connection.traits and types.isdisjoint(connection.traits):
            allowed = ", ".join(sorted(types))
            message = f"{place(connection)} is of type {connection.traits[0]}; this needs one of type {allowed}"
            yield finding("attachment.connection_type", attachment, ("connection",), message)


def _vlan_namespaces(index: Index) -> Iterator[Finding]:
    # Looked up once each: many attachments share a connection, and many connections a switch.
    switches = {connection.key: _named(index, connection, "Switch") for connection in index.of_kind["Connection"]}
    has = {switch.key: frozenset(switch.named("VLANNamespace")) for switch in index.of_kind["Switch"]}
    needs = {vpc.key: vpc.named("VLANNamespace") for vpc in index.of_kind["VPC"]}
    for attachment in index.of_kind["VPCAttachment"]:
        for vpc, connection in product(_named(index, attachment, "VPC"), _named(index, attachment, "Connection")):
            for name, switch in product(needs[vpc.key], switches[connection.key]):
                if name not in has[switch.key]:
                    message = f"{place(vpc)} is of VLAN namespace {quoted(name)}, which {place(switch)} does not have"
                    yield finding("attachment.vlan_namespace", attachment, ("connection",), message)


def _same_namespaces(index: Index, peering: Facts) -> Iterator[Finding]:
    vpcs = _named(index, peering, "VPC")
    for kind in ("IPv4Namespace", "VLANNamespace"):
        for vpc in vpcs[1:]:
            mine, other = vpc.named(kind), vpcs[0].named(kind)
            if mine and other and mine != other:
                message = f"{place(vpcs[0])} is of {kind} {quoted(other[0])}, {place(vpc)} of {quoted(mine[0])}"
                yield finding("peering.namespace", peering, ("permit",), message)


def _redundancy(index: Index, connection: Facts) -> Iterator[Finding]:
    for kind in connection.traits:
        needed = REDUNDANT_CONNECTIONS.get(kind)
        switches = _named(index, connection, "Switch") if needed else []
        for switch in switches:
            if switch.traits[0] != needed:
                message = f"{place(switch)} is in no {needed} redundancy group, which {kind} needs"
                yield finding("connection.redundancy", connection, (kind,), message)
            elif switch.traits != switches[0].traits and switches[0].traits[0] == needed:
                message = f"{place(switches[0])} and {place(switch)} are in different redundancy groups"
                yield finding("connection.redundancy", connection, (kind,), message)
