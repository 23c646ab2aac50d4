"""The filters of the list of fabrics, decided by the predicates that the scheduler itself uses."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any, Final, override

from django.db.models import Q, QuerySet
from django.http import HttpRequest
from django.utils import timezone

from netbox_hedgehog.admin.filters import DropdownFilter
from netbox_hedgehog.models import Activity, GitRepository, HedgehogFabric
from netbox_hedgehog.scheduling.due import due, has_expired, is_backing_off, is_claimed
from netbox_hedgehog.scheduling.fleet import missed

type Fabrics = QuerySet[HedgehogFabric]


class ActivityFilter(DropdownFilter):
    """By what the claim says at this moment."""

    title = "activity"
    parameter_name = "activity"

    @override
    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [(choice.value, str(choice.label)) for choice in Activity]

    @override
    def queryset(self, request: HttpRequest, queryset: Fabrics) -> Fabrics:
        claimed = is_claimed(timezone.now())
        match self.value():
            case Activity.IDLE:
                return queryset.exclude(claimed)
            case Activity.QUEUED:
                return queryset.filter(claimed, claim_started_at=None)
            case Activity.SYNCING:
                return queryset.filter(claimed, claim_started_at__isnull=False)
        return queryset


def _among(chosen: Callable[[datetime], Fabrics]) -> Callable[[Fabrics, datetime], Fabrics]:
    return lambda fabrics, now: fabrics.filter(pk__in=chosen(now).order_by().values("pk"))


def _never(fabrics: Fabrics, _now: datetime) -> Fabrics:
    """Repositories are asked for before: joined by OR, they would have the database look at each fabric."""
    without_url = list(GitRepository.objects.filter(url="").values_list("pk", flat=True))
    no_source = Q(git_repository__isnull=True) | Q(git_repository__in=without_url)
    return fabrics.filter(no_source | Q(due_at__isnull=True))


_BY_SCHEDULE: Final[dict[str, tuple[str, Callable[[Fabrics, datetime], Fabrics]]]] = {
    "due": ("due now", _among(due)),
    "overdue": ("overdue", _among(missed)),
    "later": ("due later", lambda fabrics, now: fabrics.filter(due_at__isnull=False).exclude(has_expired(now))),
    "waits": ("backing off", lambda fabrics, now: fabrics.filter(is_backing_off(now))),
    "never": ("never by schedule", _never),
}


class ScheduleFilter(DropdownFilter):
    """By what the schedule makes of them now."""

    title = "schedule"
    parameter_name = "schedule"

    @override
    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [(value, words) for value, (words, _) in _BY_SCHEDULE.items()]

    @override
    def queryset(self, request: HttpRequest, queryset: Fabrics) -> Fabrics:
        _, narrow = _BY_SCHEDULE.get(self.value() or "", ("", None))
        return narrow(queryset, timezone.now()) if narrow else queryset


class SwitchFilter(DropdownFilter):
    """By the operator's switch."""

    title = "sync"
    parameter_name = "sync_enabled__exact"

    @override
    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [("1", "enabled"), ("0", "disabled")]

    @override
    def queryset(self, request: HttpRequest, queryset: Fabrics) -> Fabrics:
        return queryset.filter(sync_enabled=self.value() == "1") if self.value() in {"0", "1"} else queryset
