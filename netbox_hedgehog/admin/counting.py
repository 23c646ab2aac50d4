"""Counts that end: beyond so many rows, the exact number costs more than it tells.

So a list reads no more rows with a hundred thousand fabrics than with ten thousand, and offers no page further back.
"""

from __future__ import annotations

from typing import Any, Final, cast, override

from django.core.paginator import Paginator
from django.db.models import IntegerField, QuerySet, Subquery
from django.utils.functional import cached_property

MOST_COUNTED: Final = 10_000


class MoreThan(int):
    """A number for the admin's arithmetic, ``10,000+`` for its readers."""

    @override
    def __str__(self) -> str:
        return f"{int(self):,}+"


def counted(rows: QuerySet[Any]) -> int:
    """How many ``rows`` there are, exactly up to :data:`MOST_COUNTED`."""
    return as_counted(rows.order_by()[: MOST_COUNTED + 1].count())


def as_counted(count: int) -> int:
    """``count``, which stopped one beyond :data:`MOST_COUNTED`, as it is shown."""
    return MoreThan(MOST_COUNTED) if count > MOST_COUNTED else count


class CountedSubquery(Subquery):
    """As :func:`counted`, for each row of another query; give it to :func:`as_counted`."""

    template = "(SELECT COUNT(*) FROM (%(subquery)s) AS counted)"

    def __init__(self, rows: QuerySet[Any]) -> None:
        super().__init__(rows.order_by().values("pk")[: MOST_COUNTED + 1], output_field=IntegerField())


class BoundedPaginator(Paginator):  # type: ignore[type-arg]  # it cannot be subscripted when this runs
    """Ends where counting does: who wants rows further back narrows the list."""

    @override
    @cached_property
    def count(self) -> int:
        return counted(cast("QuerySet[Any]", self.object_list))
