"""Held changes: see what a commit would do, then approve or reject that one commit."""

from __future__ import annotations

from typing import Any, ClassVar, Final, cast, override

from celery.result import denied_join_result
from django.contrib import admin, messages
from django.contrib.admin.models import CHANGE, LogEntry
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html_join
from django.utils.safestring import SafeString

from netbox_hedgehog import tasks
from netbox_hedgehog.admin.base import BAD, DOUBTFUL, GOOD, ReadOnlyAdmin, badge, link_to, moment
from netbox_hedgehog.admin.code import as_changes
from netbox_hedgehog.admin.filters import ChoicesDropdownFilter, RelatedChoice
from netbox_hedgehog.admin.rights import MAY_DECIDE
from netbox_hedgehog.models import Decision, HedgehogFabric, HeldChange
from netbox_hedgehog.scheduling.manual import request_syncs
from netbox_hedgehog.sync.held import decide
from netbox_hedgehog.sync.record_text import record_lines

DECISION_COLOURS: Final[dict[str, str]] = {
    Decision.PENDING: DOUBTFUL,
    Decision.APPROVED: GOOD,
    Decision.REJECTED: BAD,
}


@admin.register(HeldChange)
class HeldChangeAdmin(ReadOnlyAdmin[HeldChange]):
    """A row is one commit: one that was superseded since the page was opened cannot be decided by mistake."""

    list_display = ("fabric_link", "change", "decision_badge", "sizes", "since")
    list_display_links = ("change",)
    list_filter = (("decision", ChoicesDropdownFilter), ("fabric", RelatedChoice))
    list_filter_submit = True
    show_facets = admin.ShowFacets.NEVER  # a count of the fleet for each choice
    list_select_related = ("fabric",)
    search_fields = ("fabric__name", "commit")
    search_help_text = "Fabric or commit"
    when_empty = "No change is held: what the syncs found was within the budgets of their fabrics."
    actions = ("approve", "reject")
    logs_decisions = True
    change_form_outer_before_template = "hedgehog/held_decision.html"
    readonly_fields = ("fabric_link", "decision_badge", "since", "why", "sizes", "diff")
    fieldsets = (
        (None, {"fields": ("fabric_link", "commit", "since", "why", "decision_badge", "decided_by", "decided_at")}),
        ("What it would change", {"fields": ("sizes", "diff")}),
    )

    class Media:
        css: ClassVar[Any] = {"all": ("hedgehog/code.css",)}

    @override
    def get_queryset(self, request: HttpRequest) -> QuerySet[HeldChange]:
        """Without the record, which only the detail page reads."""
        return super().get_queryset(request).defer("record")

    def has_decide_permission(self, request: HttpRequest) -> bool:
        """Whoever may change held changes; the page itself edits nothing."""
        return request.user.has_perm(MAY_DECIDE)

    @override
    def render_change_form(self, request: HttpRequest, context: dict[str, Any], *args: Any, **kwargs: Any) -> Any:
        context["may_decide"] = self.has_decide_permission(request)
        return super().render_change_form(request, context, *args, **kwargs)

    @admin.display(description="fabric", ordering="fabric_id")
    def fabric_link(self, held: HeldChange) -> SafeString:
        return link_to(held.fabric)

    @admin.display(description="commit")
    def change(self, held: HeldChange) -> str:
        return held.commit[:12]

    @admin.display(description="decision", ordering="decision")
    def decision_badge(self, held: HeldChange) -> SafeString:
        return badge(held.decision, held.get_decision_display(), DECISION_COLOURS)

    @admin.display(description="held", ordering="held_at")
    def since(self, held: HeldChange) -> SafeString | str:
        return moment(held.held_at, timezone.now())

    @admin.display(description="changes")
    def sizes(self, held: HeldChange) -> str:
        return f"{held.created:,} created, {held.updated:,} updated, {held.deleted:,} deleted"

    @admin.display(description="why it is held")
    def why(self, held: HeldChange) -> SafeString:
        return format_html_join("", '<p class="hedgehog-text">{}</p>', ((reason,) for reason in held.reasons))

    @admin.display(description="resources")
    def diff(self, held: HeldChange) -> SafeString:
        return as_changes(record_lines(held.record))

    @admin.action(description="Approve", permissions=["decide"])
    def approve(self, request: HttpRequest, queryset: QuerySet[HeldChange]) -> HttpResponse:
        """Let exactly these commits be applied, now."""
        fabrics = self._decide(request, queryset, Decision.APPROVED)
        with denied_join_result():
            result = request_syncs(
                ((each.pk, each.name) for each in fabrics), timezone.now(), tasks.git_sync_fabric.delay
            )
        if result.problem:
            self.message_user(request, result.problem, messages.ERROR)
        return _back(request)

    @admin.action(description="Reject", permissions=["decide"])
    def reject(self, request: HttpRequest, queryset: QuerySet[HeldChange]) -> HttpResponse:
        """Keep them out until another commit comes."""
        self._decide(request, queryset, Decision.REJECTED)
        return _back(request)

    def _decide(self, request: HttpRequest, queryset: QuerySet[HeldChange], decision: Decision) -> list[HedgehogFabric]:
        decided = []
        for held in queryset.select_related("fabric"):
            if decide(held.pk, decision, request.user.get_username(), timezone.now()) is None:
                continue
            decided.append(held.fabric)
            message = f"Held change of commit {held.commit} {decision.label}."
            user = cast("int", request.user.pk)
            LogEntry.objects.log_actions(user, [held], CHANGE, message, single_object=True)
            LogEntry.objects.log_actions(user, [held.fabric], CHANGE, message, single_object=True)
            self.message_user(request, f"{held} {decision.label}.", messages.SUCCESS)
        if not decided:
            self.message_user(
                request, "Nothing was decided: the change is held no more, or another came.", messages.WARNING
            )
        return decided


def _back(request: HttpRequest) -> HttpResponse:
    """To the page of the fabric if it was decided there, else to the list."""
    page = request.POST.get("from_page_of", "")
    if page:
        return HttpResponseRedirect(reverse("admin:netbox_hedgehog_hedgehogfabric_change", args=[page]))
    return HttpResponseRedirect(reverse("admin:netbox_hedgehog_heldchange_changelist"))
