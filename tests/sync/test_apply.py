from __future__ import annotations

import pytest
from django.db import IntegrityError, transaction
from hypothesis import HealthCheck, given, settings
from model_bakery import baker

from netbox_hedgehog.models import FabricResource, HedgehogFabric
from netbox_hedgehog.sync import apply
from netbox_hedgehog.sync.apply import apply_diff, stored_resources
from netbox_hedgehog.sync.diff import Diff, diff
from tests.support.resources import LEAF, resources, tables

pytestmark = pytest.mark.django_db


def make_equal(fabric: HedgehogFabric, desired: list) -> Diff:
    change = diff(desired, stored_resources(fabric.pk))
    apply_diff(fabric.pk, change, "c0ffee")
    return change


@pytest.fixture
def fabric() -> HedgehogFabric:
    return baker.make_recipe("tests.due_fabric")


def test_a_resource_is_stored_as_it_is(fabric):
    make_equal(fabric, [LEAF._replace(labels={"a": "b"}, annotations={"c": "d"})])
    (row,) = FabricResource.objects.values(
        "api_version",
        "kind",
        "namespace",
        "name",
        "labels",
        "annotations",
        "spec",
        "source_path",
        "source_line",
        "source_commit",
    )
    assert row == {
        "api_version": LEAF.api_version,
        "kind": "Switch",
        "namespace": "default",
        "name": "leaf",
        "labels": {"a": "b"},
        "annotations": {"c": "d"},
        "spec": {"role": "leaf"},
        "source_path": "a.yaml",
        "source_line": 1,
        "source_commit": "c0ffee",
    }


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(tables, tables)
def test_afterwards_the_database_equals_git_and_nothing_is_left_to_do(fabric, first, second):
    for table in (first, second):
        make_equal(fabric, resources(table))
        again = make_equal(fabric, resources(table))
        assert again == Diff([], [], [], {})
        assert fabric.resources.count() == len(table)


def test_an_update_keeps_the_row(fabric):
    make_equal(fabric, [LEAF])
    before = fabric.resources.get()
    make_equal(fabric, [LEAF._replace(spec={"role": "spine"})])
    after = fabric.resources.get()
    assert (after.pk, after.spec) == (before.pk, {"role": "spine"})
    assert after.digest != before.digest


def test_other_fabrics_are_left_alone(fabric):
    other = baker.make_recipe("tests.due_fabric")
    make_equal(other, [LEAF])
    make_equal(fabric, [LEAF])
    make_equal(fabric, [])
    assert other.resources.count() == 1


def test_a_thousand_resources_need_no_more_queries_than_ten(fabric, django_assert_max_num_queries, monkeypatch):
    many = [LEAF._replace(name=f"leaf-{number}") for number in range(1000)]
    with django_assert_max_num_queries(8):
        make_equal(fabric, many)
    with django_assert_max_num_queries(8):
        make_equal(fabric, [])


def test_more_than_fit_into_one_statement_are_all_written(fabric, monkeypatch):
    monkeypatch.setattr(apply, "_ROWS_PER_STATEMENT", 3)
    make_equal(fabric, [LEAF._replace(name=f"leaf-{number}") for number in range(10)])
    assert fabric.resources.count() == 10


def test_whatever_a_text_holds_is_stored_as_it_is(fabric):
    odd = 'tab\t, line\n, \\, \\N, \\., ", é, 𝄞, \x7f'
    spec = {odd: [odd, None, True, 1.5, -(2**63), {}, []], "": ""}
    change = make_equal(
        fabric, [LEAF._replace(labels={"a": odd}, annotations={odd: odd}, spec=spec, path=f"{odd}.yaml")]
    )
    assert len(change.created) == 1
    row = FabricResource.objects.get()
    assert (row.labels, row.annotations, row.spec, row.source_path) == ({"a": odd}, {odd: odd}, spec, f"{odd}.yaml")


def test_an_identity_that_is_stored_already_is_an_error_of_the_database(fabric):
    change = diff([LEAF], {})
    apply_diff(fabric.pk, change, "c0ffee")
    with pytest.raises(IntegrityError), transaction.atomic():
        apply_diff(fabric.pk, change, "c0ffee")
