"""Fabrics: edit what the operator sets, show what the machine wrote, act on many."""

from __future__ import annotations

from typing import Any, Final, cast, override

from celery.result import denied_join_result
from django.contrib import admin, messages
from django.contrib.admin.models import CHANGE, LogEntry
from django.db.models import Q, QuerySet, TextField
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import URLPattern, reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString

from netbox_hedgehog import tasks
from netbox_hedgehog.admin.base import (
    BAD,
    BUSY,
    DOUBTFUL,
    GOOD,
    NOTHING,
    PageAdmin,
    badge,
    duration,
    link_to,
    link_to_list,
    moment,
    with_error,
)
from netbox_hedgehog.admin.preview import preview_urls
from netbox_hedgehog.admin.problem import problem_of
from netbox_hedgehog.admin.progress import progress_context, progress_urls
from netbox_hedgehog.admin.schema import state_of
from netbox_hedgehog.admin.widgets import FewLines
from netbox_hedgehog.models import (
    Activity,
    FabricFinding,
    FabricResource,
    FabricStatus,
    HedgehogFabric,
    HeldChange,
    SchemaMode,
    SyncRun,
    SyncStatus,
)
from netbox_hedgehog.scheduling.cancel import cancel
from netbox_hedgehog.scheduling.due import is_claimed, next_due_at
from netbox_hedgehog.scheduling.manual import request_syncs

# A request must answer in time; the schedule is the way to sync more than these.
MOST_SYNCS_AT_ONCE: Final = 500


STATUS_COLOURS: Final[dict[str, str]] = {
    FabricStatus.ACTIVE: GOOD,
    FabricStatus.MAINTENANCE: DOUBTFUL,
    FabricStatus.DECOMMISSIONED: BAD,
}
SYNC_COLOURS: Final[dict[str, str]] = {SyncStatus.IN_SYNC: GOOD, SyncStatus.HELD: DOUBTFUL, SyncStatus.ERROR: BAD}
ACTIVITY_COLOURS: Final[dict[str, str]] = {Activity.QUEUED: BUSY, Activity.SYNCING: BUSY}


class ActivityFilter(admin.SimpleListFilter):
    """Filter by what the claim says at this moment."""

    title = "activity"
    parameter_name = "activity"

    @override
    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [(choice.value, str(choice.label)) for choice in Activity]

    @override
    def queryset(self, request: HttpRequest, queryset: QuerySet[HedgehogFabric]) -> QuerySet[HedgehogFabric]:
        claimed = is_claimed(timezone.now())
        match self.value():
            case Activity.IDLE:
                return queryset.exclude(claimed)
            case Activity.QUEUED:
                return queryset.filter(claimed, claim_started_at=None)
            case Activity.SYNCING:
                return queryset.filter(claimed, claim_started_at__isnull=False)
        return queryset


@admin.register(HedgehogFabric)
class FabricAdmin(PageAdmin[HedgehogFabric]):
    """The machine's columns are shown, never part of the form, and never written by a save."""

    list_display = (
        "name",
        "outcome",
        "activity_badge",
        "status_badge",
        "enabled",
        "interval",
        "last_synced",
        "next_due",
        "resource_count",
    )
    list_filter = ("status", "sync_enabled", "sync_status", ActivityFilter)
    list_select_related = ("git_repository",)
    search_fields = ("name", "description", "git_repository__name")
    autocomplete_fields = ("git_repository", "schema_source")
    actions = ("sync_now", "clear_back_off", "cancel_sync", "enable", "disable")
    formfield_overrides = {TextField: {"widget": FewLines}}
    change_form_outer_before_template = "hedgehog/fabric_state.html"
    readonly_fields = (
        "sync_badge",
        "activity_badge",
        "last_synced",
        "next_due",
        "resources",
        "findings",
        "definitions",
        "desired_state_commit",
        "consecutive_failures",
        "waits_until",
        "claim",
        "history",
    )
    settings_fields = (
        (None, {"fields": ("name", "description", "status")}),
        ("Source", {"fields": ("git_repository", "gitops_directory")}),
        ("Schedule", {"fields": ("sync_enabled", "sync_interval")}),
        (
            "Manifests",
            {"fields": ("default_namespace", "foreign_documents", "schema_source", "schema_mode")},
        ),
        (
            "Changes without approval",
            {
                "fields": (
                    "budget_deletions",
                    "budget_deletions_percent",
                    "budget_changes",
                    "budget_changes_percent",
                    "budget_by_kind",
                ),
                "description": "A sync beyond these is held until somebody approves it. Empty: as the settings say.",
            },
        ),
    )
    state_fields = (
        "State",
        {"fields": readonly_fields, "description": "Written by the syncs; saving this form leaves it alone."},
    )

    @override
    def get_fieldsets(self, request: HttpRequest, obj: HedgehogFabric | None = None) -> Any:
        """A fabric that does not exist yet has no state."""
        return (*self.settings_fields, self.state_fields) if obj else self.settings_fields

    @override
    def render_change_form(self, request: HttpRequest, context: dict[str, Any], *args: Any, **kwargs: Any) -> Any:
        """Put the last error with its remedy above the form."""
        fabric = context.get("original")
        if isinstance(fabric, HedgehogFabric):
            context["problem"] = problem_of(fabric.sync_error)
            context["held"] = HeldChange.objects.filter(fabric=fabric).defer("record").first()
            context |= progress_context(fabric, timezone.now())
            context["backing_off"] = bool(fabric.retry_at and fabric.retry_at > timezone.now())
        return super().render_change_form(request, context, *args, **kwargs)

    @override
    def get_urls(self) -> list[URLPattern]:
        return [*preview_urls(self.admin_site), *progress_urls(self.admin_site), *super().get_urls()]

    @override
    def goes_along(self, rows: list[HedgehogFabric]) -> dict[str, int]:
        """Counted: a fabric may have thousands of resources and runs."""
        return super().goes_along(rows) | {
            "resources": FabricResource.objects.filter(fabric__in=rows).count(),
            "sync runs": SyncRun.objects.filter(fabric__in=rows).count(),
        }

    # --- Columns

    @admin.display(description="status", ordering="status")
    def status_badge(self, fabric: HedgehogFabric) -> SafeString:
        return badge(fabric.status, fabric.get_status_display(), STATUS_COLOURS)

    @admin.display(description="sync status", ordering="sync_status")
    def sync_badge(self, fabric: HedgehogFabric) -> SafeString:
        return badge(fabric.sync_status, fabric.get_sync_status_display(), SYNC_COLOURS)

    @admin.display(description="activity")
    def activity_badge(self, fabric: HedgehogFabric) -> SafeString:
        activity = fabric.activity(timezone.now())
        return badge(activity, activity.label, ACTIVITY_COLOURS)

    @admin.display(description="enabled", ordering="sync_enabled", boolean=True)
    def enabled(self, fabric: HedgehogFabric) -> bool:
        return fabric.sync_enabled

    @admin.display(description="interval", ordering="sync_interval")
    def interval(self, fabric: HedgehogFabric) -> str:
        return duration(fabric.sync_interval) if fabric.sync_interval > 0 else "never"

    @admin.display(description="last sync", ordering="last_sync")
    def last_synced(self, fabric: HedgehogFabric) -> SafeString | str:
        return moment(fabric.last_sync, timezone.now()) if fabric.last_sync else "never"

    @admin.display(description="next due", ordering="due_at")
    def next_due(self, fabric: HedgehogFabric) -> SafeString | str:
        """When the schedule looks at it next; nothing if it never does."""
        if fabric.due_at is None:
            return NOTHING
        if fabric.git_repository is None or not fabric.git_repository.url:
            return "no repository"
        now = timezone.now()
        following = next_due_at(fabric)
        if following is None:
            return NOTHING
        return "now" if following <= now else moment(following, now)

    @admin.display(description="sync status", ordering="sync_status")
    def outcome(self, fabric: HedgehogFabric) -> SafeString:
        """The label, with the last error under it: a column of its own would be empty in most rows."""
        problem = problem_of(fabric.sync_error)
        return with_error(self.sync_badge(fabric), problem.message if problem else "")

    @admin.display(description="resources")
    def resources(self, fabric: HedgehogFabric) -> SafeString:
        return link_to_list(FabricResource, f"{fabric.resource_count} resources", fabric__id__exact=fabric.pk)

    @admin.display(description="findings")
    def findings(self, fabric: HedgehogFabric) -> SafeString:
        count = fabric.findings.count()
        return link_to_list(FabricFinding, f"{count} findings", fabric__id__exact=fabric.pk)

    @admin.display(description="definitions")
    def definitions(self, fabric: HedgehogFabric) -> SafeString | str:
        """Here, too: a fabric that only warns is silently not checked while they are unusable."""
        source = fabric.schema_source
        if source is None or fabric.schema_mode == SchemaMode.OFF:
            return NOTHING
        return format_html("{} {}", link_to(source), state_of(source))

    @admin.display(description="backs off until")
    def waits_until(self, fabric: HedgehogFabric) -> SafeString | str:
        return moment(fabric.retry_at, timezone.now())

    @admin.display(description="claim")
    def claim(self, fabric: HedgehogFabric) -> SafeString | str:
        """Who holds the fabric, in words."""
        now = timezone.now()
        activity = fabric.activity(now)
        if activity == Activity.IDLE:
            return NOTHING
        since = fabric.claim_started_at or fabric.claimed_at or now
        words = f"{activity.label} since {duration((now - since).total_seconds())}"
        if fabric.claim_trigger:
            words += f", asked for by {fabric.get_claim_trigger_display()}"
        return f"{words}, on {fabric.claim_worker}" if fabric.claim_worker else words

    @admin.display(description="history")
    def history(self, fabric: HedgehogFabric) -> SafeString:
        return link_to_list(SyncRun, "Sync runs", fabric__id__exact=fabric.pk)

    # --- Actions

    @admin.action(description="Sync now", permissions=["change"])
    def sync_now(self, request: HttpRequest, queryset: QuerySet[HedgehogFabric]) -> HttpResponse | None:
        """Queue a sync of each, due or not."""
        chosen = list(queryset.order_by("pk").values_list("pk", "name")[: MOST_SYNCS_AT_ONCE + 1])
        with denied_join_result():  # nobody waits here: a subscription to each result would need its store, and stay
            result = request_syncs(chosen[:MOST_SYNCS_AT_ONCE], timezone.now(), tasks.git_sync_fabric.delay)
        self._log(request, result.queued, "Sync requested.")
        if result.queued:
            self.message_user(request, f"{_fabrics(len(result.queued))} queued for a sync.", messages.SUCCESS)
        if result.busy:
            self.message_user(request, f"{_fabrics(result.busy)} already queued or syncing.", messages.WARNING)
        if result.problem:
            self.message_user(request, result.problem, messages.ERROR)
        if len(chosen) > MOST_SYNCS_AT_ONCE:
            self.message_user(
                request, f"Only the first {MOST_SYNCS_AT_ONCE} of the selection were asked for.", messages.WARNING
            )
        return _back(request)

    @admin.action(description="Cancel sync", permissions=["change"])
    def cancel_sync(self, request: HttpRequest, queryset: QuerySet[HedgehogFabric]) -> HttpResponse | None:
        """End the syncs that are queued or running; nothing of them is written."""
        now = timezone.now()
        claimed = list(queryset.filter(is_claimed(now)).values_list("pk", flat=True))
        ids = [pk for pk in claimed if cancel(pk, request.user.get_username(), now)]
        self._log(request, ids, "Sync cancelled.")
        if ids:
            self.message_user(request, f"The sync of {_fabrics(len(ids))} cancelled.", messages.SUCCESS)
        else:
            self.message_user(request, "No sync is queued or running.", messages.WARNING)
        return _back(request)

    @admin.action(description="Clear back-off", permissions=["change"])
    def clear_back_off(self, request: HttpRequest, queryset: QuerySet[HedgehogFabric]) -> HttpResponse | None:
        """Let the schedule try failed fabrics again at its next tick."""
        waiting = Q(retry_at__isnull=False) | Q(consecutive_failures__gt=0)
        ids = list(queryset.filter(waiting).values_list("pk", flat=True))
        HedgehogFabric.objects.filter(pk__in=ids).update(retry_at=None, consecutive_failures=0)
        self._log(request, ids, "Back-off cleared.")
        self.message_user(request, f"Back-off cleared for {_fabrics(len(ids))}.", messages.SUCCESS)
        return _back(request)

    @admin.action(description="Enable", permissions=["change"])
    def enable(self, request: HttpRequest, queryset: QuerySet[HedgehogFabric]) -> HttpResponse | None:
        """Let the schedule sync them."""
        return self._switch(request, queryset, enabled=True)

    @admin.action(description="Disable", permissions=["change"])
    def disable(self, request: HttpRequest, queryset: QuerySet[HedgehogFabric]) -> HttpResponse | None:
        """Keep the schedule from syncing them."""
        return self._switch(request, queryset, enabled=False)

    def _switch(
        self, request: HttpRequest, queryset: QuerySet[HedgehogFabric], *, enabled: bool
    ) -> HttpResponse | None:
        ids = list(queryset.filter(sync_enabled=not enabled).values_list("pk", flat=True))
        HedgehogFabric.objects.filter(pk__in=ids).update(sync_enabled=enabled)
        word = "enabled" if enabled else "disabled"
        self._log(request, ids, f"Sync {word} (was {'disabled' if enabled else 'enabled'}).")
        self.message_user(request, f"Sync {word} for {_fabrics(len(ids))}.", messages.SUCCESS)
        return _back(request)

    def _log(self, request: HttpRequest, fabric_ids: list[int], message: str) -> None:
        fabrics = HedgehogFabric.objects.filter(pk__in=fabric_ids).only("pk", "name")
        LogEntry.objects.log_actions(cast("int", request.user.pk), fabrics, CHANGE, message)


def _fabrics(count: int) -> str:
    return f"{count} fabric" if count == 1 else f"{count:,} fabrics"


def _back(request: HttpRequest) -> HttpResponse | None:
    """To the fabric's own page if the action was asked for there, else to the list."""
    page = request.POST.get("from_page_of", "")
    return HttpResponseRedirect(reverse("admin:netbox_hedgehog_hedgehogfabric_change", args=[page])) if page else None
