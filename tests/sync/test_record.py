from __future__ import annotations

import json

import pytest
from model_bakery import baker

from netbox_hedgehog.models import SyncRecord, SyncRun
from netbox_hedgehog.sync import record as module
from netbox_hedgehog.sync.apply import apply_diff, stored_resources
from netbox_hedgehog.sync.diff import diff
from netbox_hedgehog.sync.record import record_of
from netbox_hedgehog.sync.record_text import record_lines
from netbox_hedgehog.sync.run import run_sync
from tests.support.remote import WIRING, document
from tests.support.resources import LEAF

pytestmark = pytest.mark.django_db

PLACE = {"api_version": WIRING, "kind": "Switch", "namespace": "default", "path": "a.yaml", "line": 1}


@pytest.fixture
def fabric():
    return baker.make_recipe("tests.due_fabric")


def record(fabric, before, after):
    apply_diff(fabric.pk, diff(before, stored_resources(fabric.pk)), "1")
    return record_of(diff(after, stored_resources(fabric.pk)))


def test_it_says_what_was_created_updated_and_deleted(fabric):
    content = {"labels": {}, "annotations": {}, "spec": {"role": "leaf"}}
    made = record(
        fabric,
        [LEAF, LEAF._replace(name="gone")],
        [LEAF._replace(spec={"role": "spine"}), LEAF._replace(name="new", path="b.yaml")],
    )
    assert made == {
        "created": [PLACE | {"name": "new", "path": "b.yaml"}],
        "updated": [
            PLACE
            | {"name": "leaf", "more_fields": 0}
            | {"fields": [{"field": ["spec", "role"], "old": "leaf", "new": "spine"}]}
        ],
        "deleted": [PLACE | {"name": "gone", "content": content}],
        "more": {"created": 0, "updated": 0, "deleted": 0},
    }


def test_what_is_the_same_or_only_moved_is_not_recorded(fabric):
    assert record(fabric, [LEAF], [LEAF._replace(line=9)]) is None


def test_a_secret_is_recorded_neither_as_old_nor_as_new_nor_as_deleted(fabric):
    before = [LEAF._replace(spec={"bgp": {"password": {"value": "hunter2"}}}), LEAF._replace(name="gone")]
    before[1] = before[1]._replace(spec={"token": "hunter3"})
    made = json.dumps(record(fabric, before, [LEAF._replace(spec={"bgp": {"password": {"value": "hunter4"}}})]))
    assert "hunter" not in made
    assert made.count("[REDACTED]") == 3


def test_whatever_the_commit_did_it_stays_small_and_counts_the_rest(fabric, monkeypatch):
    monkeypatch.setattr(module, "LONGEST_RECORD", 20_000)
    many = [LEAF._replace(name=f"leaf-{number}", spec={"text": "x" * 5000}) for number in range(400)]
    edited = [each._replace(spec={str(n): "y" * 500 for n in range(60)}) for each in many[:390]]
    made = record(fabric, many, [*edited, LEAF._replace(name="new")])
    assert made["more"] == {
        "created": 1 - len(made["created"]),
        "updated": 390 - len(made["updated"]),
        "deleted": 10 - len(made["deleted"]),
    }
    assert made["more"]["updated"] > 0
    assert len(json.dumps(made)) <= 22_000
    assert made["deleted"][0]["content"]["excerpt"].endswith("…")


def test_fields_beyond_the_limit_are_counted(fabric):
    made = record(fabric, [LEAF], [LEAF._replace(spec={"role": "leaf"} | {f"n{n:02}": n for n in range(50)})])
    (entry,) = made["updated"]
    assert (len(entry["fields"]), entry["more_fields"]) == (module.MOST_FIELDS, 10)


def test_a_sync_that_changed_something_keeps_its_record_and_every_resource_its_commit(remote):
    first = remote.commit({"a.yaml": document("a"), "b.yaml": document("b")})
    fabric = remote.fabric()
    run_sync(fabric.pk, worker="test")
    run_sync(fabric.pk, worker="test")
    second = remote.commit({"b.yaml": document("b", role="leaf")})
    run_sync(fabric.pk, worker="test")
    assert dict(fabric.resources.values_list("name", "source_commit")) == {"a": first, "b": second}
    assert SyncRun.objects.count() == 3
    records = [each.content for each in SyncRecord.objects.order_by("pk")]
    assert [[len(each[fate]) for fate in ("created", "updated", "deleted")] for each in records] == [
        [2, 0, 0],
        [0, 1, 0],
    ]


def test_in_words_it_names_each_resource_each_field_and_how_many_more():
    place = PLACE | {"name": "leaf"}
    fields = [
        {"field": ["spec", "ports", 0, "speed"], "old": 10, "new": {"excerpt": "[1, …"}},
        {"field": ["spec", "a\nb"], "new": None},
        {"field": ["labels", "x"], "old": "y"},
    ]
    lines = record_lines(
        {
            "created": [place],
            "updated": [place | {"fields": fields, "more_fields": 2}],
            "deleted": [place],
            "more": {"created": 1200},
        }
    )
    assert list(lines) == [
        "- Switch default/leaf  (a.yaml:1)",
        "~ Switch default/leaf  (a.yaml:1)",
        "    spec.ports[0].speed: 10 → [1, …",
        r"    spec.a\nb: added null",
        '    labels.x: removed "y"',
        "    … and 2 more fields",
        "+ Switch default/leaf  (a.yaml:1)",
        "+ … and 1,200 more created",
    ]
