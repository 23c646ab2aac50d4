"""Where nodes are drawn: outside world and gateways at the top, then spines, then leaves with their servers below.

A row of sixty leaves would be unreadable at any zoom, so leaves that back each other up and their servers form a
cluster, and clusters fill shelves, like words fill lines.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from math import ceil, sqrt
from typing import TYPE_CHECKING, Final, NamedTuple

from netbox_hedgehog.topology.graph import Tier

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from netbox_hedgehog.topology.graph import Graph, Node, NodeKey

# All in the picture's own units, at which text is readable.
SWITCH: Final = (124, 40)
SERVER: Final = (104, 22)
_GAP: Final = 12
_BETWEEN_SWITCHES: Final = 24
_BETWEEN_CLUSTERS: Final = 36
_BETWEEN_TIERS: Final = 96
_TITLE: Final = 22
_MARGIN: Final = 40

_WIDE: Final = 2.3  # a screen's width over its height, and a little for the tiers above
_LINE: Final = 1300  # what is worth filling before a second shelf begins
_SERVERS_TALL: Final = 2.5  # rows of servers over columns, about


class Box(NamedTuple):
    """A rectangle: its left upper corner and its size."""

    x: float
    y: float
    width: float
    height: float


@dataclass(frozen=True, slots=True)
class Picture:
    """Where everything is; clusters carry the name of their redundancy group, or that of their leaf."""

    width: float
    height: float
    boxes: dict[NodeKey, Box]
    clusters: list[tuple[str, Box]]


@dataclass(slots=True)
class _Cluster:
    """Leaves side by side, and their servers in columns below."""

    name: str
    leaves: list[Node]
    servers: list[Node]

    @property
    def columns(self) -> int:
        return max(len(self.leaves), ceil(sqrt(len(self.servers) / _SERVERS_TALL)), 1)

    @property
    def width(self) -> float:
        leaves = len(self.leaves) * (SWITCH[0] + _GAP)
        return max(leaves, self.columns * (SERVER[0] + _GAP)) + _GAP

    @property
    def height(self) -> float:
        rows = ceil(len(self.servers) / self.columns)
        leaves = SWITCH[1] + _BETWEEN_SWITCHES if self.leaves else 0
        return _TITLE + leaves + rows * (SERVER[1] + _GAP / 2) + _GAP / 2


def lay_out(graph: Graph) -> Picture:
    """Give every node of ``graph`` its place; the same for the same graph."""
    tiers: dict[Tier, list[Node]] = defaultdict(list)
    for node in sorted(graph.nodes.values(), key=lambda each: each.key):
        tiers[node.tier].append(node)
    shelves = _shelves(_clusters(graph, tiers[Tier.LEAF], tiers[Tier.SERVER]))
    width = max((_shelf_width(shelf) for shelf in shelves), default=0)
    boxes: dict[NodeKey, Box] = {}
    y: float = _MARGIN
    rows = _rows([*tiers[Tier.OUTSIDE], *tiers[Tier.GATEWAY]], width), _rows(tiers[Tier.SPINE], width)
    width = max([width, *(_row_width(row) for tier in rows for row in tier)])
    for tier in rows:
        for row in tier:
            boxes |= _place_row(row, width, y)
            y += SWITCH[1] + _BETWEEN_SWITCHES
        y += _BETWEEN_TIERS - _BETWEEN_SWITCHES if tier else 0
    clusters = []
    for shelf in shelves:
        x = _MARGIN + (width - _shelf_width(shelf)) / 2
        for cluster in shelf:
            clusters.append((cluster.name, Box(x, y, cluster.width, cluster.height)))
            boxes |= _place_cluster(cluster, x, y)
            x += cluster.width + _BETWEEN_CLUSTERS
        y += max(cluster.height for cluster in shelf) + _BETWEEN_CLUSTERS
    return Picture(width + 2 * _MARGIN, y + _MARGIN - (_BETWEEN_CLUSTERS if shelves else 0), boxes, clusters)


def _clusters(graph: Graph, leaves: list[Node], servers: list[Node]) -> list[_Cluster]:
    clusters: dict[tuple[str, str], _Cluster] = {}
    of_leaf: dict[NodeKey, _Cluster] = {}
    for leaf in leaves:
        _, namespace, name = leaf.key
        cluster = clusters.setdefault((namespace, leaf.group or f"/{name}"), _Cluster(leaf.group or name, [], []))
        cluster.leaves.append(leaf)
        of_leaf[leaf.key] = cluster
    homes = _homes(graph, of_leaf)
    alone = _Cluster("not connected", [], [])
    for server in servers:
        homes.get(server.key, alone).servers.append(server)
    found = sorted(clusters.values(), key=lambda each: each.leaves[0].key)
    return [*found, alone] if alone.servers else found


def _homes(graph: Graph, of_leaf: dict[NodeKey, _Cluster]) -> dict[NodeKey, _Cluster]:
    """Each server stands below the first leaf that it is plugged into."""
    homes: dict[NodeKey, _Cluster] = {}
    for link in graph.links:
        for one, other in (link.ends, link.ends[::-1]):
            if other in of_leaf:
                homes.setdefault(one, of_leaf[other])
    return homes


def _shelves(clusters: Sequence[_Cluster]) -> list[list[_Cluster]]:
    """Clusters in lines that are about as wide as makes the whole as wide as a screen."""
    area = sum((each.width + _BETWEEN_CLUSTERS) * (each.height + _BETWEEN_CLUSTERS) for each in clusters)
    widest = max([_LINE, sqrt(area * _WIDE), *(each.width for each in clusters)])
    shelves: list[list[_Cluster]] = []
    for cluster in clusters:
        if not shelves or _shelf_width([*shelves[-1], cluster]) > widest:
            shelves.append([])
        shelves[-1].append(cluster)
    return shelves


def _shelf_width(shelf: Iterable[_Cluster]) -> float:
    return sum(each.width + _BETWEEN_CLUSTERS for each in shelf) - _BETWEEN_CLUSTERS


def _rows(nodes: list[Node], width: float) -> list[list[Node]]:
    """Nodes in as many lines as their number needs at that width, each as full as the others."""
    fitting = max(8, int(width // (SWITCH[0] + _BETWEEN_SWITCHES)))
    lines = ceil(len(nodes) / fitting)
    each = ceil(len(nodes) / lines) if lines else 1
    return [nodes[first : first + each] for first in range(0, len(nodes), each)]


def _row_width(row: Sequence[Node]) -> float:
    return len(row) * (SWITCH[0] + _BETWEEN_SWITCHES) - _BETWEEN_SWITCHES


def _place_row(row: Sequence[Node], width: float, y: float) -> dict[NodeKey, Box]:
    """In the middle, as far apart as twice their width where there is room."""
    step = min(width / len(row), 2.5 * SWITCH[0])
    step = max(step, SWITCH[0] + _BETWEEN_SWITCHES) if len(row) > 1 else SWITCH[0]
    first = _MARGIN + (width - (len(row) - 1) * step - SWITCH[0]) / 2
    return {node.key: Box(first + number * step, y, *SWITCH) for number, node in enumerate(row)}


def _place_cluster(cluster: _Cluster, x: float, y: float) -> dict[NodeKey, Box]:
    boxes: dict[NodeKey, Box] = {}
    top = y + _TITLE
    step = (cluster.width - _GAP) / max(len(cluster.leaves), 1)
    for number, leaf in enumerate(cluster.leaves):
        boxes[leaf.key] = Box(x + _GAP / 2 + number * step + (step - SWITCH[0]) / 2, top, *SWITCH)
    if cluster.leaves:
        top += SWITCH[1] + _BETWEEN_SWITCHES
    step = (cluster.width - _GAP) / cluster.columns
    for number, server in enumerate(cluster.servers):
        row, column = divmod(number, cluster.columns)
        left = x + _GAP / 2 + column * step + (step - SERVER[0]) / 2
        boxes[server.key] = Box(left, top + row * (SERVER[1] + _GAP / 2), *SERVER)
    return boxes
