from __future__ import annotations

import pytest
from django.db import connection
from model_bakery import baker

from netbox_hedgehog.models import HedgehogFabric
from netbox_hedgehog.scheduling.among import Among

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize("wanted", [0, 1, 3])
def test_it_finds_the_rows_whose_ids_are_listed(wanted):
    ids = [fabric.pk for fabric in baker.make_recipe("tests.due_fabric", _quantity=5)][:wanted]
    found = HedgehogFabric.objects.filter(Among(ids)).order_by("pk")
    assert [fabric.pk for fabric in found] == ids


@pytest.mark.parametrize(("database", "ids"), [("postgresql", [1, 2]), ("sqlite", "[1, 2]")])
def test_each_database_gets_all_ids_as_one_parameter(database, ids):
    query = HedgehogFabric.objects.filter(Among(number for number in (1, 2))).query
    (lookup,) = query.where.children
    sql, params = getattr(lookup, f"as_{database}")(query.get_compiler(connection=connection), connection)
    assert sql.count("%s") == 1
    assert params == [ids]
