"""Lists of what happened, newest first, that stay fast over millions of rows.

They are neither counted nor sorted: each page is the next rows of the index by time. Filters narrow through an index
or within a time that the reader chooses.
"""

from __future__ import annotations

from datetime import date, datetime, time
from typing import TYPE_CHECKING, Any, Final, override

from django.db.models import Model, QuerySet
from django.http import HttpRequest
from django.utils import timezone
from django.utils.functional import cached_property

from netbox_hedgehog.admin.base import ReadOnlyAdmin
from netbox_hedgehog.admin.filters import DropdownFilter, RangeDateTimeFilter
from netbox_hedgehog.models import RunKind, RunTotal, SyncRun

# Unfold ships no types; its classes are Django's with other pages.
if TYPE_CHECKING:
    from django.contrib.admin.views.main import ChangeList
    from django.core.paginator import Paginator

    UnfoldInfinitePaginator = Paginator[Any]
else:
    from unfold.paginator import InfinitePaginator as UnfoldInfinitePaginator
    from unfold.views import ChangeList

MOST_PAGES: Final = 200
"""Who wants older rows chooses a time: the database would walk through all before them."""


class InfinitePaginator(UnfoldInfinitePaginator):
    """Unfold's, with an end. It looks at this very name to leave the number of results out."""

    @cached_property
    def count(self) -> int:
        """So many that there is always a next page, up to the last one that is offered."""
        return MOST_PAGES * self.per_page


class NewestFirst(ChangeList):
    """Sorted by nothing else, whatever the address asks for: there is no index for it."""

    @override
    def get_ordering(self, request: HttpRequest, queryset: QuerySet[Any]) -> list[Any]:
        return list(self.lookup_opts.ordering or ())


class HistoryAdmin[M: Model](ReadOnlyAdmin[M]):
    """The pages of one kind of rows."""

    paginator = InfinitePaginator
    sortable_by = ()
    list_filter_submit = True
    list_disable_select_all = True  # not "all 10,000"

    @override
    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[ChangeList]:
        return NewestFirst


class TimeFilter(RangeDateTimeFilter):
    """From and to, in the time zone that the pages show; a day without a time counts as a whole."""

    @override
    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        bounds = {"gte": self._bound("from", time.min), "lte": self._bound("to", time.max)}
        return queryset.filter(**{f"{self.field_path}__{name}": at for name, at in bounds.items() if at})

    def _bound(self, end: str, usual: time) -> datetime | None:
        """None for what is no date: the reader sees it in the field still."""
        day, clock = (str(self.used_parameters.get(f"{self.field_path}_{end}_{part}") or "") for part in (0, 1))
        try:
            moment = datetime.combine(date.fromisoformat(day), time.fromisoformat(clock) if clock else usual)
        except ValueError:
            return None
        return timezone.make_aware(moment)


class ErrorCodeFilter(DropdownFilter):
    """Offers the codes that ticks have counted so far, and the chosen one."""

    title = "error code"
    parameter_name = "error_code"

    @override
    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        counted = RunTotal.objects.filter(kind=RunKind.SYNC).values_list("error_code", flat=True).distinct()
        return [(code, code) for code in sorted({*counted, self.value() or ""} - {""})]

    @override
    def has_output(self) -> bool:
        return True

    @override
    def queryset(self, request: HttpRequest, queryset: QuerySet[SyncRun]) -> QuerySet[SyncRun]:
        return queryset.filter(error_code=code) if (code := self.value()) else queryset
