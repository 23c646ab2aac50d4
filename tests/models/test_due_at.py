"""`due_at` is what the database makes of the columns, to the microsecond, however they were written."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import connections
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from netbox_hedgehog.conf import YEAR_SECONDS
from netbox_hedgehog.models import FabricStatus, GitRepository, HedgehogFabric
from netbox_hedgehog.models.expressions import EpochMicroseconds
from netbox_hedgehog.scheduling.due import due, epoch_microseconds, interval_expired, is_claimed
from tests.baker_recipes import NOW

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

type Row = dict[str, Any]


def expected(row: Row) -> int | None:
    """The rule in plain Python."""
    if row["status"] != "active" or not row["sync_enabled"] or row["sync_interval"] <= 0:
        return None
    if row["last_sync"] is None:
        return 0
    return (row["last_sync"] + timedelta(seconds=row["sync_interval"]) - EPOCH) // timedelta(microseconds=1)


def active(**changes: Any) -> Row:
    return {"status": "active", "sync_enabled": True, "sync_interval": 300, "last_sync": NOW} | changes


def create(database: str, *rows: Row) -> list[HedgehogFabric]:
    HedgehogFabric.objects.using(database).all().delete()
    fabrics = [HedgehogFabric(name=str(number), **row) for number, row in enumerate(rows)]
    HedgehogFabric.objects.using(database).bulk_create(fabrics)
    return list(HedgehogFabric.objects.using(database).order_by("pk"))


def due_at(fabric: HedgehogFabric) -> int | None:
    fabric.refresh_from_db()
    return fabric.due_at


AWKWARD = [
    active(),
    active(last_sync=None),
    active(last_sync=NOW.replace(microsecond=0)),
    active(last_sync=NOW.replace(microsecond=1)),
    active(last_sync=NOW.replace(microsecond=999_499)),
    active(last_sync=NOW.replace(microsecond=999_500)),  # SQLite would round to the next second
    active(last_sync=NOW.replace(microsecond=999_999)),
    active(last_sync=datetime(2026, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC)),
    active(last_sync=datetime(2026, 3, 29, 1, 30, tzinfo=UTC)),  # no such local time in Europe
    active(last_sync=datetime(1969, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC)),
    active(sync_interval=1),
    active(sync_interval=10 * YEAR_SECONDS),
    active(sync_interval=2**31 - 1),
    active(sync_interval=0),
    active(sync_interval=-1),
    active(sync_interval=-(2**31)),
    active(sync_enabled=False),
    *(active(status=status) for status in FabricStatus.values),
    active(status="no such status"),
]


def test_awkward_rows(database):
    for fabric, row in zip(create(database, *AWKWARD), AWKWARD, strict=True):
        assert fabric.due_at == expected(row), row


NAIVE = (datetime(1900, 1, 1), datetime(2200, 1, 1))  # noqa: DTZ001 - Hypothesis adds the zone

rows = st.fixed_dictionaries(
    {
        "status": st.sampled_from([*FabricStatus.values, "active", "active"]),
        "sync_enabled": st.sampled_from([True, True, False]),
        "sync_interval": st.integers(-(2**31), 2**31 - 1) | st.integers(-2, 10**6),
        "last_sync": st.none() | st.datetimes(*NAIVE, timezones=st.just(UTC)),
    }
)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(table=st.lists(rows, min_size=1, max_size=30))
@example(table=[active(last_sync=NOW.replace(microsecond=microsecond)) for microsecond in range(0, 10**6, 30_303)])
def test_it_is_exact_for_any_row(database, table):
    assert [fabric.due_at for fabric in create(database, *table)] == [expected(row) for row in table]


def test_the_session_time_zone_changes_nothing(db):
    with connections["default"].cursor() as cursor:
        if connections["default"].vendor == "postgresql":
            cursor.execute("SET TIME ZONE 'Asia/Kathmandu'")
    (fabric,) = create("default", active())
    assert fabric.due_at == expected(active())


WRITES: dict[str, Callable[[str, HedgehogFabric, Row], object]] = {
    "save": lambda database, fabric, row: (vars(fabric).update(row), fabric.save()),
    "save of the columns": lambda database, fabric, row: (vars(fabric).update(row), fabric.save(update_fields=[*row])),
    "update": lambda database, fabric, row: HedgehogFabric.objects.using(database).update(**row),
    "bulk_update": lambda database, fabric, row: (
        vars(fabric).update(row),
        HedgehogFabric.objects.using(database).bulk_update([fabric], [*row]),
    ),
    "sql": lambda database, fabric, row: sql(
        database,
        f"UPDATE netbox_hedgehog_hedgehogfabric SET {', '.join(f'{name} = %s' for name in row)}",
        list(row.values()),
    ),
}


def sql(database: str, statement: str, parameters: list[Any]) -> None:
    with connections[database].cursor() as cursor:
        cursor.execute(statement, parameters)


@pytest.mark.parametrize("way", WRITES)
@pytest.mark.parametrize(
    "change",
    [
        {"last_sync": NOW + timedelta(days=1)},
        {"last_sync": None},
        {"sync_interval": 60},
        {"sync_interval": 0},
        {"sync_enabled": False},
        {"status": "maintenance"},
        {"sync_interval": 7, "last_sync": NOW.replace(microsecond=0)},
    ],
    ids=str,
)
def test_no_way_of_writing_leaves_it_stale(database, way, change):
    (fabric,) = create(database, active())
    WRITES[way](database, fabric, change)
    assert due_at(fabric) == expected(active(**change))


def test_an_edit_back_and_forth_ends_where_it_began(database):
    (fabric,) = create(database, active())
    before = fabric.due_at
    for status in ("maintenance", "active"):
        HedgehogFabric.objects.using(database).update(status=status)
    assert due_at(fabric) == before


def test_nobody_can_write_it(database):
    (fabric,) = create(database, active())
    fabric.due_at = 0
    fabric.save()
    assert due_at(fabric) == expected(active())


def test_the_expression_works_in_queries_too(database):
    create(database, active(last_sync=NOW), active(last_sync=None))
    moments = (
        HedgehogFabric.objects.using(database).order_by("pk").values_list(EpochMicroseconds("last_sync"), flat=True)
    )
    assert list(moments) == [epoch_microseconds(NOW), None]


def test_equality_is_due_and_a_microsecond_earlier_is_not(database):
    create(database, active(last_sync=NOW - timedelta(seconds=300)))
    assert interval_expired(NOW).using(database).exists()
    assert not interval_expired(NOW - timedelta(microseconds=1)).using(database).exists()


class TestPlan:
    """With 20,000 fabrics of which 1 % are due."""

    @pytest.fixture
    def many(self, database: str) -> str:
        repository = GitRepository.objects.using(database).create(name="r", url="https://h/x")
        create(database, active(git_repository=repository, last_sync=NOW))
        columns = [
            field.column
            for field in HedgehogFabric._meta.concrete_fields
            if not field.primary_key and not field.generated
        ]
        values = {"name": "'fabric-' || i", "last_sync": "CASE WHEN i % 100 = 0 THEN NULL ELSE last_sync END"}
        quoted = connections[database].ops.quote_name
        sql(
            database,
            f"WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 20000)"
            f" INSERT INTO netbox_hedgehog_hedgehogfabric ({', '.join(map(quoted, columns))})"
            f" SELECT {', '.join(values.get(column, quoted(column)) for column in columns)}"
            f" FROM netbox_hedgehog_hedgehogfabric, n".replace("%", "%%"),
            [],
        )
        sql(database, "ANALYZE", [])
        return database

    def test_the_due_are_found_by_their_index(self, many):
        assert HedgehogFabric.objects.using(many).count() == 20_001
        queries = {
            "expired": interval_expired(NOW).using(many).order_by(),
            "claimable": due(NOW).using(many).order_by("due_at", "pk")[:500],
        }
        for name, query in queries.items():
            assert query.count() == 200, name
            assert "fabric_due" in query.explain(), name

    def test_live_claims_are_found_by_theirs(self, many):
        HedgehogFabric.objects.using(many).filter(last_sync=None).update(claim_expires_at=NOW + timedelta(seconds=1))
        sql(many, "ANALYZE", [])
        query = HedgehogFabric.objects.using(many).filter(is_claimed(NOW)).order_by()
        assert query.count() == 200
        assert "fabric_claim" in query.explain()
