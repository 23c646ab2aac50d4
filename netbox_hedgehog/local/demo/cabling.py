"""Servers and every cable: between switches, from switches to servers, and out of the fabric."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from ipaddress import IPv4Address
from itertools import combinations, count, pairwise
from typing import Any, Final

from netbox_hedgehog.local.demo.documents import Document, wiring
from netbox_hedgehog.local.demo.plans import Plan
from netbox_hedgehog.local.demo.switches import Switch

FIRST_LINK: Final = IPv4Address("172.30.128.0")
PURPOSES: Final = ("hypervisor", "database", "kubernetes node", "storage node", "build runner")


@dataclass(frozen=True)
class ServerConnection:
    """A server and the one connection that plugs it in."""

    server: str
    connection: Document

    @property
    def name(self) -> str:
        return str(self.connection["metadata"]["name"])


def fabric_links(plan: Plan, switches: list[Switch]) -> list[Document]:
    """Each leaf to each spine; without spines each leaf to each other."""
    spines = [switch for switch in switches if switch.role == "spine"]
    leaves = [switch for switch in switches if switch.role != "spine"]
    addresses = _link_addresses()
    if not spines:
        return [_mesh(one, other, addresses) for one, other in combinations(leaves, 2)]
    return [_spine_leaf(plan, spine, leaf, addresses) for spine in spines for leaf in leaves]


def mclag_domains(switches: list[Switch]) -> list[Document]:
    """The peer and session links that make each MCLAG pair one logical switch."""
    return [
        wiring(
            "Connection",
            f"{one.name}--mclag-domain--{other.name}",
            {
                "mclagDomain": {
                    "peerLinks": [_between(one, other), _between(one, other)],
                    "sessionLinks": [_between(one, other)],
                }
            },
        )
        for one, other in pairwise(switches)
        if one.redundancy == other.redundancy == "mclag" and one.groups == other.groups
    ]


def vpc_loopbacks(switches: list[Switch]) -> list[Document]:
    """A cable from each leaf to itself, which older switch chips need to peer two VPCs."""
    return [
        wiring("Connection", f"{leaf.name}--vpc-loopback", {"vpcLoopback": {"links": [_between(leaf, leaf)]}})
        for leaf in switches
        if leaf.role == "server-leaf"
    ]


def servers(plan: Plan, switches: list[Switch]) -> list[ServerConnection]:
    """Every server's connection: multi-homed, bundled and single links in turn, along each pair of leaves."""
    leaves = [switch for switch in switches if switch.role == "server-leaf"]
    numbers = count(1)
    return [
        _plug_in(f"server-{next(numbers):03}", position, leaf, peer)
        for one, other in zip(leaves[::2], leaves[1::2], strict=True)
        for leaf, peer in ((one, other), (other, one))
        for position in range(plan.servers_per_leaf)
    ]


def server_documents(plan: Plan, connections: list[ServerConnection]) -> list[Document]:
    """The Server documents, described as an inventory would."""
    return [
        wiring(
            "Server",
            connection.server,
            {"description": f"{plan.name} {PURPOSES[number % len(PURPOSES)]} {number + 1}"},
            purpose=PURPOSES[number % len(PURPOSES)].replace(" ", "-"),
        )
        for number, connection in enumerate(connections)
    ]


def externals(switches: list[Switch]) -> list[Document]:
    """One link from each border leaf to a provider's router."""
    return [
        wiring(
            "Connection",
            f"{border.name}--external",
            {"external": {"link": {"switch": {"port": border.take("up")}}}},
        )
        for border in switches
        if border.role == "border-leaf"
    ]


def static_externals(switches: list[Switch]) -> list[Document]:
    """The site's time and DHCP appliance, on the first border leaf."""
    border = next(switch for switch in switches if switch.role == "border-leaf")
    link = {
        "switch": {
            "port": border.take("up"),
            "ip": "172.31.255.1/24",
            "nextHop": "172.31.255.10",
            "subnets": ["10.99.0.0/24"],
            "vlan": 0,
        }
    }
    return [wiring("Connection", f"appliance--static-external--{border.name}", {"staticExternal": {"link": link}})]


def _plug_in(server: str, position: int, leaf: Switch, peer: Switch) -> ServerConnection:
    style = (leaf.redundancy, leaf.redundancy, "bundled", leaf.redundancy, "unbundled")[position % 5]
    switches = [leaf, peer] if style == leaf.redundancy else [leaf] if style == "unbundled" else [leaf, leaf]
    links = [
        {"server": {"port": f"{server}/enp2s{port}"}, "switch": {"port": switch.take("down")}}
        for port, switch in enumerate(switches, start=1)
    ]
    name = f"{server}--{style}--{'--'.join(dict.fromkeys(switch.name for switch in switches))}"
    body: dict[str, Any] = {"link": links[0]} if style == "unbundled" else {"links": links}
    return ServerConnection(server, wiring("Connection", name, {str(style): body}))


def _spine_leaf(plan: Plan, spine: Switch, leaf: Switch, addresses: Iterator[str]) -> Document:
    links = [
        {
            "spine": {"port": spine.take("down"), "ip": next(addresses)},
            "leaf": {"port": leaf.take("up"), "ip": next(addresses)},
        }
        for _ in range(plan.links_per_spine)
    ]
    return wiring("Connection", f"{spine.name}--fabric--{leaf.name}", {"fabric": {"links": links}})


def _mesh(one: Switch, other: Switch, addresses: Iterator[str]) -> Document:
    links = [
        {
            "leaf1": {"port": one.take("up"), "ip": next(addresses)},
            "leaf2": {"port": other.take("up"), "ip": next(addresses)},
        }
    ]
    return wiring("Connection", f"{one.name}--mesh--{other.name}", {"mesh": {"links": links}})


def _between(one: Switch, other: Switch) -> Document:
    return {"switch1": {"port": one.take("up")}, "switch2": {"port": other.take("up")}}


def _link_addresses() -> Iterator[str]:
    """Both ends of each point-to-point link in turn."""
    return (f"{FIRST_LINK + offset}/31" for offset in count())
