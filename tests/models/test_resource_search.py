"""Resources are found by name in the whole fleet, through an index on PostgreSQL, and by the same words on SQLite."""

from __future__ import annotations

import pytest
from django.db import connections
from django.db.models import QuerySet

from netbox_hedgehog.admin.resource_search import is_too_wide, named
from netbox_hedgehog.models import FabricResource, HedgehogFabric

FABRICS = 300
LEAVES = 99


@pytest.fixture
def fleet(database: str) -> str:
    """Each fabric with as many leaves and one spine; two of the spines in a namespace of their own."""
    HedgehogFabric.objects.using(database).bulk_create(
        HedgehogFabric(name=f"fabric-{number:03}") for number in range(FABRICS)
    )
    with connections[database].cursor() as cursor:
        cursor.execute(
            f"WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < {LEAVES})"
            " INSERT INTO netbox_hedgehog_fabricresource (fabric_id, api_version, kind, namespace, name, labels,"
            " annotations, spec, digest, source_path, source_line)"
            " SELECT id, 'v1', 'Switch', CASE WHEN i = 0 AND name < 'fabric-002' THEN 'lab' ELSE 'default' END,"
            " CASE i WHEN 0 THEN 'spine-of-' || name ELSE 'leaf-' || i END, '{}', '{}', '{}', '', 'a.yaml', 1"
            " FROM netbox_hedgehog_hedgehogfabric, n"
        )
        cursor.execute("ANALYZE")
    return database


def search(database: str, term: str, fabric: int | None = None) -> QuerySet[FabricResource]:
    rows = FabricResource.objects.using(database)
    return named(rows.filter(fabric=fabric) if fabric else rows.all(), term, fabric)


def test_by_the_beginning_of_a_name_in_all_fabrics(fleet: str) -> None:
    assert search(fleet, "spine-of-fabric-00").count() == 10
    assert search(fleet, " Spine-of-FABRIC-007 ").get().name == "spine-of-fabric-007"
    assert not search(fleet, "fabric-007").exists()


def test_by_namespace_and_name(fleet: str) -> None:
    assert search(fleet, "lab/spine").count() == 2
    assert search(fleet, "default/spine").count() == FABRICS - 2
    assert not search(fleet, "elsewhere/spine").exists()


def test_by_any_part_of_a_name_within_a_fabric(fleet: str) -> None:
    fabric = HedgehogFabric.objects.using(fleet).get(name="fabric-001").pk
    assert search(fleet, "fabric-001", fabric).get().name == "spine-of-fabric-001"
    assert search(fleet, "lab/", fabric).count() == 1


@pytest.mark.parametrize("term", ["", "lab/", "/"])
def test_a_namespace_alone_finds_nothing_in_all_fabrics(fleet: str, term: str) -> None:
    assert is_too_wide(term, None)
    assert not search(fleet, term).exists()


@pytest.mark.parametrize("wildcard", ["%", "_", "\\", "spine%7"])
def test_what_is_a_wildcard_elsewhere_stands_for_itself(fleet: str, wildcard: str) -> None:
    assert not search(fleet, wildcard).exists()


@pytest.mark.parametrize("database", ["default"], indirect=True)
@pytest.mark.parametrize("term", ["spine-of-fabric-007", "lab/spine-of-fabric-00", "nothing-of-that-name"])
def test_a_page_of_them_is_read_through_the_index(fleet: str, term: str) -> None:
    assert "resource_name" in search(fleet, term)[:51].explain()
