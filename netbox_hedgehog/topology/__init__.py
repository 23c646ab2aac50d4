"""A fabric's wiring as a picture: what is plugged into what, and where it is drawn. Pure functions without Django."""

from __future__ import annotations

from netbox_hedgehog.topology.graph import DRAWN_KINDS, Graph, Link, Node, NodeKey, Tier, graph_of
from netbox_hedgehog.topology.layout import Box, Picture, lay_out

__all__ = ["DRAWN_KINDS", "Box", "Graph", "Link", "Node", "NodeKey", "Picture", "Tier", "graph_of", "lay_out"]
