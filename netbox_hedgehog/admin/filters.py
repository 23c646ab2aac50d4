"""Unfold's filters, typed, and one of ours that several lists share."""

from __future__ import annotations

from typing import TYPE_CHECKING, override

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

__all__ = ["ChoicesDropdownFilter", "DropdownFilter", "RangeDateTimeFilter", "RelatedChoice", "TextFilter"]


class RelatedChoice(AutocompleteSelectFilter):
    """By another row, which is found by typing; who may not see such rows could not search them."""

    @override
    def has_output(self) -> bool:
        options = self.field.related_model._meta  # type: ignore[union-attr]  # noqa: SLF001 - a relation has one
        return bool(self.request.user.has_perm(f"{options.app_label}.view_{options.model_name}"))
