from __future__ import annotations

from hypothesis import given

from netbox_hedgehog.manifests import Resource
from netbox_hedgehog.sync.diff import Diff, Replacement, Stored, diff
from tests.support.resources import LEAF, resources, tables


def stored(*resources: Resource) -> dict[tuple[str, str, str, str], Stored]:
    return {
        resource.key: Stored(pk, resource.content().digest(), resource.path, resource.line)
        for pk, resource in enumerate(resources, 1)
    }


def replacing_the_first(resource: Resource) -> Replacement:
    return Replacement(resource, resource.content().digest(), 1)


def test_nothing_against_nothing_is_nothing():
    assert diff([], {}) == Diff([], [], [], {})


def test_what_is_only_in_git_is_created():
    assert diff([LEAF], {}).created == [LEAF]


def test_what_is_only_stored_is_deleted():
    assert diff([], stored(LEAF)).deleted == stored(LEAF)


def test_the_same_is_unchanged():
    assert diff([LEAF], stored(LEAF)) == Diff([], [], [], {})


def test_other_content_is_an_update():
    for other in (
        LEAF._replace(spec={"role": "spine"}),
        LEAF._replace(labels={"rack": "a"}),
        LEAF._replace(annotations={"note": "b"}),
    ):
        assert diff([other], stored(LEAF)) == Diff([], [replacing_the_first(other)], [], {})


def test_the_same_content_elsewhere_is_moved():
    for other in (LEAF._replace(path="b.yaml"), LEAF._replace(line=9)):
        assert diff([other], stored(LEAF)) == Diff([], [], [replacing_the_first(other)], {})


def test_another_part_of_the_identity_is_another_resource():
    for other in (
        LEAF._replace(api_version="wiring.githedgehog.com/v1"),
        LEAF._replace(kind="Server"),
        LEAF._replace(namespace="lab"),
        LEAF._replace(name="spine"),
    ):
        change = diff([other], stored(LEAF))
        assert (change.created, change.deleted) == ([other], stored(LEAF))


@given(tables, tables)
def test_every_resource_of_either_side_has_exactly_one_fate(desired, present):
    change = diff(resources(desired), stored(*resources(present)))
    assert {each.name for each in change.created} == desired.keys() - present.keys()
    assert {name for *_, name in change.deleted} == present.keys() - desired.keys()
    assert {each.resource.name for each in change.updated} == {
        name for name in desired.keys() & present.keys() if desired[name][0] != present[name][0]
    }
    assert {each.resource.name for each in change.moved} == {
        name
        for name in desired.keys() & present.keys()
        if desired[name][0] == present[name][0] and desired[name][1] != present[name][1]
    }
