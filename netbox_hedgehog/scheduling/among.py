"""`id in (…)` for many ids, as one parameter."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models import F, Lookup
from django.db.models.sql.compiler import SQLCompiler


class Among(Lookup):
    """Rows whose id is one of ``fabric_ids``.

    Django writes a placeholder for each value of ``__in``; handling those of a chunk took a third of its UPDATE's time.
    """

    prepare_rhs = False

    def __init__(self, fabric_ids: Iterable[int]) -> None:
        super().__init__(F("pk"), list(fabric_ids))

    def as_postgresql(self, compiler: SQLCompiler, connection: BaseDatabaseWrapper) -> tuple[str, list[Any]]:
        """An array."""
        column, params = self.process_lhs(compiler, connection)
        return f"{column} = ANY(%s)", [*params, self.rhs]

    def as_sqlite(self, compiler: SQLCompiler, connection: BaseDatabaseWrapper) -> tuple[str, list[Any]]:
        """A JSON list: SQLite has no arrays."""
        column, params = self.process_lhs(compiler, connection)
        return f"{column} IN (SELECT value FROM json_each(%s))", [*params, json.dumps(self.rhs)]  # noqa: S608 - no input
