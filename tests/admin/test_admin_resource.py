"""Resources: filters that stay within a fabric, highlighted documents, and what refers to what."""

from __future__ import annotations

import re
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from netbox_hedgehog.admin import code, resource_links
from netbox_hedgehog.admin.resource_links import referred_to_by, refers_to
from netbox_hedgehog.models import FabricFinding, FabricResource, HedgehogFabric
from tests.support.wiring import SMALL, resources, store

pytestmark = pytest.mark.django_db

CHANGELIST = "admin:netbox_hedgehog_fabricresource_changelist"


@pytest.fixture
def wired(fabric: HedgehogFabric) -> HedgehogFabric:
    store(fabric, resources(SMALL))
    return fabric


def found(client: Client, **query: Any) -> list[str]:
    return [row.name for row in client.get(reverse(CHANGELIST, query=query)).context["cl"].result_list]


def of(kind: str, name: str) -> FabricResource:
    return FabricResource.objects.get(kind=kind, name=name)


def page(client: Client, row: FabricResource) -> str:
    return client.get(reverse("admin:netbox_hedgehog_fabricresource_change", args=[row.pk])).content.decode()


class TestTheList:
    def test_is_narrowed_by_kind_namespace_name_and_label_within_a_fabric(
        self, viewer: Client, wired: HedgehogFabric
    ) -> None:
        within = {"fabric__id__exact": wired.pk}
        spines = ["spine-01", "spine-02"]
        assert found(viewer, **within, kind="Switch", q="spine") == spines
        assert found(viewer, **within, label="demo.example.com/role=spine") == spines
        assert len(found(viewer, **within, kind="Switch", label="demo.example.com/role")) == 7
        assert found(viewer, **within, kind="Switch", label="demo.example.com/role=nobody") == []
        assert found(viewer, **within, kind="Switch", namespace="elsewhere") == []
        assert len(found(viewer, **within, kind="Switch", namespace="default")) == 7

    def test_offers_what_the_chosen_fabric_has_and_nothing_before(self, viewer: Client, wired: HedgehogFabric) -> None:
        FabricResource.objects.create(
            fabric=HedgehogFabric.objects.create(name="other"), api_version="v1", kind="Other", namespace="n", name="o"
        )
        text = viewer.get(reverse(CHANGELIST, query={"fabric__id__exact": wired.pk})).content.decode()
        assert 'value="VPCAttachment"' in text
        assert 'value="Other"' not in text
        assert 'name="kind"' not in viewer.get(reverse(CHANGELIST)).content.decode()

    @pytest.mark.parametrize("query", [{"kind": "Switch"}, {"label": "a=b"}, {"namespace": "default"}])
    def test_asks_for_a_fabric_before_it_looks_for_anything(
        self, viewer: Client, wired: HedgehogFabric, query: dict[str, str]
    ) -> None:
        response = viewer.get(reverse(CHANGELIST, query=query))
        assert list(response.context["cl"].result_list) == []
        assert "Choose a fabric first" in response.content.decode()

    def test_finds_the_beginning_of_a_name_in_all_fabrics(self, viewer: Client, wired: HedgehogFabric) -> None:
        store(HedgehogFabric.objects.create(name="west"), resources(SMALL))
        assert found(viewer, q="spine-01--") == sorted(found(viewer, q="spine-01--", fabric__id__exact=wired.pk)) * 2
        assert found(viewer, q="default/server-001").count("server-001") == 2
        assert found(viewer, q="default/ine-01") == []

    def test_says_what_is_missing_where_a_namespace_alone_is_looked_for(
        self, viewer: Client, wired: HedgehogFabric
    ) -> None:
        everywhere = viewer.get(reverse(CHANGELIST, query={"q": "default/"})).content.decode()
        assert "Add the beginning of a name" in everywhere
        within = {"q": "default/", "fabric__id__exact": wired.pk}
        assert "Add the beginning" not in viewer.get(reverse(CHANGELIST, query=within)).content.decode()

    def test_of_all_fabrics_is_neither_counted_nor_sorted_nor_asked_for_its_kinds(
        self, viewer: Client, wired: HedgehogFabric
    ) -> None:
        with CaptureQueriesContext(connection) as captured:
            response = viewer.get(reverse(CHANGELIST))
        assert len(response.context["cl"].result_list) == 50
        asked = [each["sql"] for each in captured if '"netbox_hedgehog_fabricresource"' in each["sql"]]
        assert len(asked) == 1
        assert "COUNT" not in asked[0]
        assert "DISTINCT" not in asked[0]
        assert "?o=" not in response.content.decode()

    @pytest.mark.parametrize("query", [{"label": "a\x00b"}, {"label": "="}, {"label": "a[0]=x"}, {"kind": "\x00"}])
    def test_finds_nothing_by_what_cannot_be(
        self, viewer: Client, wired: HedgehogFabric, query: dict[str, str]
    ) -> None:
        assert found(viewer, fabric__id__exact=wired.pk, **query) == []


class TestTheDocument:
    def test_is_yaml_in_classes_that_the_style_sheet_colours(self, viewer: Client, wired: HedgehogFabric) -> None:
        text = page(viewer, of("Switch", "spine-01"))
        block = re.search(r'<pre class="hedgehog-pre hedgehog-code"[^>]*>(.*?)</pre>', text, re.DOTALL)
        assert block
        assert "role: spine\n" in re.sub("<[^>]+>", "", block[1])
        assert '<span class="code-nt">role</span>' in block[1]
        assert "style=" not in block[1]

    def test_is_plain_beyond_what_is_worth_highlighting(self) -> None:
        text = code.as_code({"a": ["<b>"] * 40_000})
        assert "<span" not in text
        assert "&lt;b&gt;" in text

    def test_stands_in_a_file_at_a_line_of_a_commit(self, viewer: Client, wired: HedgehogFabric) -> None:
        row = of("Switch", "spine-01")
        text = page(viewer, row)
        assert f"fabric.yaml:{row.source_line}" in text
        assert row.source_commit in text


class TestReferences:
    def test_a_connection_refers_to_what_it_plugs_together(self, wired: HedgehogFabric) -> None:
        ties = refers_to(of("Connection", "spine-01--fabric--leaf-01"))
        assert [(tie.kind, tie.name) for tie in ties.shown] == [("Switch", "leaf-01"), ("Switch", "spine-01")]
        assert {tie.pk for tie in ties.shown} == {of("Switch", "leaf-01").pk, of("Switch", "spine-01").pk}
        assert ties.shown[0].field == "spec.fabric.links[0].leaf.port"

    def test_a_server_is_referred_to_by_its_connections_and_by_no_other(self, wired: HedgehogFabric) -> None:
        ties = referred_to_by(of("Server", "server-001"))
        assert [(tie.kind, tie.name.split("--")[0]) for tie in ties.shown] == [("Connection", "server-001")]

    def test_a_vpc_is_referred_to_by_attachments_and_peerings(self, wired: HedgehogFabric) -> None:
        kinds = {tie.kind for tie in referred_to_by(of("VPC", "web")).shown}
        assert kinds == {"ExternalPeering", "VPCAttachment", "VPCPeering"}

    def test_the_supplied_namespace_is_referred_to_by_those_that_name_none(self, wired: HedgehogFabric) -> None:
        FabricResource.objects.filter(kind="VPC", name="web").update(spec={"subnets": {}})
        assert "web" in {tie.name for tie in referred_to_by(of("IPv4Namespace", "default")).shown}

    def test_what_is_named_and_missing_is_told(self, viewer: Client, wired: HedgehogFabric) -> None:
        FabricResource.objects.filter(kind="Switch", name="leaf-01").delete()
        assert "leaf-01 <em>(not in Git)</em>" in page(viewer, of("Connection", "spine-01--fabric--leaf-01"))

    def test_another_fabric_or_namespace_is_not_meant(self, wired: HedgehogFabric) -> None:
        other = HedgehogFabric.objects.create(name="other")
        store(other, [each._replace(namespace="elsewhere") for each in resources(SMALL)])
        mine = FabricResource.objects.get(fabric=wired, kind="Server", name="server-001")
        assert len(referred_to_by(mine).shown) == 1
        store(wired, [each._replace(namespace="elsewhere") for each in resources(SMALL)])
        assert len(referred_to_by(mine).shown) == 1

    def test_there_is_an_end_to_what_is_read_and_shown(
        self, wired: HedgehogFabric, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(resource_links, "MOST_SHOWN", 2)
        ties = referred_to_by(of("Switch", "spine-01"))
        assert (len(ties.shown), ties.is_cut) == (2, True)
        monkeypatch.setattr(resource_links, "MOST_READ", 1)
        assert referred_to_by(of("Switch", "spine-01")).is_cut

    def test_only_what_is_drawn_leads_to_the_topology(self, viewer: Client, wired: HedgehogFabric) -> None:
        spine = of("Switch", "spine-01")
        assert f"topology/?show={spine.pk}" in page(viewer, spine)
        assert "topology/?show=" not in page(viewer, of("VPC", "web"))


def test_a_finding_leads_to_its_resource_if_there_is_one(boss: Client) -> None:
    fabric = HedgehogFabric.objects.create(name="east")
    about = {"fabric": fabric, "kind": "Switch", "namespace": "default", "name": "spine-1"}
    finding = FabricFinding.objects.create(severity="error", code="a.b", message="wrong", source_path="a", **about)
    address = reverse("admin:netbox_hedgehog_fabricfinding_change", args=[finding.pk])
    assert "Switch default/spine-1" in boss.get(address).content.decode()
    row = FabricResource.objects.create(api_version="v1", spec={}, **about)
    target = reverse("admin:netbox_hedgehog_fabricresource_change", args=[row.pk])
    assert f'href="{target}">Switch default/spine-1</a>' in boss.get(address).content.decode()
