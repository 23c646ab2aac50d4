from __future__ import annotations

import pytest
from model_bakery import baker

from netbox_hedgehog.models import Activity, HedgehogFabric
from netbox_hedgehog.scheduling.due import census, due
from tests.baker_recipes import NOW

pytestmark = pytest.mark.django_db


def test_their_time_is_the_one_of_the_fixture(now):
    assert now == NOW


@pytest.mark.parametrize(
    ("recipe", "is_due", "skipped", "activity"),
    [
        ("due_fabric", True, {}, Activity.IDLE),
        ("never_synced_fabric", True, {}, Activity.IDLE),
        ("idle_fabric", False, {}, Activity.IDLE),
        ("disabled_fabric", False, {}, Activity.IDLE),
        ("planned_fabric", False, {}, Activity.IDLE),
        ("sourceless_fabric", False, {"no_source": 1}, Activity.IDLE),
        ("claimed_fabric", False, {"claimed": 1}, Activity.QUEUED),
        ("running_fabric", False, {"claimed": 1}, Activity.SYNCING),
        ("lost_fabric", True, {}, Activity.IDLE),
        ("backing_off_fabric", False, {"backing_off": 1}, Activity.IDLE),
    ],
)
def test_each_is_what_its_name_says(now, recipe, is_due, skipped, activity):
    fabric = baker.make_recipe(f"tests.{recipe}")
    assert due(now).exists() is is_due
    assert census(now).skipped == skipped
    assert fabric.activity(now) is activity


def test_several_can_be_made_at_once(now):
    baker.make_recipe("tests.backing_off_fabric", _quantity=3)
    baker.make_recipe("tests.due_fabric", _quantity=3)
    assert HedgehogFabric.objects.count() == 6
    assert census(now).skipped == {"backing_off": 3}
