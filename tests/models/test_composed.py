"""What is composed once does with other values what Django does when it composes anew."""

from __future__ import annotations

import threading
from datetime import timedelta
from uuid import uuid4

import pytest
from django.db import DatabaseError, connection
from django.db.models import Case, F, Value, When
from model_bakery import baker

from netbox_hedgehog.models import HedgehogFabric, composed
from netbox_hedgehog.models.composed import ComposedSelect, ComposedUpdate
from tests.baker_recipes import NOW

pytestmark = pytest.mark.django_db


def claimed(**fields: object) -> HedgehogFabric:
    return baker.make_recipe("tests.claimed_fabric", **fields)


class TestAnUpdate:
    def test_writes_the_values_of_each_execution(self):
        update = ComposedUpdate(
            lambda: HedgehogFabric.objects.filter(pk=composed.number("fabric_id")),
            claim_token=composed.uuid("token"),
            claim_worker=composed.text("worker"),
            claim_started_at=composed.moment("at"),
            resource_count=composed.number("resources"),
            retry_at=None,
        )
        for number, fabric in enumerate([claimed(), claimed(), claimed()]):
            token, at = uuid4(), NOW + timedelta(microseconds=number)
            values = {"token": token, "worker": f"w{number} 100% '", "at": at, "resources": number}
            assert update.execute(fabric_id=fabric.pk, **values) == 1
            fabric.refresh_from_db()
            assert (fabric.claim_token, fabric.claim_worker) == (token, f"w{number} 100% '")
            assert (fabric.claim_started_at, fabric.resource_count) == (at, number)

    def test_tells_how_many_rows_there_were(self):
        update = ComposedUpdate(lambda: HedgehogFabric.objects.filter(name=composed.text("name")), sync_error="")
        claimed(name="there")
        assert [update.execute(name=name) for name in ("there", "nowhere", "there")] == [1, 0, 1]

    def test_may_decide_by_what_is_stored(self):
        is_expired = When(claim_expires_at__lte=composed.moment("now"), then=Value(""))
        update = ComposedUpdate(HedgehogFabric.objects.all, claim_trigger=Case(is_expired, default=F("claim_trigger")))
        fabric = claimed()
        expires = fabric.claim_expires_at
        update.execute(now=expires - timedelta(microseconds=1))
        assert HedgehogFabric.objects.get().claim_trigger == fabric.claim_trigger
        update.execute(now=expires)
        assert HedgehogFabric.objects.get().claim_trigger == ""

    def test_clears_what_has_no_value(self):
        update = ComposedUpdate(HedgehogFabric.objects.all, claimed_at=composed.moment("at"))
        claimed()
        update.execute(at=None)
        assert HedgehogFabric.objects.get().claimed_at is None

    def test_raises_what_the_database_says(self):
        update = ComposedUpdate(HedgehogFabric.objects.all, sync_interval=composed.number("seconds"))
        claimed()
        with pytest.raises((DatabaseError, OverflowError)):
            update.execute(seconds=2**80)


class TestASelect:
    def test_gives_whole_objects_with_what_belongs_to_them(self, django_assert_num_queries):
        select = ComposedSelect(
            lambda: (
                HedgehogFabric.objects.select_related("git_repository")
                .annotate(later=F("sync_interval") + 1)
                .filter(pk=composed.number("fabric_id"))
            )
        )
        fabrics = [
            claimed(git_repository__password=f"secret {number}", sync_interval=number + 1) for number in range(3)
        ]
        for fabric in fabrics:
            with django_assert_num_queries(1):
                (found,) = select.execute(fabric_id=fabric.pk)
                assert found.git_repository == fabric.git_repository
                assert found.git_repository.password.reveal() == fabric.git_repository.password.reveal()
            assert (found.pk, found.later, found.claim_token) == (
                fabric.pk,
                fabric.sync_interval + 1,
                fabric.claim_token,
            )
            assert {field.attname: getattr(found, field.attname) for field in fabric._meta.concrete_fields} == (
                {field.attname: getattr(fabric, field.attname) for field in fabric._meta.concrete_fields}
            )

    def test_asks_anew_each_time(self):
        select = ComposedSelect(lambda: HedgehogFabric.objects.filter(name=composed.text("name")).values_list("pk"))
        assert select.execute(name="x") == []
        fabric = claimed(name="x")
        assert select.execute(name="x") == [(fabric.pk,)]
        fabric.delete()
        assert select.execute(name="x") == []

    def test_is_composed_once(self):
        composings: list[None] = []

        def compose():
            composings.append(None)
            return HedgehogFabric.objects.filter(name=composed.text("name"))

        select = ComposedSelect(compose)
        for name in "abc":
            select.execute(name=name)
        assert len(composings) == 1


@pytest.mark.django_db(transaction=True)
def test_threads_use_connections_of_their_own():
    select = ComposedSelect(lambda: HedgehogFabric.objects.filter(name=composed.text("name")).values_list("name"))
    claimed(name="x")
    assert select.execute(name="x") == [("x",)]
    found: list[object] = []

    def work() -> None:
        found.extend([select.execute(name="x"), connection.queries_log is not None])
        connection.close()

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert found == [[("x",)], True]
