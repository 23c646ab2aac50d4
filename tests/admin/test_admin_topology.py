"""The picture of a fabric: who may see it, and what it tells the script that draws."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from netbox_hedgehog.admin import topology
from netbox_hedgehog.models import FabricResource, HedgehogFabric
from tests.support.wiring import LARGE, SMALL, resources, store

pytestmark = pytest.mark.django_db


def url(fabric: HedgehogFabric, part: str = "") -> str:
    return reverse(f"admin:netbox_hedgehog_hedgehogfabric_topology{part}", args=[fabric.pk])


@pytest.fixture
def wired(fabric: HedgehogFabric) -> HedgehogFabric:
    store(fabric, resources(SMALL))
    return fabric


def test_every_thing_and_every_link_leads_to_its_resource(viewer: Client, wired: HedgehogFabric) -> None:
    data = viewer.get(url(wired, "_data")).json()
    known = {row.pk: row for row in FabricResource.objects.filter(fabric=wired)}
    assert len(data["nodes"]) == 37
    for node in data["nodes"]:
        assert (known[node["pk"]].kind, known[node["pk"]].name) == (node["kind"], node["name"])
    for link in data["links"]:
        assert known[link["pk"]].name == link["name"]
        assert link["kind"] in known[link["pk"]].spec


def test_only_the_fabrics_own_resources_are_drawn(viewer: Client, wired: HedgehogFabric) -> None:
    other = HedgehogFabric.objects.create(name="other")
    assert viewer.get(url(other, "_data")).json()["nodes"] == []
    assert viewer.get(url(other)).status_code == 200


@pytest.mark.parametrize("codename", ["view_hedgehogfabric", "view_fabricresource"])
@pytest.mark.parametrize("part", ["", "_data"])
def test_it_takes_the_right_to_see_both_fabric_and_resources(
    client: Client, permitted: Callable[..., User], wired: HedgehogFabric, codename: str, part: str
) -> None:
    client.force_login(permitted(codename))
    assert client.get(url(wired, part)).status_code == 403
    client.force_login(permitted("view_hedgehogfabric", "view_fabricresource"))
    assert client.get(url(wired, part)).status_code == 200


def test_a_large_fabric_takes_as_many_queries_as_a_small_one(boss: Client, wired: HedgehogFabric) -> None:
    large = HedgehogFabric.objects.create(name="large")
    store(large, resources(LARGE))
    counts = []
    for fabric in (wired, large):
        with CaptureQueriesContext(connection) as captured:
            assert boss.get(url(fabric, "_data")).status_code == 200
        counts.append(len(captured))
    assert counts[0] == counts[1] <= 12


def test_what_is_too_much_is_left_out_servers_first_and_told(
    boss: Client, wired: HedgehogFabric, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert boss.get(url(wired, "_data")).json()["is_cut"] is False
    monkeypatch.setattr(topology, "MOST_RESOURCES", 7)
    data = boss.get(url(wired, "_data")).json()
    assert data["is_cut"] is True
    assert {node["kind"] for node in data["nodes"]} == {"Switch"}


def test_what_the_page_is_asked_to_show_is_escaped(boss: Client, wired: HedgehogFabric) -> None:
    text = boss.get(url(wired), {"show": '"><script>alert(1)</script>'}).content.decode()
    assert "<script>alert" not in text


def test_the_data_is_json_and_nothing_that_a_browser_would_run(boss: Client, wired: HedgehogFabric) -> None:
    FabricResource.objects.filter(name="spine-01").update(spec={"role": "spine", "description": "</script><b>"})
    response = boss.get(url(wired, "_data"))
    assert response["Content-Type"] == "application/json"
    assert response["X-Content-Type-Options"] == "nosniff"
    assert json.loads(response.content)["is_cut"] is False
