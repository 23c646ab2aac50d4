"""The migrations on both databases: forwards from nothing, backwards, twice, and over what operators did."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.core.management import call_command
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.migrations.executor import MigrationExecutor

from tests.support.databases import BEAT, CLAIMS, SCHEDULE, TABLES, migrate, postgresql, sqlite

FOLDER = Path(__file__).resolve().parents[2] / "migrations"


@dataclass(frozen=True)
class Registered:
    """A row that a migration puts into the schedule."""

    before: tuple[str, str]
    migration: tuple[str, str]
    name: str
    task: str
    priority: int | None
    every: int
    period: str
    seconds: int


ROWS = [
    Registered(
        before=TABLES,
        migration=SCHEDULE,
        name="periodic-fabric-sync",
        task="netbox_hedgehog.tasks.periodic_fabric_sync_scheduler",
        priority=6,
        every=60,
        period="seconds",
        seconds=60,
    ),
    Registered(
        before=("netbox_hedgehog", "0010_cancel_syncs"),
        migration=("netbox_hedgehog", "0011_register_pruning"),
        name="prune-history",
        task="netbox_hedgehog.tasks.prune_history",
        priority=None,
        every=5,
        period="minutes",
        seconds=300,
    ),
]
VENDORS = ["postgresql", "sqlite"] if "postgresql" in settings.DATABASES["default"]["ENGINE"] else ["sqlite"]


class Schedule:
    """A database in which the tables exist, and beat's tables in it as the migration sees them."""

    def __init__(self, connection: BaseDatabaseWrapper, row: Registered) -> None:
        self.connection = connection
        self.row = row
        self.apps: Any = MigrationExecutor(connection).loader.project_state([BEAT]).apps

    def forwards(self) -> None:
        migrate(self.connection, BEAT, self.row.migration)

    def backwards(self) -> None:
        migrate(self.connection, BEAT, self.row.before)

    def run(self, function: str) -> None:
        """Call a function of the migration as Django would, once more."""
        module = import_module(f"netbox_hedgehog.migrations.{self.row.migration[1]}")
        with self.connection.schema_editor() as editor:
            getattr(module, function)(self.apps, editor)

    def table(self, model: str) -> Any:
        return self.apps.get_model("django_celery_beat", model).objects.using(self.connection.alias)

    @property
    def tasks(self) -> Any:
        return self.table("PeriodicTask")

    @property
    def intervals(self) -> Any:
        return self.table("IntervalSchedule")

    @property
    def stamp(self) -> Any:
        return self.table("PeriodicTasks").values_list("last_update", flat=True).first()

    def empty(self) -> None:
        self.tasks.all().delete()
        self.intervals.all().delete()
        self.table("PeriodicTasks").all().delete()

    def make_interval(self) -> Any:
        """The row's own interval, as an operator may have it."""
        return self.intervals.create(every=self.row.every, period=self.row.period)


@pytest.fixture(scope="module", params=VENDORS)
def vendor(request: Any) -> str:
    return request.param


@pytest.fixture(scope="module", params=ROWS, ids=lambda row: row.name)
def migrated(
    request: Any, vendor: str, django_db_setup: None, django_db_blocker: Any, tmp_path_factory: Any
) -> Iterator[Schedule]:
    if vendor == "postgresql":
        database = postgresql("migrated")
    else:
        database = sqlite("migrated", tmp_path_factory.mktemp("migrated") / "db")
    with django_db_blocker.unblock(), database as connection:
        migrate(connection, BEAT, request.param.before)
        made = Schedule(connection, request.param)
        made.empty()  # of what earlier migrations registered
        yield made


@pytest.fixture
def schedule(migrated: Schedule) -> Iterator[Schedule]:
    yield migrated
    migrated.backwards()
    migrated.empty()


class TestForwards:
    def test_it_registers_the_row_of_the_contract(self, schedule):
        schedule.forwards()
        task, row = schedule.tasks.get(), schedule.row
        assert (task.name, task.task, task.queue, task.priority) == (row.name, row.task, "git_sync", row.priority)
        assert (task.interval.every, task.interval.period) == (row.every, row.period)
        assert task.enabled
        assert 0 < task.expire_seconds < row.seconds
        assert not task.one_off
        assert (task.args, task.kwargs, task.crontab, task.solar, task.clocked) == ("[]", "{}", None, None, None)
        assert schedule.intervals.count() == 1

    def test_twice_makes_no_second_one(self, schedule):
        schedule.forwards()
        schedule.run("register")
        assert schedule.tasks.count() == 1
        assert schedule.intervals.count() == 1

    def test_there_and_back_and_there_again_ends_the_same(self, schedule):
        schedule.forwards()
        schedule.backwards()
        schedule.forwards()
        assert schedule.tasks.get().interval.every == schedule.row.every
        assert schedule.intervals.count() == 1

    def test_an_operators_edits_survive(self, schedule):
        schedule.forwards()
        interval = schedule.intervals.create(every=120, period="seconds")
        schedule.tasks.update(interval=interval, enabled=False, queue="elsewhere", priority=1, description="ours")
        before = schedule.tasks.values().get()
        schedule.run("register")
        assert schedule.tasks.values().get() == before

    def test_a_task_of_that_name_that_was_there_before_is_left_alone(self, schedule):
        interval = schedule.intervals.create(every=7, period="minutes")
        schedule.tasks.create(name=schedule.row.name, task="some.other.task", interval=interval)
        before = schedule.tasks.values().get()
        schedule.forwards()
        assert schedule.tasks.values().get() == before
        assert schedule.intervals.count() == 1

    def test_an_interval_of_that_length_is_used_even_if_there_are_two(self, schedule):
        first, _ = (schedule.make_interval() for _ in range(2))
        schedule.forwards()
        assert schedule.tasks.get().interval_id == first.pk
        assert schedule.intervals.count() == 2

    def test_other_intervals_are_no_match(self, schedule):
        for every, period in ((60, "minutes"), (1, "minutes"), (5, "seconds"), (5, "hours")):
            schedule.intervals.create(every=every, period=period)
        schedule.forwards()
        assert schedule.tasks.get().interval.every == schedule.row.every
        assert schedule.intervals.count() == 5

    def test_a_running_beat_is_told(self, schedule):
        assert schedule.stamp is None
        schedule.forwards()
        told = schedule.stamp
        assert told is not None
        schedule.backwards()
        assert schedule.stamp > told
        told = schedule.stamp
        schedule.forwards()
        assert schedule.stamp > told

    def test_beat_is_not_told_of_nothing(self, schedule):
        schedule.forwards()
        told = schedule.stamp
        schedule.run("register")
        assert schedule.stamp == told


class TestBackwards:
    def test_it_removes_what_it_made(self, schedule):
        schedule.forwards()
        schedule.backwards()
        assert not schedule.tasks.exists()
        assert not schedule.intervals.exists()

    def test_also_after_an_operators_edits(self, schedule):
        schedule.forwards()
        interval = schedule.intervals.create(every=120, period="seconds")
        schedule.tasks.update(interval=interval, enabled=False)
        schedule.backwards()
        assert not schedule.tasks.exists()
        assert schedule.intervals.get() == interval

    def test_an_interval_that_was_there_before_stays(self, schedule):
        interval = schedule.make_interval()
        schedule.forwards()
        schedule.backwards()
        assert not schedule.tasks.exists()
        assert schedule.intervals.get() == interval

    def test_an_interval_that_others_use_by_now_stays_and_so_do_they(self, schedule):
        schedule.forwards()
        other = schedule.tasks.create(name="another", task="x", interval=schedule.intervals.get())
        schedule.backwards()
        assert schedule.tasks.get() == other
        assert schedule.intervals.count() == 1

    @pytest.mark.parametrize("headers", ["{}", "", "not json", "[1]", '{"registered-by": "somebody else"}'])
    def test_a_task_of_that_name_that_it_did_not_make_stays(self, schedule, headers):
        interval = schedule.make_interval()
        task = schedule.tasks.create(name=schedule.row.name, task="x", interval=interval, headers=headers)
        schedule.forwards()
        schedule.backwards()
        assert schedule.tasks.get() == task
        assert schedule.intervals.get() == interval

    def test_it_does_not_mind_that_the_operator_deleted_the_task(self, schedule):
        schedule.forwards()
        schedule.tasks.all().delete()
        schedule.backwards()
        assert not schedule.tasks.exists()

    def test_nor_the_interval_with_it(self, schedule):
        schedule.forwards()
        schedule.intervals.all().delete()
        schedule.backwards()
        assert not schedule.tasks.exists()

    def test_twice_is_as_once(self, schedule):
        schedule.forwards()
        schedule.run("unregister")
        schedule.run("unregister")
        assert not schedule.tasks.exists()


def test_all_the_way_back_leaves_no_table(migrated):
    migrate(migrated.connection, ("netbox_hedgehog", None))
    tables = migrated.connection.introspection.table_names()
    assert not [name for name in tables if name.startswith("netbox_hedgehog")]
    migrated.backwards()
    migrated.empty()


@pytest.mark.django_db
def test_the_models_and_the_migrations_agree():
    call_command("makemigrations", check=True, dry_run=True, verbosity=0)


@pytest.mark.parametrize("file", sorted(FOLDER.glob("[0-9]*.py")), ids=lambda file: file.stem)
def test_it_imports_nothing_of_the_app_that_may_change(file):
    """What a migration did must not depend on the release that runs it."""
    frozen = {"netbox_hedgehog.models.expressions", "netbox_hedgehog.models.fields"}
    imported: set[str] = set()
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Import):
            imported.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            imported.add(node.module or "")
    assert {name for name in imported if name.startswith("netbox_hedgehog")} <= frozen


@pytest.mark.parametrize("file", sorted(FOLDER.glob("[0-9]*.py")), ids=lambda file: file.stem)
def test_it_has_a_name_that_says_what_it_does(file):
    assert "auto" not in file.stem


def _new_row(connection: BaseDatabaseWrapper, apps: Any, **fields: Any) -> Any:
    fabrics = apps.get_model("netbox_hedgehog", "HedgehogFabric").objects.using(connection.alias)
    return fabrics.create(name="fabric", status="active", **fields)


def test_claims_survive_the_change_of_their_index_in_both_directions(migrated: Schedule) -> None:
    connection = migrated.connection
    expires = datetime(2026, 3, 1, 12, tzinfo=UTC)
    before = migrate(connection, BEAT, SCHEDULE)
    _new_row(connection, before, claim_expires_at=expires)
    after = migrate(connection, CLAIMS)
    row = after.get_model("netbox_hedgehog", "HedgehogFabric").objects.using(connection.alias).get()
    assert (row.has_claim, row.claim_expires_at, row.due_at) == (True, expires, 0)
    again = migrate(connection, SCHEDULE)
    row = again.get_model("netbox_hedgehog", "HedgehogFabric").objects.using(connection.alias).get()
    assert (row.claim_expires_at, row.due_at) == (expires, 0)
    row.delete()
    migrated.backwards()
    migrated.empty()


def test_fabrics_are_searched_wherever_they_came_from_and_as_before_after_the_way_back(migrated: Schedule) -> None:
    connection, search = migrated.connection, "hedgehog_fabric_search"

    def searched() -> list[str]:
        with connection.cursor() as cursor:
            cursor.execute(f"SELECT searched FROM {search} WHERE grams @> '{{FAB}}' ORDER BY searched")
            return [text for (text,) in cursor.fetchall()]

    before = ("netbox_hedgehog", "0019_answer_large_fleets")
    migration = import_module("netbox_hedgehog.migrations.0020_search_fabrics")
    _new_row(connection, migrate(connection, BEAT, before), description="there before")
    apps: Any = migrate(connection, ("netbox_hedgehog", "0020_search_fabrics"))
    fabrics = apps.get_model("netbox_hedgehog", "HedgehogFabric").objects.using(connection.alias)
    with connection.schema_editor() as editor:
        migration.forwards(apps, editor)
    fabrics.create(name="another fabric")
    if connection.vendor == "postgresql":
        assert searched() == ["ANOTHER FABRIC\n", "FABRIC\nTHERE BEFORE"]
        fabrics.update(description="edited")
        fabrics.filter(name="fabric").delete()
        assert searched() == ["ANOTHER FABRIC\nEDITED"]
        with connection.cursor() as cursor:
            cursor.execute("TRUNCATE netbox_hedgehog_hedgehogfabric CASCADE")
        assert searched() == []
    migrate(connection, before)
    assert search not in connection.introspection.table_names()
    with connection.schema_editor() as editor:
        migration.backwards(apps, editor)
    fabrics.create(name="made after the way back")
    fabrics.all().delete()
    migrated.backwards()
    migrated.empty()
