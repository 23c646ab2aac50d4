"""Findings are found by name or code: by any part within a fabric, of all fabrics by their beginning."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from netbox_hedgehog.models import FabricFinding, HedgehogFabric

pytestmark = pytest.mark.django_db

LIST = reverse("admin:netbox_hedgehog_fabricfinding_changelist")


def finding(fabric: HedgehogFabric, name: str, code: str) -> FabricFinding:
    return FabricFinding(
        fabric=fabric, name=name, code=code, severity="error", kind="Switch", namespace="default", message="wrong"
    )


@pytest.fixture
def fabrics() -> list[HedgehogFabric]:
    """Two, in which the same is wrong."""
    fabrics = [HedgehogFabric.objects.create(name=name) for name in ("east", "west")]
    for fabric in fabrics:
        FabricFinding.objects.bulk_create(
            [finding(fabric, "leaf-1", "reference.missing"), finding(fabric, "spine-1", "vlan.twice")]
        )
    return fabrics


def found(client: Client, **query: Any) -> list[tuple[str, str]]:
    rows = client.get(LIST, query).context["cl"].result_list
    return [(row.fabric.name, row.name) for row in rows]


@pytest.mark.usefixtures("fabrics")
@pytest.mark.parametrize("term", ["leaf", "leaf-1", " LEAF ", "reference", "reference.missing"])
def test_in_all_fabrics_the_beginning_of_a_name_or_code_finds_it(boss: Client, term: str) -> None:
    assert found(boss, q=term) == [("east", "leaf-1"), ("west", "leaf-1")]


@pytest.mark.usefixtures("fabrics")
@pytest.mark.parametrize("term", ["eaf", "missing", "%", "_eaf"])
def test_in_all_fabrics_another_part_finds_nothing(boss: Client, term: str) -> None:
    assert found(boss, q=term) == []


@pytest.mark.parametrize("term", ["eaf", "missing", "leaf"])
def test_within_a_fabric_any_part_does(boss: Client, fabrics: list[HedgehogFabric], term: str) -> None:
    assert found(boss, q=term, fabric__id__exact=fabrics[1].pk) == [("west", "leaf-1")]


@pytest.mark.usefixtures("fabrics")
def test_without_a_search_all_are_there(boss: Client) -> None:
    assert len(found(boss)) == 4


@pytest.mark.skipif("connection.vendor != 'postgresql'")
@pytest.mark.parametrize("term", ["leaf-0421", "vlan.0421", "nowhere"])
def test_a_search_of_all_fabrics_reads_what_it_finds(boss: Client, fabrics: list[HedgehogFabric], term: str) -> None:
    FabricFinding.objects.bulk_create(
        finding(fabrics[number % 2], f"leaf-{number:05}", f"vlan.{number:05}") for number in range(5_000)
    )
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")
    with CaptureQueriesContext(connection) as captured:
        assert boss.get(LIST, {"q": term}).status_code == 200
    asked = [each["sql"] for each in captured.captured_queries if "LIKE" in each["sql"]]
    assert asked
    for statement in asked:
        with connection.cursor() as cursor:
            cursor.execute(f"EXPLAIN {statement}")
            plan = "\n".join(line for (line,) in cursor.fetchall())
        assert "finding_name" in plan, plan
        assert "finding_by_code" in plan, plan
