"""The history of syncs and ticks, newest first."""

from __future__ import annotations

from typing import Any, Final

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils import timezone
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from netbox_hedgehog.admin.base import (
    BAD,
    DOUBTFUL,
    GOOD,
    NOTHING,
    ReadOnlyAdmin,
    as_yaml,
    badge,
    link_to,
    moment,
    preformatted,
    with_error,
)
from netbox_hedgehog.admin.resource import FabricFilter
from netbox_hedgehog.models import RunStatus, SchedulerRun, SyncRecord, SyncRun, TickStatus
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
class SyncRunAdmin(ReadOnlyAdmin[SyncRun]):
    """One row per finished sync."""

    list_display = ("started", "outcome", "fabric_link", "trigger", "changes", "took", "short_commit")
    list_display_links = ("started",)
    list_filter = ("status", "trigger", FabricFilter)
    list_select_related = ("fabric",)
    search_fields = ("fabric__name", "error_code")
    readonly_fields = ("fabric_link", "status_badge", "started", "took", "changes", "problem", "record_text")
    fieldsets = (
        (None, {"fields": ("fabric_link", "status_badge", "problem", "trigger", "started", "took", "worker")}),
        ("Result", {"fields": ("commit", "created", "updated", "deleted", "unchanged")}),
        ("What changed", {"fields": ("record_text",)}),
    )
    actions = ("compare",)

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
        lines = "\n".join(record_lines(difference.record))
        context = {
            **self.admin_site.each_context(request),
            "title": "What changed between two syncs",
            "fabric": runs[0].fabric,
            "difference": difference,
            "lines": preformatted(lines) if lines else "",
            "back": request.get_full_path(),
        }
        return TemplateResponse(request, "hedgehog/difference.html", context)

    @admin.display(description="started", ordering="started_at")
    def started(self, run: SyncRun) -> SafeString | str:
        return moment(run.started_at, timezone.now())

    @admin.display(description="fabric", ordering="fabric_id")
    def fabric_link(self, run: SyncRun) -> SafeString:
        return link_to(run.fabric)

    @admin.display(description="status", ordering="status")
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
        return preformatted("\n".join(record_lines(content))) if content else NOTHING

    @admin.display(description="took", ordering="duration_seconds")
    def took(self, run: SyncRun) -> str:
        return _seconds(run.duration_seconds)

    @admin.display(description="commit")
    def short_commit(self, run: SyncRun) -> str:
        return run.commit[:12] or NOTHING

    @admin.display(description="status", ordering="status")
    def outcome(self, run: SyncRun) -> SafeString:
        return with_error(self.status_badge(run), run.error_message)

    @admin.display(description="error")
    def problem(self, run: SyncRun) -> SafeString | str:
        """What went wrong, what to do, and the code that the documentation keys on."""
        parts = [text for text in (run.error_message, run.error_remedy, run.error_code) if text]
        if not parts:
            return NOTHING
        return format_html_join("", '<p class="hedgehog-text">{}</p>', ((text,) for text in parts))


@admin.register(SchedulerRun)
class SchedulerRunAdmin(ReadOnlyAdmin[SchedulerRun]):
    """One row per tick."""

    list_display = (
        "started",
        "status_badge",
        "reason",
        "fabrics_checked",
        "fabrics_due",
        "syncs_triggered",
        "skipped",
        "error_count",
        "took",
    )
    list_filter = ("status",)
    readonly_fields = ("started", "status_badge", "took", "skipped_yaml", "errors_yaml")
    fieldsets = (
        (None, {"fields": ("status_badge", "reason", "started", "took")}),
        ("Counts", {"fields": ("fabrics_checked", "fabrics_due", "syncs_triggered", "skipped_yaml")}),
        ("Errors", {"fields": ("errors_yaml",)}),
    )

    @admin.display(description="started", ordering="started_at")
    def started(self, run: SchedulerRun) -> SafeString | str:
        return moment(run.started_at, timezone.now())

    @admin.display(description="status", ordering="status")
    def status_badge(self, run: SchedulerRun) -> SafeString:
        return badge(run.status, run.get_status_display(), TICK_COLOURS)

    @admin.display(description="took", ordering="duration_seconds")
    def took(self, run: SchedulerRun) -> str:
        return _seconds(run.duration_seconds)

    @admin.display(description="skipped")
    def skipped(self, run: SchedulerRun) -> str:
        return ", ".join(f"{count} {_words(reason)}" for reason, count in _items(run.syncs_skipped)) or NOTHING

    @admin.display(description="errors")
    def error_count(self, run: SchedulerRun) -> str:
        return str(len(run.errors)) if run.errors else NOTHING

    @admin.display(description="skipped")
    def skipped_yaml(self, run: SchedulerRun) -> SafeString | str:
        return as_yaml({_words(reason): count for reason, count in _items(run.syncs_skipped)})

    @admin.display(description="errors")
    def errors_yaml(self, run: SchedulerRun) -> SafeString | str:
        return as_yaml(run.errors)


def _items(counts: Any) -> list[tuple[str, int]]:
    return sorted(counts.items()) if isinstance(counts, dict) else []


def _words(reason: str) -> str:
    return reason.replace("_", " ")


def _seconds(seconds: float) -> str:
    return f"{seconds:.2f}\N{NO-BREAK SPACE}s"
