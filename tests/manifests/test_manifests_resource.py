from __future__ import annotations

import re
from typing import Any

import pytest

from netbox_hedgehog.manifests import Resource

VPC = Resource(
    api_version="vpc.githedgehog.com/v1beta1",
    kind="VPC",
    namespace="default",
    name="vpc-1",
    labels={"a": "1", "b": "2"},
    annotations={"note": "é"},
    spec={"subnets": {"x": {"vlan": 1001}, "y": {"vlan": 1002}}, "mode": None},
    path="vpcs.yaml",
    line=1,
)


def digest(resource: Resource) -> str:
    return resource.content().digest()


def test_the_digest_of_a_content_is_stored_and_so_never_changes() -> None:
    assert digest(VPC) == "687371a953604d22720369388e8b125c"
    assert re.fullmatch("[0-9a-f]{32}", digest(VPC))


def test_the_digest_ignores_the_order_of_keys_and_the_place() -> None:
    spec = {"mode": None, "subnets": {"y": {"vlan": 1002}, "x": {"vlan": 1001}}}
    assert digest(VPC._replace(labels={"b": "2", "a": "1"}, spec=spec, path="b.yaml", line=7)) == digest(VPC)


@pytest.mark.parametrize(
    "change",
    [
        {"labels": {"a": "1"}},
        {"labels": {}, "annotations": VPC.labels},
        {"annotations": {"note": "e"}},
        {"annotations": VPC.labels, "labels": VPC.annotations},
        {"spec": {}},
        {"spec": VPC.spec | {"mode": False}},
        {"spec": VPC.spec | {"mode": "null"}},
        {"spec": {"subnets": {"x": {"vlan": "1001"}, "y": {"vlan": 1002}}, "mode": None}},
    ],
)
def test_the_digest_changes_with_any_content(change: dict[str, Any]) -> None:
    assert digest(VPC._replace(**change)) != digest(VPC)


def test_a_resource_cannot_be_changed() -> None:
    with pytest.raises(AttributeError):
        VPC.name = "vpc-2"  # type: ignore[misc]
