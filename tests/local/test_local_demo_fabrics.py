"""The demo's fabrics: true to themselves, the same everywhere, and changing for ever without growing."""

from collections import Counter
from ipaddress import ip_network
from itertools import chain

import pytest
import yamlrocks

from netbox_hedgehog.local.demo.edits import edit
from netbox_hedgehog.local.demo.fabrics import directory, files
from netbox_hedgehog.local.demo.plans import CHANGING, PLANS

plans = pytest.mark.parametrize("plan", PLANS, ids=lambda plan: plan.name)


def documents(tree):
    manifests = (content for path, content in tree.items() if path.endswith(".yaml"))
    return [document for content in manifests for document in yamlrocks.loads_all(content)]


def named(found, kind):
    return {d["metadata"]["name"]: d["spec"] for d in found if d["kind"] == kind}


def ports(value):
    """Every `port:` anywhere in a specification."""
    if isinstance(value, dict):
        mine = [value["port"]] if isinstance(value.get("port"), str) else []
        return mine + [port for inner in value.values() for port in ports(inner)]
    if isinstance(value, list):
        return [port for inner in value for port in ports(inner)]
    return []


def assert_references_hold(found):
    switches, servers = named(found, "Switch"), named(found, "Server")
    connections, vpcs = named(found, "Connection"), named(found, "VPC")
    externals, groups = named(found, "External"), named(found, "SwitchGroup")

    plugged = Counter(chain.from_iterable(ports(spec) for spec in connections.values()))
    assert {port.split("/", 1)[0] for port in plugged} <= switches.keys() | servers.keys()
    assert [port for port, times in plugged.items() if times > 1] == []

    for switch in switches.values():
        assert set(switch["groups"]) <= groups.keys()
        assert switch.get("redundancy", {"group": switch["groups"][0]})["group"] in groups
    for attachment in named(found, "VPCAttachment").values():
        vpc, subnet = attachment["subnet"].split("/")
        assert attachment["connection"] in connections
        assert subnet in vpcs[vpc]["subnets"]
    for peering in named(found, "VPCPeering").values():
        for side in peering["permit"]:
            assert all(set(side[name]["subnets"]) <= vpcs[name]["subnets"].keys() for name in side)
    for attachment in named(found, "ExternalAttachment").values():
        assert attachment["external"] in externals
        assert "external" in connections[attachment["connection"]]
    for peering in named(found, "ExternalPeering").values():
        assert peering["permit"]["external"]["name"] in externals
        assert set(peering["permit"]["vpc"]["subnets"]) <= vpcs[peering["permit"]["vpc"]["name"]]["subnets"].keys()


def assert_addresses_fit(found):
    space = ip_network(named(found, "IPv4Namespace")["default"]["subnets"][0])
    subnets = [subnet for vpc in named(found, "VPC").values() for subnet in vpc["subnets"].values()]
    assert all(ip_network(subnet["subnet"]).subnet_of(space) for subnet in subnets)
    assert len({subnet["subnet"] for subnet in subnets}) == len(subnets)
    assert len({subnet["vlan"] for subnet in subnets}) == len(subnets)


@plans
def test_the_same_plan_gives_the_same_bytes(plan):
    assert files(plan) == files(plan)


@plans
def test_no_two_resources_share_an_identity(plan):
    identities = Counter((d["apiVersion"], d["kind"], d["metadata"]["name"]) for d in documents(files(plan)))
    assert [identity for identity, times in identities.items() if times > 1] == []


@plans
def test_every_reference_names_something_that_is_there(plan):
    assert_references_hold(documents(files(plan)))


@plans
def test_subnets_and_vlans_are_distinct_and_in_their_namespaces(plan):
    assert_addresses_fit(documents(files(plan)))


@plans
def test_all_manifests_are_below_the_gitops_directory(plan):
    manifests = [path for path in files(plan) if path.endswith(".yaml")]
    assert manifests
    assert all(path.startswith(f"{directory(plan)}/") for path in manifests)


def test_the_fabrics_range_from_tens_to_hundreds_of_resources():
    sizes = sorted(len(documents(files(plan))) for plan in PLANS)
    small, medium, large = sizes
    assert 10 < small < 100 < medium < 200
    assert 400 < large < 1000


def test_together_the_fabrics_use_every_way_to_connect():
    found = [document for plan in PLANS for document in documents(files(plan))]
    kinds = {kind for spec in named(found, "Connection").values() for kind in spec}
    assert kinds == {
        *("fabric", "mesh", "mclagDomain", "vpcLoopback", "external", "staticExternal"),
        *("unbundled", "bundled", "mclag", "eslag"),
    }


def test_each_edit_changes_the_tree_and_leaves_it_sound():
    tree = files(CHANGING)
    for number in range(1, 50):
        changed, message = edit(tree, directory(CHANGING), number)
        assert changed != tree
        assert message
        assert_references_hold(documents(changed))
        assert_addresses_fit(documents(changed))
        tree = changed


def test_edits_go_on_for_ever_without_growing():
    tree = files(CHANGING)
    sizes = []
    for number in range(1, 1000):
        tree, _ = edit(tree, directory(CHANGING), number)
        sizes.append(len(documents(tree)))
    assert max(sizes) - min(sizes) <= 4
    assert len(set(sizes)) > 1


def test_an_edit_never_touches_what_somebody_else_pushed():
    mine = f"{directory(CHANGING)}/wiring/mine.yaml"
    tree = files(CHANGING) | {mine: b"not: [valid"}
    for number in range(1, 13):
        tree, _ = edit(tree, directory(CHANGING), number)
    assert tree[mine] == b"not: [valid"


def test_an_edit_changes_something_even_where_its_files_were_removed():
    tree = {"README.md": b"all gone"}
    removal = 4
    changed, _ = edit(tree, directory(CHANGING), removal)
    assert changed != tree
