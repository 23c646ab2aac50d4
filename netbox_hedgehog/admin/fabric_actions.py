"""What an operator does with many fabrics at once: bounded, logged, and said in words."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, Final, NamedTuple, cast

from celery.result import denied_join_result
from django import forms
from django.contrib import admin, messages
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.contrib.admin.models import CHANGE, LogEntry
from django.contrib.contenttypes.models import ContentType
from django.db.models import F, Q, QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils import timezone

from netbox_hedgehog import tasks
from netbox_hedgehog.admin.base import PageAdmin
from netbox_hedgehog.admin.fabric_look import every
from netbox_hedgehog.admin.rights import MAY_SYNC
from netbox_hedgehog.admin.widgets import UnfoldInteger
from netbox_hedgehog.models import HedgehogFabric
from netbox_hedgehog.scheduling.among import Among
from netbox_hedgehog.scheduling.cancel import cancel
from netbox_hedgehog.scheduling.due import is_claimed
from netbox_hedgehog.scheduling.manual import request_syncs

# A request must answer in time. A sync costs a transaction and a message of its own; the schedule is the way to more.
MOST_SYNCS_AT_ONCE: Final = 500
# A changed column costs little, but each fabric has a line of its own in the history.
MOST_CHANGES_AT_ONCE: Final = 10_000
# Each costs a connection to a Git server; the page asks for one after the other.
MOST_PREVIEWS_AT_ONCE: Final = 25


class Chosen(NamedTuple):
    """What the actions need of a fabric."""

    pk: int
    name: str
    sync_interval: int


class IntervalForm(forms.ModelForm):  # type: ignore[type-arg]
    """The bounds are the model's."""

    class Meta:
        model = HedgehogFabric
        fields = ("sync_interval",)
        widgets = {"sync_interval": UnfoldInteger}


class FabricActions(PageAdmin[HedgehogFabric]):
    """The actions of the list, which are the buttons of a fabric's page as well."""

    actions = ("sync_now", "cancel_sync", "dry_run", "enable", "disable", "set_interval", "clear_back_off")

    def has_sync_permission(self, request: HttpRequest) -> bool:
        """Whoever may operate the fabrics."""
        return request.user.has_perm(MAY_SYNC)

    @admin.action(description="Sync now", permissions=["sync"])
    def sync_now(self, request: HttpRequest, queryset: QuerySet[HedgehogFabric]) -> HttpResponse | None:
        """Queue a sync of each that is free, due or not; first those whose last sync is longest ago."""
        now = timezone.now()
        busy = queryset.filter(is_claimed(now)).count()
        free = queryset.exclude(is_claimed(now)).order_by(F("last_sync").asc(nulls_first=True), "pk")
        chosen, left = _first(free, MOST_SYNCS_AT_ONCE)
        with denied_join_result():  # nobody waits here: a subscription to each result would need its store, and stay
            result = request_syncs(
                ((each.pk, each.name) for each in chosen), timezone.now(), tasks.git_sync_fabric.delay
            )
        queued = set(result.queued)
        self._log(request, [each for each in chosen if each.pk in queued], "Sync requested.")
        if queued:
            self.message_user(request, f"{_fabrics(len(queued))} queued for a sync.", messages.SUCCESS)
        if busy + result.busy:
            self.message_user(request, f"{_fabrics(busy + result.busy)} already queued or syncing.", messages.WARNING)
        if result.problem:
            self.message_user(request, result.problem, messages.ERROR)
        elif left:
            self._say_left(
                request,
                left,
                f"{MOST_SYNCS_AT_ONCE} are queued at a time, those first whose last sync is longest ago",
            )
        return _back(request)

    @admin.action(description="Cancel sync", permissions=["sync"])
    def cancel_sync(self, request: HttpRequest, queryset: QuerySet[HedgehogFabric]) -> HttpResponse | None:
        """End the syncs that are queued or running; nothing of them is written."""
        now = timezone.now()
        chosen, left = _first(queryset.filter(is_claimed(now)).order_by("pk"), MOST_SYNCS_AT_ONCE)
        ended = [each for each in chosen if cancel(each.pk, request.user.get_username(), now)]
        self._log(request, ended, "Sync cancelled.")
        if ended:
            self.message_user(request, f"The sync of {_fabrics(len(ended))} cancelled.", messages.SUCCESS)
        else:
            self.message_user(request, "No sync is queued or running.", messages.WARNING)
        self._say_left(request, left, f"{MOST_SYNCS_AT_ONCE} are cancelled at a time")
        return _back(request)

    @admin.action(description="Dry run", permissions=["sync"])
    def dry_run(self, request: HttpRequest, queryset: QuerySet[HedgehogFabric]) -> HttpResponse:
        """A page that asks for one preview after the other, so that it answers at once."""
        chosen, left = _first(queryset.order_by("name"), MOST_PREVIEWS_AT_ONCE)
        context = {
            **self.admin_site.each_context(request),
            "title": "What syncs would change",
            "chosen": chosen,
            "left": left,
            "back": request.get_full_path(),
        }
        return TemplateResponse(request, "hedgehog/fabric_previews.html", context)

    @admin.action(description="Enable sync", permissions=["sync"])
    def enable(self, request: HttpRequest, queryset: QuerySet[HedgehogFabric]) -> HttpResponse | None:
        """Let the schedule sync them."""
        return self._switch(request, queryset, enabled=True)

    @admin.action(description="Disable sync", permissions=["sync"])
    def disable(self, request: HttpRequest, queryset: QuerySet[HedgehogFabric]) -> HttpResponse | None:
        """Keep the schedule from syncing them."""
        return self._switch(request, queryset, enabled=False)

    @admin.action(description="Set interval…", permissions=["sync"])
    def set_interval(self, request: HttpRequest, queryset: QuerySet[HedgehogFabric]) -> HttpResponse | None:
        """Ask for the interval first, on a page of its own."""
        form = IntervalForm(request.POST if "sync_interval" in request.POST else None)
        if not form.is_valid():
            return self._ask_for_interval(request, queryset, form)
        seconds: int = form.cleaned_data["sync_interval"]
        words = every(seconds)
        chosen, left = self._change(
            request,
            queryset.exclude(sync_interval=seconds),
            lambda each: f"Sync interval set to {words} (was {every(each.sync_interval)}).",
            sync_interval=seconds,
        )
        self.message_user(request, f"Interval set to {words} for {_fabrics(len(chosen))}.", messages.SUCCESS)
        self._say_left(request, left, f"{MOST_CHANGES_AT_ONCE:,} are changed at a time")
        return HttpResponseRedirect(request.get_full_path())

    def _ask_for_interval(
        self, request: HttpRequest, queryset: QuerySet[HedgehogFabric], form: IntervalForm
    ) -> HttpResponse:
        context = {
            **self.admin_site.each_context(request),
            "title": "Set interval",
            "form": form,
            "count": queryset.count(),
            "names": list(queryset.order_by("name").values_list("name", flat=True)[:5]),
            "selected": request.POST.getlist(ACTION_CHECKBOX_NAME),
            "select_across": request.POST.get("select_across", "0"),
            "back": request.get_full_path(),
        }
        return TemplateResponse(request, "hedgehog/fabric_interval.html", context)

    @admin.action(description="Clear back-off", permissions=["sync"])
    def clear_back_off(self, request: HttpRequest, queryset: QuerySet[HedgehogFabric]) -> HttpResponse | None:
        """Let the schedule try failed fabrics again at its next tick."""
        waiting = queryset.filter(Q(retry_at__isnull=False) | Q(consecutive_failures__gt=0))
        chosen, left = self._change(
            request, waiting, lambda _: "Back-off cleared.", retry_at=None, consecutive_failures=0
        )
        self.message_user(request, f"Back-off cleared for {_fabrics(len(chosen))}.", messages.SUCCESS)
        self._say_left(request, left, f"{MOST_CHANGES_AT_ONCE:,} are changed at a time")
        return _back(request)

    def _switch(
        self, request: HttpRequest, queryset: QuerySet[HedgehogFabric], *, enabled: bool
    ) -> HttpResponse | None:
        word, was = ("enabled", "disabled") if enabled else ("disabled", "enabled")
        chosen, left = self._change(
            request, queryset.exclude(sync_enabled=enabled), lambda _: f"Sync {word} (was {was}).", sync_enabled=enabled
        )
        self.message_user(request, f"Sync {word} for {_fabrics(len(chosen))}.", messages.SUCCESS)
        self._say_left(request, left, f"{MOST_CHANGES_AT_ONCE:,} are changed at a time")
        return _back(request)

    def _change(
        self,
        request: HttpRequest,
        queryset: QuerySet[HedgehogFabric],
        message: Callable[[Chosen], str],
        **columns: Any,
    ) -> tuple[list[Chosen], int]:
        chosen, left = _first(queryset.order_by("pk"), MOST_CHANGES_AT_ONCE)
        HedgehogFabric.objects.filter(Among(each.pk for each in chosen)).update(**columns)
        self._log(request, chosen, message)
        return chosen, left

    def _log(self, request: HttpRequest, chosen: Iterable[Chosen], message: Callable[[Chosen], str] | str) -> None:
        kind = ContentType.objects.get_for_model(HedgehogFabric)
        LogEntry.objects.bulk_create(
            LogEntry(
                user_id=cast("int", request.user.pk),
                content_type=kind,
                object_id=str(each.pk),
                object_repr=each.name,
                action_flag=CHANGE,
                change_message=message if isinstance(message, str) else message(each),
            )
            for each in chosen
        )

    def _say_left(self, request: HttpRequest, left: int, bound: str) -> None:
        if left:
            self.message_user(
                request,
                f"{_fabrics(left)} of the selection left out: {bound}. Run it again for more.",
                messages.WARNING,
            )


def _first(fabrics: QuerySet[HedgehogFabric], most: int) -> tuple[list[Chosen], int]:
    """The first of ``fabrics``, and how many more there are."""
    chosen = [Chosen(*row) for row in fabrics.values_list(*Chosen._fields)[: most + 1]]
    if len(chosen) <= most:
        return chosen, 0
    return chosen[:most], fabrics.count() - most


def _fabrics(count: int) -> str:
    return f"{count} fabric" if count == 1 else f"{count:,} fabrics"


def _back(request: HttpRequest) -> HttpResponse | None:
    """To the fabric's own page if the action was asked for there, else to the list."""
    page = request.POST.get("from_page_of", "")
    return HttpResponseRedirect(reverse("admin:netbox_hedgehog_hedgehogfabric_change", args=[page])) if page else None
