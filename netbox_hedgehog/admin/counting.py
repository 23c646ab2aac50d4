"""Counts that end: beyond so many rows, the exact number costs more than it tells.

So a list reads no more rows with a hundred thousand fabrics than with ten thousand, and offers no page further back.
"""

from __future__ import annotations

from typing import Any, Final, cast, override

from django.core.paginator import Paginator
from django.db.models import QuerySet
from django.utils.functional import cached_property

MOST_COUNTED: Final = 10_000


class MoreThan(int):
    """A number for the admin's arithmetic, ``10,000+`` for its readers."""

    @override
    def __str__(self) -> str:
        return f"{int(self):,}+"


def counted(rows: QuerySet[Any]) -> int:
    """How many ``rows`` there are, exactly up to :data:`MOST_COUNTED`."""
    count = rows.order_by()[: MOST_COUNTED + 1].count()
    return MoreThan(MOST_COUNTED) if count > MOST_COUNTED else count


class BoundedPaginator(Paginator):  # type: ignore[type-arg]  # it cannot be subscripted when this runs
    """Ends where counting does: who wants rows further back narrows the list."""

    @override
    @cached_property
    def count(self) -> int:
        return counted(cast("QuerySet[Any]", self.object_list))
