"""What the pages share: the base classes, and how moments, durations and states look."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, ClassVar, Final, override

from django.contrib.admin.utils import quote
from django.core.paginator import Paginator
from django.db.models import Model, QuerySet
from django.forms import ModelForm
from django.http import HttpRequest
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils import formats, timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString

from netbox_hedgehog.admin.audit import changes_in_words
from netbox_hedgehog.admin.counting import BoundedPaginator

# Unfold ships no types; its classes are Django's as far as a reader of this code can tell.
if TYPE_CHECKING:
    from django.contrib.admin import ModelAdmin
else:
    from unfold.admin import ModelAdmin as UnfoldModelAdmin

    class ModelAdmin(UnfoldModelAdmin):
        """Unfold's, subscriptable with its model as the type checker wants it."""

        when_empty = "There is none."
        """What an empty list says."""

        def __class_getitem__(cls, _model: Any) -> Any:
            return cls


__all__ = ["ModelAdmin", "PageAdmin", "ReadOnlyAdmin"]

NOTHING: Final = "-"

ROWS_NAMED: Final = 20

_UNITS: Final = ((86_400, "d"), (3600, "h"), (60, "min"), (1, "s"))

GOOD: Final = "success"
BAD: Final = "danger"
DOUBTFUL: Final = "warning"
BUSY: Final = "info"


class PageAdmin[M: Model](ModelAdmin[M]):
    """An editable page that writes the columns its user changed, and no other."""

    list_per_page = 50
    paginator: ClassVar[type[Paginator[Any]]] = BoundedPaginator
    show_full_result_count = False

    @override
    def save_model(self, request: HttpRequest, obj: M, form: ModelForm[M], change: bool) -> None:
        """Save ``obj``; a row that exists may have been written by a worker since it was loaded."""
        if change:
            obj.save(update_fields=self.changed_columns(form))
        else:
            obj.save()

    @override
    def construct_change_message(self, request: HttpRequest, form: Any, formsets: Any, add: bool = False) -> Any:
        """What the history keeps of a save: old and new values, not only names."""
        return super().construct_change_message(request, form, formsets, add) if add else changes_in_words(form)

    def changed_columns(self, form: ModelForm[M]) -> list[str]:
        """The names of the model's fields that the user changed."""
        columns = {field.name for field in self.opts.concrete_fields}
        return [name for name in form.changed_data if name in columns]

    @override
    def get_deleted_objects(
        self, objs: Sequence[M] | QuerySet[M], request: HttpRequest
    ) -> tuple[list[Any], dict[str, int], set[str], list[Any]]:
        """What a confirmation shows: names, counts, missing permissions, and what forbids the deletion.

        Django's own lists every row that goes along, and takes the read-only pages of those for a veto.
        """
        rows = list(objs)
        lacking = set() if self.has_delete_permission(request) else {str(self.opts.verbose_name)}
        return first_of(rows, self.named_for_deletion), self.goes_along(rows), lacking, self.in_the_way(rows)

    def named_for_deletion(self, row: M) -> str:
        """``row``, and what would be missed without it."""
        return str(row)

    def goes_along(self, rows: list[M]) -> dict[str, int]:
        """How many rows of which kind are deleted with ``rows``, these included."""
        return {str(self.opts.verbose_name_plural): len(rows)}

    def in_the_way(self, rows: list[M]) -> list[Any]:  # noqa: ARG002 - for the pages that have something
        """What must be changed before ``rows`` can be deleted, as sentences for the operator."""
        return []


class ReadOnlyAdmin[M: Model](ModelAdmin[M]):
    """A page of what the machine wrote: nobody adds, changes or deletes here."""

    list_per_page = 50
    paginator: ClassVar[type[Paginator[Any]]] = BoundedPaginator
    show_full_result_count = False
    actions: Sequence[str] | None = None
    logs_decisions = False
    """Whether people do something here that the log keeps: without it there is no history to offer."""

    @override
    def render_change_form(self, request: HttpRequest, context: dict[str, Any], *args: Any, **kwargs: Any) -> Any:
        """With Unfold's "History" button only where it leads to something."""
        context["show_history"] = self.logs_decisions
        return super().render_change_form(request, context, *args, **kwargs)

    @override
    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    @override
    def has_change_permission(self, request: HttpRequest, obj: M | None = None) -> bool:
        return False

    @override
    def has_delete_permission(self, request: HttpRequest, obj: M | None = None) -> bool:
        return False


def badge(value: str, text: object, colours: Mapping[str, str]) -> SafeString:
    """``text`` as a label in the colour of ``value``; the same in lists and on pages."""
    return render_to_string("unfold/helpers/label.html", {"type": colours.get(value, ""), "text": text})


def with_error(label: SafeString, error: str) -> SafeString:
    """``label`` with the beginning of ``error`` under it: a column of its own would be empty in most rows."""
    return format_html('{}<div class="mt-1 text-xs">{}</div>', label, shortened(error, 45)) if error else label


def duration(seconds: float) -> str:
    """``seconds`` in its two largest units: ``1 h 30 min``."""
    rest = round(abs(seconds))
    parts: list[str] = []
    for size, unit in _UNITS:
        count, rest = divmod(rest, size)
        if count:
            parts.append(f"{count} {unit}")
        elif parts:
            break
    return " ".join(parts[:2]) or "0 s"


def moment(when: datetime | None, now: datetime) -> SafeString | str:
    """``when`` as seen from ``now``, with the exact time on hover."""
    if when is None:
        return NOTHING
    apart = when - now
    if abs(apart) < timedelta(seconds=1):
        words = "now"
    elif apart > timedelta(0):
        words = f"in {_roughly(apart)}"
    else:
        words = f"{_roughly(apart)} ago"
    return format_html(
        '<time class="whitespace-nowrap" datetime="{}" title="{}">{}</time>', when.isoformat(), exact(when), words
    )


def exact(when: datetime) -> str:
    """``when`` to the second, with its zone."""
    return f"{formats.date_format(timezone.localtime(when), 'Y-m-d H:i:s')} {timezone.get_current_timezone_name()}"


def _roughly(apart: timedelta) -> str:
    """The largest unit alone: nobody needs the seconds of an hour."""
    text = duration(apart.total_seconds()).split(" ")
    return " ".join(text[:2])


def first_of[T](rows: Sequence[T], show: Callable[[T], Any]) -> list[Any]:
    """The first rows as ``show`` has them, and how many more there are."""
    shown = [show(row) for row in rows[:ROWS_NAMED]]
    return [*shown, f"and {len(rows) - ROWS_NAMED} more"] if len(rows) > ROWS_NAMED else shown


def shortened(text: str, length: int) -> SafeString | str:
    """The beginning of ``text`` on one line, the whole on hover."""
    if not text:
        return NOTHING
    short = text if len(text) <= length else f"{text[: length - 1].rstrip(' .,')}…"
    return format_html('<span class="whitespace-nowrap" title="{}">{}</span>', text, short)


def link_to(obj: Model, text: str = "") -> SafeString:
    """A link to the page of ``obj``."""
    address = reverse(_route(type(obj), "change"), args=[quote(obj.pk)])
    return format_html('<a class="text-link whitespace-nowrap" href="{}">{}</a>', address, text or str(obj))


def link_to_list(model: type[Model], text: str, **filters: object) -> SafeString:
    """A link to the list of ``model`` with ``filters`` applied."""
    address = reverse(_route(model, "changelist"), query=filters)
    return format_html('<a class="text-link" href="{}">{}</a>', address, text)


def _route(model: type[Model], page: str) -> str:
    options = model._meta  # noqa: SLF001 - public by documentation
    return f"admin:{options.app_label}_{options.model_name}_{page}"


def preformatted(text: str) -> SafeString:
    """``text`` as it is, escaped, in a box that scrolls by itself."""
    return format_html(
        '<pre class="bg-base-50 border border-base-200 overflow-x-auto p-3 rounded-default text-xs '
        'dark:bg-white/[.04] dark:border-base-700">{}</pre>',
        text,
    )
