from __future__ import annotations

import random

import pytest

from netbox_hedgehog.local.demo.documents import Document, vpc, wiring
from netbox_hedgehog.topology import Tier, graph_of
from netbox_hedgehog.topology import graph as module
from tests.support.wiring import SMALL, resource, resources


def drawn(*documents: Document):
    return graph_of(resource(each) for each in documents)


def switch(name: str, role: str = "server-leaf", **spec):
    return wiring("Switch", name, {"role": role, **spec})


def server(name: str):
    return wiring("Server", name, {})


def plugged(name: str, kind: str, *pairs: tuple[str, str]):
    links = [{"server": {"port": one}, "switch": {"port": other}} for one, other in pairs]
    return wiring("Connection", name, {kind: {"links": links}})


def ends(graph):
    return [tuple(name for _, _, name in link.ends) for link in graph.links]


def test_a_server_on_two_leaves_has_a_link_to_each_with_its_ports():
    graph = drawn(
        switch("leaf-1"),
        switch("leaf-2"),
        server("web"),
        plugged("c", "eslag", ("web/p1", "leaf-1/E1/1"), ("web/p2", "leaf-2/E1/1")),
    )
    assert ends(graph) == [("web", "leaf-1"), ("web", "leaf-2")]
    assert [link.kind for link in graph.links] == ["eslag", "eslag"]
    assert graph.links[0].ports == [("web/p1", "leaf-1/E1/1")]


def test_several_cables_of_a_connection_are_one_link():
    graph = drawn(
        switch("leaf"), server("web"), plugged("c", "bundled", ("web/p1", "leaf/E1/1"), ("web/p2", "leaf/E1/2"))
    )
    assert [len(link.ports) for link in graph.links] == [2]


def test_switches_stand_by_their_role_and_carry_their_redundancy_group():
    graph = drawn(switch("s", "spine"), switch("l", redundancy={"type": "eslag", "group": "pair"}))
    found = {node.key[2]: (node.tier, node.group) for node in graph.nodes.values()}
    assert found == {"s": (Tier.SPINE, ""), "l": (Tier.LEAF, "pair")}


def test_an_external_is_at_the_end_of_the_connection_that_it_is_attached_to():
    graph = drawn(
        switch("border"),
        wiring("Connection", "way-out", {"external": {"link": {"switch": {"port": "border/E1/1"}}}}),
        vpc("External", "provider", {}),
        vpc("ExternalAttachment", "a", {"connection": "way-out", "external": "provider"}),
    )
    assert ends(graph) == [("border", "provider")]
    assert graph.nodes["External", "default", "provider"].tier == Tier.OUTSIDE


@pytest.mark.parametrize("kind", ["external", "staticExternal"])
def test_a_cable_that_leaves_to_nobody_known_ends_at_its_connection(kind: str):
    graph = drawn(switch("border"), wiring("Connection", "out", {kind: {"link": {"switch": {"port": "border/E1/1"}}}}))
    assert ends(graph) == [("border", "out")]
    assert graph.nodes["Connection", "default", "out"].tier == Tier.OUTSIDE


def test_a_gateway_is_found_in_another_namespace():
    gateway = wiring("Gateway", "gw", {}) | {"apiVersion": "gateway.githedgehog.com/v1alpha1"}
    gateway["metadata"]["namespace"] = "fab"
    links = [{"switch": {"port": "s/E1/1"}, "gateway": {"port": "gw/enp1"}}]
    graph = drawn(switch("s", "spine"), gateway, wiring("Connection", "c", {"gateway": {"links": links}}))
    assert set(graph.links[0].ends) == {("Gateway", "fab", "gw"), ("Switch", "default", "s")}
    assert graph.nodes["Gateway", "fab", "gw"].is_known


def test_what_is_named_but_missing_is_drawn_as_unknown():
    graph = drawn(plugged("c", "bundled", ("web/p1", "leaf/E1/1")))
    assert [(node.key[2], node.is_known) for node in graph.nodes.values()] == [("web", False), ("leaf", False)]


def test_the_order_of_the_resources_does_not_matter():
    found = resources(SMALL)
    shuffled = random.Random(1).sample(found, len(found))
    one, other = graph_of(found), graph_of(shuffled)
    assert one.nodes == other.nodes
    assert one.links == other.links


def test_hostile_specs_are_passed_over():
    for spec in ({"fabric": []}, {"bundled": {"links": [{"server": {"port": 7}}]}}, {"mesh": {"links": {"a": "b"}}}):
        assert drawn(wiring("Connection", "c", spec)).links == []


def test_links_beyond_the_bound_are_left_out_and_told(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(module, "MOST_LINKS", 3)
    graph = graph_of(resources(SMALL))
    assert len(graph.links) == 3
    assert graph.is_cut
