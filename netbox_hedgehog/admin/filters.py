"""Unfold's filters, typed, and one of ours that several lists share."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, override

from django.contrib.admin.options import IncorrectLookupParameters
from django.http import HttpRequest

# Unfold ships no types; its filters are Django's with other choices.
if TYPE_CHECKING:
    from django.contrib.admin import ChoicesFieldListFilter as ChoicesDropdownFilter
    from django.contrib.admin import DateFieldListFilter as RangeDateTimeFilter
    from django.contrib.admin import RelatedFieldListFilter as AutocompleteSelectFilter
    from django.contrib.admin import SimpleListFilter

    class DropdownFilter(SimpleListFilter):
        """Django's, for the checker."""

    class TextFilter(SimpleListFilter):
        """Django's, for the checker."""

else:
    from unfold.contrib.filters.admin import (
        AutocompleteSelectFilter,
        ChoicesDropdownFilter,
        DropdownFilter,
        RangeDateTimeFilter,
        TextFilter,
    )

__all__ = ["ChoicesDropdownFilter", "DropdownFilter", "RangeDateTimeFilter", "RelatedChoice", "TextFilter", "key_of"]


_MOST_DIGITS: Final = 18


def key_of(text: str) -> int | None:
    """The number of a row; None for what is none: SQLite has an error for one of more than 64 bits, no answer."""
    return int(text) if text.isdecimal() and len(text) <= _MOST_DIGITS else None


class RelatedChoice(AutocompleteSelectFilter):
    """By another row, which is found by typing; who may not see such rows could not search them."""

    def __init__(self, field: Any, request: HttpRequest, *args: Any, **kwargs: Any) -> None:
        super().__init__(field, request, *args, **kwargs)
        if any(key_of(value) is None for value in self.lookup_val or () if value):
            raise IncorrectLookupParameters

    @override
    def has_output(self) -> bool:
        options = self.field.related_model._meta  # type: ignore[union-attr]  # noqa: SLF001 - a relation has one
        return bool(self.request.user.has_perm(f"{options.app_label}.view_{options.model_name}"))
