"""The action that deletes what is selected, of every list: bounded, since all that hangs on a row goes along."""

from __future__ import annotations

from typing import Any, Final

from django.contrib import admin, messages
from django.contrib.admin.actions import delete_selected
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse

MOST_DELETED_AT_ONCE: Final = 100


@admin.action(permissions=["delete"], description=str(delete_selected.short_description))  # type: ignore[attr-defined]
def delete_few(page: Any, request: HttpRequest, rows: QuerySet[Any]) -> HttpResponse | None:
    """Django's own action for as many as one request can answer for; it would read all of them, and list them."""
    if len(rows.order_by().values_list("pk")[: MOST_DELETED_AT_ONCE + 1]) > MOST_DELETED_AT_ONCE:
        page.message_user(
            request,
            f"Nothing was deleted: at most {MOST_DELETED_AT_ONCE} {page.opts.verbose_name_plural} are deleted at a "
            "time, because all that belongs to them goes along. Select fewer, such as those of one page.",
            messages.ERROR,
        )
        return None
    return delete_selected(page, request, rows)


admin.site.add_action(delete_few, "delete_selected")
