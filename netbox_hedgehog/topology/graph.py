"""Resources to nodes and links.

What a connection plugs together is what the checks between resources know of it (``manifests/rules.py``): the ports
that it claims, and the resources that its fields mention.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Final, NamedTuple

from netbox_hedgehog.manifests import Facts, Index, facts_of

if TYPE_CHECKING:
    from collections.abc import Iterable

    from netbox_hedgehog.manifests import Resource
    from netbox_hedgehog.manifests.problem import FieldPath

DRAWN_KINDS: Final = ("Switch", "Gateway", "External", "ExternalAttachment", "Connection", "Server")
"""In the order in which they are worth drawing where not all can be."""

# What a picture still shows; real fabrics stay far below, and a hostile one ends here.
MOST_LINKS: Final = 20_000
MOST_PORTS: Final = 32

_SHOWN_CHARACTERS: Final = 200

type NodeKey = tuple[str, str, str]
"""Kind, namespace and name."""


class Tier(StrEnum):
    """The height at which a node is drawn, from the top."""

    OUTSIDE = "outside"
    GATEWAY = "gateway"
    SPINE = "spine"
    LEAF = "leaf"
    SERVER = "server"


@dataclass(frozen=True, slots=True)
class Node:
    """Something that is plugged in. ``group`` is the redundancy group of a switch, ``role`` what it is there for."""

    key: NodeKey
    tier: Tier
    role: str = ""
    description: str = ""
    group: str = ""
    is_known: bool = True
    """Whether Git holds it; a connection may name what does not exist."""


class Link(NamedTuple):
    """What one connection plugs together between two nodes; both are the same for a loopback."""

    kind: str
    ends: tuple[NodeKey, NodeKey]
    connection: NodeKey
    ports: list[tuple[str, str]]


@dataclass(slots=True)
class Graph:
    """The nodes by their keys, the links, and whether there were more links than are drawn."""

    nodes: dict[NodeKey, Node] = field(default_factory=dict)
    links: list[Link] = field(default_factory=list)
    is_cut: bool = False


def graph_of(resources: Iterable[Resource]) -> Graph:
    """The graph of a fabric, the same for the same resources in any order; other kinds are passed over."""
    builder = _Builder()
    for resource in resources:
        builder.add(resource)
    return builder.build()


class _Builder:
    def __init__(self) -> None:
        self._facts: list[Facts] = []
        self._graph = Graph()
        self._links: dict[tuple[NodeKey, str, NodeKey, NodeKey], Link] = {}

    def add(self, resource: Resource) -> None:
        facts = facts_of(resource)
        if facts is None or facts.kind not in DRAWN_KINDS:
            return
        self._facts.append(facts)
        if facts.kind in _TIERS:
            self._graph.nodes[_key(facts)] = _node(resource, facts)

    def build(self) -> Graph:
        self._index = Index(self._facts)
        self._outside = self._externals()
        for connection in sorted(self._index.of_kind["Connection"], key=_key):
            self._plug_in(connection)
        self._graph.links = list(self._links.values())
        return self._graph

    def _externals(self) -> dict[NodeKey, list[NodeKey]]:
        """Which externals are reached over which connection."""
        reached: dict[NodeKey, list[NodeKey]] = defaultdict(list)
        for attachment in sorted(self._index.of_kind["ExternalAttachment"], key=_key):
            for connection in attachment.named("Connection"):
                key = ("Connection", attachment.namespace, connection)
                reached[key] += [self._end(attachment, "External", name) for name in attachment.named("External")]
        return reached

    def _plug_in(self, connection: Facts) -> None:
        """Each cable has the ports of both its ends, or of the one that is ours."""
        cables: dict[FieldPath, list[tuple[NodeKey, str]]] = defaultdict(list)
        for claim in connection.claims:
            kind, device, _ = claim.key
            cables[claim.field[:-2]].append((self._end(connection, kind, device), claim.text.removeprefix("port ")))
        for place, ends in cables.items():
            plug = str(place[0])
            if len(ends) > 1:
                self._link(connection, plug, ends[0], ends[1])
            else:
                for other in self._beyond(connection, plug):
                    self._link(connection, plug, ends[0], (other, ""))

    def _beyond(self, connection: Facts, kind: str) -> list[NodeKey]:
        """What is at the other end of a cable that leaves the fabric: nobody says more of it than the connection."""
        key = _key(connection)
        if key not in self._outside:
            role = "static external" if kind == "staticExternal" else "no external attached"
            self._graph.nodes[key] = Node(key, Tier.OUTSIDE, role)
        return self._outside.get(key, [key])

    def _link(self, connection: Facts, kind: str, one: tuple[NodeKey, str], other: tuple[NodeKey, str]) -> None:
        identity = (_key(connection), kind, one[0], other[0])
        link = self._links.get(identity)
        if link is None:
            if len(self._links) == MOST_LINKS:
                self._graph.is_cut = True
                return
            link = self._links[identity] = Link(kind, (one[0], other[0]), _key(connection), [])
        if len(link.ports) < MOST_PORTS:
            link.ports.append((one[1][:_SHOWN_CHARACTERS], other[1][:_SHOWN_CHARACTERS]))

    def _end(self, seen_from: Facts, kind: str, name: str) -> NodeKey:
        """The node of that name; a name that nothing has gets a node that says so."""
        found = self._index.get(kind, name, seen_from=seen_from)
        key = _key(found) if found else (kind, seen_from.namespace, name)
        if key not in self._graph.nodes:
            self._graph.nodes[key] = Node(key, _TIERS[kind], is_known=False)
        return key


_TIERS: Final = {
    "External": Tier.OUTSIDE,
    "Gateway": Tier.GATEWAY,
    "Switch": Tier.LEAF,
    "Server": Tier.SERVER,
}


def _node(resource: Resource, facts: Facts) -> Node:
    role = _text(resource, "role")
    return Node(
        _key(facts),
        Tier.SPINE if facts.kind == "Switch" and role == "spine" else _TIERS[facts.kind],
        role,
        _text(resource, "description"),
        facts.traits[1] if facts.kind == "Switch" else "",
    )


def _text(resource: Resource, name: str) -> str:
    value = resource.spec.get(name)
    return value[:_SHOWN_CHARACTERS] if isinstance(value, str) else ""


def _key(facts: Facts) -> NodeKey:
    return (facts.kind, facts.namespace, facts.name)
