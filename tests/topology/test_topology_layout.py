from __future__ import annotations

from itertools import combinations

import pytest

from netbox_hedgehog.topology import Graph, Tier, graph_of, lay_out
from tests.support.wiring import LARGE, SMALL, resources


def overlap(one, other):
    return (
        one.x < other.x + other.width
        and other.x < one.x + one.width
        and one.y < other.y + other.height
        and other.y < one.y + one.height
    )


@pytest.mark.parametrize("plan", [SMALL, LARGE], ids=["small", "large"])
def test_everything_has_a_place_inside_and_nothing_covers_anything(plan):
    graph = graph_of(resources(plan))
    picture = lay_out(graph)
    assert picture.boxes.keys() == graph.nodes.keys()
    for box in picture.boxes.values():
        assert box.x >= 0
        assert box.y >= 0
        assert box.x + box.width <= picture.width
        assert box.y + box.height <= picture.height
    assert not [pair for pair in combinations(picture.boxes.values(), 2) if overlap(*pair)]


def test_tiers_lie_under_one_another():
    graph = graph_of(resources(SMALL))
    boxes = lay_out(graph).boxes
    rows = {tier: [boxes[node.key].y for node in graph.nodes.values() if node.tier == tier] for tier in Tier}
    assert max(rows[Tier.OUTSIDE]) < min(rows[Tier.SPINE])
    assert max(rows[Tier.SPINE]) < min(rows[Tier.LEAF])
    assert max(rows[Tier.LEAF]) < min(rows[Tier.SERVER])


def test_leaves_that_back_each_other_up_share_a_cluster_with_their_servers():
    graph = graph_of(resources(SMALL))
    picture = lay_out(graph)
    clusters = dict(picture.clusters)
    for name in ("leaf-01", "leaf-02"):
        assert overlap(picture.boxes["Switch", "default", name], clusters["mclag-1"])
    for link in graph.links:
        if link.kind == "mclag":
            assert overlap(picture.boxes[link.ends[0]], clusters["mclag-1"])


def test_a_large_fabric_is_about_as_wide_as_a_screen():
    picture = lay_out(graph_of(resources(LARGE)))
    assert 1.2 < picture.width / picture.height < 2.5


def test_nothing_at_all_has_a_picture_without_boxes():
    assert lay_out(Graph()).boxes == {}
