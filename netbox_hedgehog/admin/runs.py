"""The history of syncs and ticks, newest first: millions of rows, which no page counts, sorts or walks through."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any, ClassVar, Final

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.template.loader import render_to_string
from django.template.response import TemplateResponse
from django.utils import timezone
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from netbox_hedgehog.admin.base import (
    BAD,
    DOUBTFUL,
    GOOD,
    NOTHING,
    badge,
    exact,
    link_to,
    link_to_list,
    moment,
    with_error,
)
from netbox_hedgehog.admin.code import as_changes
from netbox_hedgehog.admin.filters import ChoicesDropdownFilter, RelatedChoice
from netbox_hedgehog.admin.history import ErrorCodeFilter, HistoryAdmin, TimeFilter
from netbox_hedgehog.admin.problem import Problem
from netbox_hedgehog.models import HedgehogFabric, RunStatus, SchedulerRun, SyncRecord, SyncRun, TickStatus
from netbox_hedgehog.sync.history import HistoryError, between
from netbox_hedgehog.sync.record_text import record_lines

COMPARED: Final = 2
RUN_COLOURS: Final[dict[str, str]] = {
    RunStatus.SUCCEEDED: GOOD,
    RunStatus.UNCHANGED: GOOD,
    RunStatus.HELD: DOUBTFUL,
    RunStatus.LOST: DOUBTFUL,
    RunStatus.CANCELLED: DOUBTFUL,
    RunStatus.FAILED: BAD,
}
TICK_COLOURS: Final[dict[str, str]] = {TickStatus.COMPLETED: GOOD, TickStatus.PARTIAL: DOUBTFUL, TickStatus.FAILED: BAD}


@admin.register(SyncRun)
class SyncRunAdmin(HistoryAdmin[SyncRun]):
    """One row per finished sync."""

    list_display = ("started", "outcome", "fabric_link", "trigger", "changes", "took", "short_commit")
    list_display_links = ("started",)
    list_filter = (
        ("status", ChoicesDropdownFilter),
        ("trigger", ChoicesDropdownFilter),
        ("fabric", RelatedChoice),
        ErrorCodeFilter,
        ("started_at", TimeFilter),
    )
    list_select_related = ("fabric",)
    readonly_fields = ("fabric_link", "status_badge", "begun", "took", "changes", "problem", "record_text")
    fieldsets = (
        (None, {"fields": ("fabric_link", "status_badge", "problem", "trigger", "begun", "took", "worker")}),
        ("Result", {"fields": ("commit", "created", "updated", "deleted", "unchanged")}),
        ("What changed", {"fields": ("record_text",)}),
    )
    actions = ("compare",)
    when_empty = "No sync has ended yet."

    class Media:
        css: ClassVar[Any] = {"all": ("hedgehog/code.css",)}

    @admin.action(description="Show what changed between two", permissions=["view"])
    def compare(self, request: HttpRequest, queryset: QuerySet[SyncRun]) -> HttpResponse | None:
        """What the syncs after the older run up to the newer one changed."""
        runs = list(queryset.order_by("started_at", "pk").select_related("fabric")[:3])
        if len(runs) != COMPARED or runs[0].fabric_id != runs[1].fabric_id:
            self.message_user(request, "Choose two sync runs of one fabric.", messages.ERROR)
            return None
        try:
            difference = between(runs[0].fabric, runs[0].commit, runs[1].commit)
        except HistoryError as error:
            self.message_user(request, str(error), messages.ERROR)
            return None
        context = {
            **self.admin_site.each_context(request),
            "title": "What changed between two syncs",
            "fabric": runs[0].fabric,
            "difference": difference,
            "lines": as_changes(record_lines(difference.record)),
            "back": request.get_full_path(),
        }
        return TemplateResponse(request, "hedgehog/difference.html", context)

    @admin.display(description="started")
    def started(self, run: SyncRun) -> SafeString | str:
        return moment(run.started_at, timezone.now())

    @admin.display(description="started")
    def begun(self, run: SyncRun) -> SafeString:
        return _begun(run.started_at)

    @admin.display(description="fabric")
    def fabric_link(self, run: SyncRun) -> SafeString:
        return link_to(run.fabric)

    @admin.display(description="status")
    def status_badge(self, run: SyncRun) -> SafeString:
        return badge(run.status, run.get_status_display(), RUN_COLOURS)

    @admin.display(description="changes")
    def changes(self, run: SyncRun) -> SafeString | str:
        """Created, updated and deleted at a glance."""
        if not (run.created or run.updated or run.deleted):
            return NOTHING
        return format_html(
            '<span class="whitespace-nowrap" title="{} created, {} updated, {} deleted">+{} ~{} -{}</span>',
            run.created,
            run.updated,
            run.deleted,
            run.created,
            run.updated,
            run.deleted,
        )

    @admin.display(description="resources")
    def record_text(self, run: SyncRun) -> SafeString | str:
        """The record, read on this page only."""
        content = SyncRecord.objects.filter(run=run).values_list("content", flat=True).first()
        return as_changes(record_lines(content)) if content else NOTHING

    @admin.display(description="took")
    def took(self, run: SyncRun) -> str:
        return _seconds(run.duration_seconds)

    @admin.display(description="commit")
    def short_commit(self, run: SyncRun) -> str:
        return run.commit[:12] or NOTHING

    @admin.display(description="status")
    def outcome(self, run: SyncRun) -> SafeString:
        return with_error(self.status_badge(run), run.error_message)

    @admin.display(description="error")
    def problem(self, run: SyncRun) -> SafeString | str:
        """What went wrong, what to do, and the code that the documentation keys on."""
        if not (run.error_message or run.error_code):
            return NOTHING
        problem = Problem(run.error_code, run.error_message, run.error_remedy)
        note = render_to_string("hedgehog/error_note.html", {"problem": problem})
        alike = link_to_list(SyncRun, "All sync runs that ended so", error_code=run.error_code)
        return format_html("{}{}", note, alike) if run.error_code else note


@admin.register(SchedulerRun)
class SchedulerRunAdmin(HistoryAdmin[SchedulerRun]):
    """One row per tick."""

    list_display = (
        "started",
        "status_badge",
        "because",
        "fabrics_checked",
        "fabrics_due",
        "syncs_triggered",
        "skipped",
        "error_count",
        "took",
    )
    list_filter = (("status", ChoicesDropdownFilter), ("started_at", TimeFilter))
    when_empty = "No tick has run yet; “Sync schedule” says why."
    readonly_fields = ("begun", "status_badge", "because", "took", "skipped_in_words", "error_list", "cost")
    fieldsets = (
        (None, {"fields": ("status_badge", "because", "begun", "took")}),
        ("Counts", {"fields": ("fabrics_checked", "fabrics_due", "syncs_triggered", "skipped_in_words")}),
        ("Errors", {"fields": ("error_list",)}),
        ("What it cost", {"fields": ("cost",)}),
    )

    @admin.display(description="started")
    def started(self, run: SchedulerRun) -> SafeString | str:
        return moment(run.started_at, timezone.now())

    @admin.display(description="started")
    def begun(self, run: SchedulerRun) -> SafeString:
        return _begun(run.started_at)

    @admin.display(description="status")
    def status_badge(self, run: SchedulerRun) -> SafeString:
        return badge(run.status, run.get_status_display(), TICK_COLOURS)

    @admin.display(description="took")
    def took(self, run: SchedulerRun) -> str:
        return _seconds(run.duration_seconds)

    @admin.display(description="skipped")
    def skipped(self, run: SchedulerRun) -> str:
        return ", ".join(f"{count} {_words(reason)}" for reason, count in _items(run.syncs_skipped)) or NOTHING

    @admin.display(description="errors")
    def error_count(self, run: SchedulerRun) -> str:
        return str(len(run.errors)) if run.errors else NOTHING

    @admin.display(description="reason")
    def because(self, run: SchedulerRun) -> str:
        return _words(run.reason) or NOTHING

    @admin.display(description="skipped")
    def skipped_in_words(self, run: SchedulerRun) -> SafeString | str:
        return _lines(
            (f"{count:,} {_SKIPPED.get(reason, _words(reason))}") for reason, count in _items(run.syncs_skipped)
        )

    @admin.display(description="errors")
    def error_list(self, run: SchedulerRun) -> SafeString | str:
        """Each with its fabric, which may have been deleted since."""
        errors = [error for error in run.errors if isinstance(error, dict)]
        fabrics = HedgehogFabric.objects.only("name").in_bulk([error.get("fabric_id", 0) for error in errors])
        return _lines(_error(error, fabrics.get(error.get("fabric_id", 0))) for error in errors)

    @admin.display(description="measured")
    def cost(self, run: SchedulerRun) -> SafeString | str:
        return _lines(_measured(name, value) for name, value in _items(run.resources))


_UNITS: Final = {"seconds": "s", "mib": "MiB"}
_SKIPPED: Final = {
    "claimed": "whose sync is queued or running",
    "backing_off": "that wait after a failure",
    "no_source": "without a repository",
    "left_for_next_tick": "left for the next tick",
    "errors_not_listed": "errors more than are listed",
}


def _error(error: dict[str, Any], fabric: HedgehogFabric | None) -> SafeString:
    name = link_to(fabric) if fabric else error.get("fabric", "")
    return format_html("{} <code>{}</code> {}", name, error.get("code", ""), error.get("message", ""))


def _lines(texts: Iterable[object]) -> SafeString | str:
    return format_html_join("", '<p class="hedgehog-text">{}</p>', ((text,) for text in texts)) or NOTHING


def _items(counts: Any) -> list[tuple[str, int]]:
    return sorted(counts.items()) if isinstance(counts, dict) else []


def _begun(when: datetime) -> SafeString:
    """Also for who has no mouse to hover with."""
    return format_html("{} ({})", moment(when, timezone.now()), exact(when))


def _measured(name: str, value: float) -> str:
    """``peak_memory_mib`` and 114.1 as ``peak memory: 114.1 MiB``."""
    what, _, unit = name.rpartition("_")
    return f"{_words(what)}: {value}\N{NO-BREAK SPACE}{_UNITS[unit]}" if unit in _UNITS else f"{_words(name)}: {value}"


def _words(reason: str) -> str:
    return reason.replace("_", " ")


def _seconds(seconds: float) -> str:
    return f"{seconds:.2f}\N{NO-BREAK SPACE}s"
