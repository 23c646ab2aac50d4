"""Database expressions that generated columns are made of.

Migrations refer to these classes: what one computes must never change. A new rule is a new class.
"""

from __future__ import annotations

from typing import Any

from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models import BigIntegerField, Func
from django.db.models.sql.compiler import SQLCompiler


class EpochMicroseconds(Func):
    """A timestamp as whole microseconds since 1970-01-01 UTC; NULL stays NULL.

    Whole numbers, because "due exactly at `last_sync + sync_interval`" does not survive floating point, and
    immutable in either database, because a stored generated column accepts nothing else: PostgreSQL's
    ``EXTRACT(EPOCH FROM timestamptz)`` depends on the session's time zone by declaration, hence ``AT TIME ZONE``;
    SQLite counts whole seconds only (its ``subsec`` needs 3.42) and rounds a fraction from .9995 up to the next, so
    the seconds and the fraction are read apart from Django's text form.
    """

    arity = 1
    output_field = BigIntegerField()

    def as_postgresql(
        self, compiler: SQLCompiler, connection: BaseDatabaseWrapper, **context: Any
    ) -> tuple[str, list[Any]]:
        """Exact: EXTRACT yields numeric since PostgreSQL 14."""
        return super().as_sql(  # type: ignore[return-value]
            compiler,
            connection,
            template="(EXTRACT(EPOCH FROM (%(expressions)s AT TIME ZONE 'UTC')) * 1000000)::bigint",
            **context,
        )

    def as_sqlite(  # type: ignore[override]
        self, compiler: SQLCompiler, connection: BaseDatabaseWrapper, **context: Any
    ) -> tuple[str, list[Any]]:
        """Django stores ``YYYY-MM-DD HH:MM:SS[.ffffff]`` in UTC."""
        return super().as_sql(  # type: ignore[return-value]
            compiler,
            connection,
            template=(
                "(CAST(strftime('%%%%s', substr(%(expressions)s, 1, 19)) AS INTEGER) * 1000000"
                " + CAST(substr(%(expressions)s || '.000000', 21, 6) AS INTEGER))"
            ),
            **context,
        )
