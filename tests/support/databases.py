"""Databases beside the test database, with a schema that the project's own migrations made."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from uuid import uuid4

import psycopg
from django.conf import settings
from django.db import connections
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.migrations.executor import MigrationExecutor
from django.db.utils import load_backend

type Targets = list[tuple[str, str | None]]

BEAT = ("django_celery_beat", "0019_alter_periodictasks_options")
TABLES = ("netbox_hedgehog", "0001_initial")
SCHEDULE = ("netbox_hedgehog", "0002_register_schedule")
CLAIMS = ("netbox_hedgehog", "0003_claims_without_index_updates")


def migrate(connection: BaseDatabaseWrapper, *targets: tuple[str, str | None]) -> Any:
    """Go to ``targets``, forwards or backwards; the historical apps there."""
    executor = MigrationExecutor(connection)
    return executor.migrate(list(targets)).apps  # type: ignore[arg-type]


def migrate_fully(connection: BaseDatabaseWrapper) -> Any:
    """Go to the newest migration of every app that the database's tables need; the historical apps there."""
    graph = MigrationExecutor(connection).loader.graph
    return migrate(connection, *graph.leaf_nodes("django_celery_beat"), *graph.leaf_nodes("netbox_hedgehog"))


@contextmanager
def sqlite(alias: str, file: Path) -> Iterator[BaseDatabaseWrapper]:
    """An empty SQLite database with the options that the settings give it."""
    options = {"ENGINE": "django.db.backends.sqlite3", "NAME": str(file), "OPTIONS": settings.SQLITE_OPTIONS}
    with _connected(alias, options) as made:
        yield made


@contextmanager
def postgresql(alias: str) -> Iterator[BaseDatabaseWrapper]:
    """An empty database on the tests' PostgreSQL server."""
    name = f"scratch_{uuid4().hex}"
    with psycopg.connect(os.environ["DATABASE_URL"], autocommit=True) as server:
        server.execute(f'CREATE DATABASE "{name}"')
        try:
            with _connected(alias, connections["default"].settings_dict | {"NAME": name, "CONN_MAX_AGE": 0}) as made:
                yield made
        finally:
            server.execute(f'DROP DATABASE "{name}"')


def everything_stored() -> dict[str, list[str]]:
    """Every row of every table, with what tells of a write that changed nothing: its stamp, or SQLite's count."""
    connection = connections["default"]
    is_postgresql = connection.vendor == "postgresql"
    stamp = "xmin::text, ctid::text, " if is_postgresql else ""
    stored = {} if is_postgresql else {"writes": [str(connection.connection.total_changes)]}
    with connection.cursor() as cursor:
        for name in connection.introspection.table_names():
            table = connection.ops.quote_name(name)
            cursor.execute(f"SELECT {stamp}* FROM {table}")
            stored[table] = sorted(map(repr, cursor.fetchall()))
    return stored


@contextmanager
def as_default(connection: BaseDatabaseWrapper) -> Iterator[None]:
    """Make ``connection``'s database the one that every thread uses unless told otherwise."""
    usual, usual_settings = connections["default"], connections.settings["default"]
    connections.settings["default"] = connection.settings_dict
    del connections["default"]  # each thread, this one too, opens its own on demand
    try:
        yield
    finally:
        connections["default"].close()
        connections.settings["default"] = usual_settings
        connections["default"] = usual


@contextmanager
def _connected(alias: str, options: dict[str, Any]) -> Iterator[BaseDatabaseWrapper]:
    # Not a configured alias: the test runner would create it for every test, and forbid it to most.
    complete = connections.configure_settings({"default": options})["default"]
    connection: BaseDatabaseWrapper = load_backend(complete["ENGINE"]).DatabaseWrapper(complete, alias)
    connections[alias] = connection
    try:
        yield connection
    finally:
        connection.close()
        del connections[alias]
