"""Which fabrics a list shows, found without a look at all the others."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, override

from django.contrib import messages
from django.contrib.admin.options import IncorrectLookupParameters
from django.db.models import QuerySet
from django.http import HttpRequest

from netbox_hedgehog.admin.counting import MOST_COUNTED, MoreThan, counted
from netbox_hedgehog.models import HedgehogFabric
from netbox_hedgehog.scheduling.due import with_next_due

if TYPE_CHECKING:
    from django.contrib.admin.views.main import ChangeList
else:
    from unfold.views import ChangeList

SORTED_BY_INDEX: Final = {"name": "name", "due_at": "due"}
"""Columns of the table, and of the list, that any number of fabrics is sorted by."""


class FabricChangeList(ChangeList):
    """Finds the keys of a page first, and then reads these rows alone, with what is dear to reckon."""

    @override
    def get_ordering(self, request: HttpRequest, queryset: QuerySet[Any]) -> list[Any]:
        """As asked, where an index or few rows allow it."""
        ordering = list(super().get_ordering(request, queryset))
        first = str(ordering[0])
        if first.lstrip("-") == "due_at":
            return [first, "-pk" if first.startswith("-") else "pk"]  # as the index has them
        if first.lstrip("-") == "name" or not isinstance(counted(queryset), MoreThan):
            return ordering
        messages.warning(
            request,
            f"More than {MOST_COUNTED:,} fabrics are sorted by name or next due alone. "
            "Choose a filter, and fewer are sorted by any column.",
        )
        return list(self.lookup_opts.ordering or ())

    @override
    def get_results(self, request: HttpRequest) -> None:
        """Rows are counted only if there are more than the page shows: a search that finds little looks once."""
        size = self.list_max_show_all if self.show_all else self.list_per_page
        paginator = self.model_admin.get_paginator(request, self.queryset, size)
        if self.page_num < 1:
            raise IncorrectLookupParameters
        start = (self.page_num - 1) * size
        keys = list(self.queryset.values_list("pk", flat=True)[start : start + size + 1])
        if self.page_num == 1 and len(keys) <= size:
            paginator.count = len(keys)
        elif self.page_num > paginator.num_pages:
            raise IncorrectLookupParameters
        rows = with_next_due(HedgehogFabric.objects.all()).in_bulk(keys[:size])
        self.result_list = [rows[key] for key in keys[:size] if key in rows]
        self.result_count = paginator.count
        self.full_result_count = None
        self.show_full_result_count = False
        self.show_admin_actions = True
        self.can_show_all = self.result_count <= self.list_max_show_all
        self.multi_page = self.result_count > self.list_per_page
        self.paginator = paginator
        if isinstance(self.result_count, MoreThan):
            self.sortable_by = tuple(SORTED_BY_INDEX.values())
