"""Queries that are composed once and executed often, with other values each time.

Django composes a query anew for each execution. For the few that every sync executes that took ten times as long as
executing them, and more than half of an unchanged sync's processor time.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from typing import Any

from django.db import connections, models
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models import Expression, Field, QuerySet
from django.db.models.sql import Query, UpdateQuery


class Parameter(Expression):
    """Stands in a query for a value that comes with each execution; ``field`` says how the database wants it."""

    def __init__(self, name: str, field: Field[Any, Any]) -> None:
        super().__init__(output_field=field)
        self.name = name

    def as_sql(self, *_: Any, **__: Any) -> tuple[str, list[Any]]:  # type: ignore[override]
        """A placeholder; the parameter itself stands for the value until the query is executed."""
        return "%s", [self]

    def value(self, values: Mapping[str, Any], connection: BaseDatabaseWrapper) -> Any:
        """Its value as the database wants it."""
        return self.output_field.get_db_prep_value(values[self.name], connection)


def moment(name: str) -> Parameter:
    """An aware datetime, or None."""
    return Parameter(name, models.DateTimeField())


def number(name: str) -> Parameter:
    """A whole number."""
    return Parameter(name, models.BigIntegerField())


def text(name: str) -> Parameter:
    """Text of any length."""
    return Parameter(name, models.TextField())


def uuid(name: str) -> Parameter:
    """A UUID."""
    return Parameter(name, models.UUIDField())


class ComposedUpdate(threading.local):
    """The UPDATE of the rows that ``select`` gives; ``changes`` are what ``QuerySet.update`` takes.

    Both may hold parameters. Composed at its first execution in each thread, because so are connections.
    """

    def __init__(self, select: Callable[[], QuerySet[Any]], **changes: Any) -> None:
        self._select = select
        self._changes = changes
        self._composed: _Composed | None = None

    def execute(self, **values: Any) -> int:
        """How many rows were updated with these ``values`` of the parameters."""
        if self._composed is None or self._composed.is_stale:
            rows = self._select()
            query: Any = rows.query.chain(UpdateQuery)
            query.add_update_values(self._changes)
            self._composed = _Composed(query, rows.db)
        with self._composed.connection.cursor() as cursor:
            cursor.execute(*self._composed.with_values(values))
            return int(cursor.rowcount)


class ComposedSelect[Row](threading.local):
    """The rows that ``select`` gives, which may hold parameters, as it gives them; composed as an update is."""

    def __init__(self, select: Callable[[], QuerySet[Any, Row]]) -> None:
        self._select = select
        self._rows: QuerySet[Any, Row] | None = None
        self._composed: _Composed | None = None

    def execute(self, **values: Any) -> list[Row]:
        """The rows with these ``values`` of the parameters."""
        if self._composed is None or self._composed.is_stale:
            self._rows = self._select()
            self._composed = _Composed(self._rows.query, self._rows.db)
        self._composed.values = values
        rows: Any = self._rows  # whose result would be kept if it were iterated over itself
        return list(rows._iterable_class(rows))  # noqa: SLF001 - what a queryset does once


class _Composed:
    """A query that gives the same compiler to whoever asks, and that compiler the same SQL."""

    def __init__(self, query: Query, alias: str) -> None:
        compiler = query.get_compiler(alias)
        self._alias = alias
        self.connection = compiler.connection
        self.values: Mapping[str, Any] = {}
        self._sql, self._parameters = compiler.as_sql()
        compiler.as_sql = lambda *_, **__: self.with_values(self.values)
        query.get_compiler = lambda *_, **__: compiler  # type: ignore[method-assign]

    @property
    def is_stale(self) -> bool:
        """Whether another database has become the one that it is for."""
        return connections[self._alias] is not self.connection

    def with_values(self, values: Mapping[str, Any]) -> tuple[str, list[Any]]:
        """The SQL and its parameters."""
        bound = [
            each.value(values, self.connection) if isinstance(each, Parameter) else each for each in self._parameters
        ]
        return self._sql, bound
