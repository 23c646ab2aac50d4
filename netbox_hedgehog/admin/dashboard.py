"""The first page: is the scheduler alive, how is the fleet, what failed, what changed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any, Final, NamedTuple

from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.safestring import SafeString

from netbox_hedgehog.admin.base import NOTHING, duration, link_to, link_to_list, moment
from netbox_hedgehog.admin.fabric_look import sync_label
from netbox_hedgehog.admin.problem import problem_of
from netbox_hedgehog.models import (
    FabricStatus,
    GitRepository,
    HedgehogFabric,
    HeldChange,
    RunHour,
    RunStatus,
    SyncRecord,
    SyncStatus,
)
from netbox_hedgehog.observability.redaction import redact
from netbox_hedgehog.pulse import workers_seen
from netbox_hedgehog.scheduling.due import DUE
from netbox_hedgehog.scheduling.figures import figures
from netbox_hedgehog.scheduling.fleet import Fleet, fleet_reasons, survey
from netbox_hedgehog.scheduling.schedule import ScheduleError, next_tick, tick_task

HOURS: Final = 24
LISTED: Final = 8

_HEIGHT: Final = 100
"""Of the chart, in its own units."""

_TONES: Final = {
    SyncStatus.IN_SYNC: "good",
    SyncStatus.ERROR: "bad",
    SyncStatus.HELD: "doubtful",
    SyncStatus.NEVER_SYNCED: "",
}
_FATE: Final = {
    RunStatus.SUCCEEDED: "changed",
    RunStatus.UNCHANGED: "unchanged",
    RunStatus.HELD: "changed",
}


class Bar(NamedTuple):
    """A part of one hour's column: where it stands in the chart, and what it stands for."""

    fate: str
    y: float
    height: float


class Hour(NamedTuple):
    """One hour's column."""

    x: int
    label: str
    counts: dict[str, int]
    bars: list[Bar]


def dashboard_urls(site: admin.AdminSite) -> list[URLPattern]:
    """The part of the page that renews itself."""
    return [path("admin/dashboard/", site.admin_view(_fragment), name="hedgehog_dashboard")]


def add_dashboard(request: HttpRequest, context: dict[str, Any]) -> dict[str, Any]:
    """What the index page needs beside what every page has (Unfold's DASHBOARD_CALLBACK)."""
    return context | {"title": "Dashboard"} | dashboard_context(request, timezone.now())


def _fragment(request: HttpRequest) -> HttpResponse:
    return TemplateResponse(request, "hedgehog/dashboard.html", dashboard_context(request, timezone.now()))


def dashboard_context(request: HttpRequest, now: datetime) -> dict[str, Any]:
    """Each part that the user may see; a bounded number of queries, whatever the fleet's size."""

    def may_view(*models: str) -> bool:
        return all(request.user.has_perm(f"netbox_hedgehog.view_{model}") for model in models)

    context: dict[str, Any] = {}
    if may_view("schedulerrun"):
        context["scheduler"] = _scheduler(survey(now), now)
    if may_view("hedgehogfabric"):
        context |= {"fleet": _fleet(now), "failing": _failing(now), "begin": _first_steps(request)}
    if may_view("hedgehogfabric", "heldchange"):
        context["held"] = _held(now)
    if may_view("hedgehogfabric", "syncrun"):
        context |= {"syncs": _syncs(now), "changes": _changes(now)}
    return context


def _scheduler(fleet: Fleet, now: datetime) -> dict[str, Any]:
    schedule, tick = fleet.schedule, fleet.last_tick
    return {
        "problems": fleet_reasons(fleet),
        "facts": [
            ("Schedule", _every(schedule.every) if schedule.enabled else "switched off"),
            ("Last tick", moment(tick.started_at, now) if tick else "none yet"),
            ("Next tick", _next_tick(now)),
            ("Workers", _workers()),
            ("Queued or running", f"{fleet.live_claims:,}"),
        ],
    }


def _next_tick(now: datetime) -> SafeString | str:
    try:
        following = next_tick(tick_task())
    except ScheduleError:
        return NOTHING
    return moment(max(following, now), now) if following else NOTHING


def _every(interval: timedelta | None) -> str:
    return f"every {duration(interval.total_seconds())}" if interval else "by crontab"


def _workers() -> str:
    try:
        seen = workers_seen()
    except Exception as error:  # noqa: BLE001 - whatever the cache's client raises, the rest of the page is there
        return f"unknown: the cache does not answer ({redact(error)[:80]})"
    return f"{len(seen)}, {sum(sign['processes'] for sign in seen.values())} syncs at a time" if seen else "none seen"


def _fleet(now: datetime) -> list[tuple[str, SafeString | str, str]]:
    """(name, figure, tone) of each state, with the list behind it."""
    counted = figures(now)
    states: Counter[str] = Counter()
    for group in counted.groups:
        states[group.sync_status] += group.fabrics
    scheduled = sum(group.enabled for group in counted.groups if group.status == FabricStatus.ACTIVE)
    waiting = next((group for group in counted.overdue if group.verdict == DUE), None)
    missed = waiting.missed if waiting else 0
    # One that was never synced is due since ever, which says nothing.
    latest = waiting.longest_missed_seconds if waiting else None
    facts = [
        ("Fabrics", _count(counted.fabrics), ""),
        ("Scheduled", _count(scheduled, sync_enabled__exact=1, status__exact=FabricStatus.ACTIVE), ""),
        *(_state(status, tone, states[status]) for status, tone in _TONES.items()),
        ("Due now", _count(waiting.fabrics if waiting else 0, schedule="due"), ""),
        ("Overdue", _count(missed, schedule="overdue"), "bad" if missed else ""),
        *([("Longest overdue", duration(latest), "bad")] if latest is not None else []),
    ]
    return [*facts, *([("Counted", moment(counted.at, now), "")] if counted.at != now else [])]


def _state(status: SyncStatus, tone: str, number: int) -> tuple[str, SafeString, str]:
    return str(status.label).capitalize(), _count(number, sync_status__exact=status), tone if number else ""


def _count(number: int, **filters: object) -> SafeString:
    return link_to_list(HedgehogFabric, f"{number:,}", **filters)


def _failing(now: datetime) -> list[dict[str, Any]]:
    rows = HedgehogFabric.objects.filter(sync_status=SyncStatus.ERROR).order_by("-consecutive_failures", "pk")
    return [
        {
            "fabric": link_to(fabric),
            "label": sync_label(fabric),
            "problem": problem_of(fabric.sync_error),
            "failures": fabric.consecutive_failures,
            "retry": moment(fabric.retry_at, now) if fabric.retry_at else "at the next tick",
        }
        for fabric in rows.only("name", "sync_status", "sync_error", "consecutive_failures", "retry_at")[:LISTED]
    ]


def _held(now: datetime) -> list[dict[str, Any]]:
    rows = HeldChange.objects.select_related("fabric").defer("record").order_by("-held_at")[:LISTED]
    return [
        {"change": link_to(held, held.fabric.name), "reasons": held.reasons, "since": moment(held.held_at, now)}
        for held in rows
    ]


def _changes(now: datetime) -> list[dict[str, Any]]:
    """Through the records: only syncs that changed something have one."""
    rows = SyncRecord.objects.select_related("run__fabric").defer("content").order_by("-pk")[:LISTED]
    return [
        {
            "run": link_to(record.run, record.run.fabric.name),
            "when": moment(record.run.started_at, now),
            "words": ", ".join(
                f"{count:,} {what}"
                for what in ("created", "updated", "deleted")
                if (count := getattr(record.run, what))
            ),
            "commit": record.run.commit[:12],
        }
        for record in rows
    ]


def _syncs(now: datetime) -> dict[str, Any]:
    """The last 24 hours, counted by the hour as ticks go by."""
    first = now.replace(minute=0, second=0, microsecond=0) - timedelta(hours=HOURS - 1)
    rows = list(RunHour.objects.filter(hour__gte=first))
    counts: dict[datetime, Counter[str]] = {first + timedelta(hours=n): Counter() for n in range(HOURS)}
    for row in rows:
        if row.hour in counts:
            counts[row.hour][_FATE.get(RunStatus(row.status), "failed")] += row.runs
    total = sum(counts.values(), Counter[str]())
    return {
        "hours": _columns(counts),
        "total": {fate: f"{total[fate]:,}" for fate in ("changed", "unchanged", "failed")},
        "most": max((each.total() for each in counts.values()), default=0),
        "half": _took(rows, 0.5),
        "most_of_them": _took(rows, 0.95),
    }


def _columns(counts: dict[datetime, Counter[str]]) -> list[Hour]:
    most = max((each.total() for each in counts.values()), default=0) or 1
    columns = []
    for index, (hour, each) in enumerate(counts.items()):
        top, bars = float(_HEIGHT), []
        for fate in ("unchanged", "changed", "failed"):
            # What is there must be seen, however little it is beside the rest.
            height = max(_HEIGHT * each[fate] / most, 1.5) if each[fate] else 0.0
            top -= height
            bars.append(Bar(fate, round(top, 2), round(height, 2)))
        columns.append(Hour(index * 10, f"{timezone.localtime(hour):%H:%M}", dict(each), bars))
    return columns


def _took(rows: Iterable[RunHour], share: float) -> str:
    """The time within which ``share`` of the syncs ended, as near as the bounds that are counted tell."""
    within: Counter[float] = Counter()
    runs = 0
    for row in rows:
        runs += row.runs
        within.update({float(bound): count for bound, count in row.within.items()})
    if not runs:
        return "-"
    bound = next((bound for bound in sorted(within) if within[bound] >= share * runs), None)
    if bound is None:
        return "longer than 10 min"
    return f"{bound * 1000:.0f} ms" if bound < 1 else f"{bound:g} s" if bound < 60 else duration(bound)  # noqa: PLR2004


def _first_steps(request: HttpRequest) -> list[tuple[str, str]]:
    """What to do where nothing is there yet; nothing otherwise."""
    if HedgehogFabric.objects.exists():
        return []
    steps = []
    if request.user.has_perm("netbox_hedgehog.add_gitrepository") and not GitRepository.objects.exists():
        steps.append(("Add a repository", reverse("admin:netbox_hedgehog_gitrepository_add")))
    if request.user.has_perm("netbox_hedgehog.add_hedgehogfabric"):
        steps.append(("Add a fabric", reverse("admin:netbox_hedgehog_hedgehogfabric_add")))
    return steps or [("Ask an administrator to add a fabric", "")]
