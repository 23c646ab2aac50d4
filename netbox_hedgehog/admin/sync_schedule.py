"""The sync schedule on one page: how often due fabrics are looked for, whether that works, and the levers."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any, Final, cast

from celery import current_app
from django.contrib import admin, messages
from django.contrib.admin.models import CHANGE, LogEntry
from django.contrib.contenttypes.models import ContentType
from django.core.exceptions import BadRequest, PermissionDenied
from django.db import transaction
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils import timezone
from django_celery_beat.models import IntervalSchedule, PeriodicTask

from netbox_hedgehog.admin.base import badge, moment
from netbox_hedgehog.admin.runs import TICK_COLOURS
from netbox_hedgehog.admin.schedule import send
from netbox_hedgehog.admin.schedule_forms import CadenceForm
from netbox_hedgehog.models import SchedulerRun
from netbox_hedgehog.scheduling.fleet import TICK_TASK, Fleet, fleet_reasons, survey
from netbox_hedgehog.scheduling.schedule import (
    PERIODS,
    Interval,
    ScheduleError,
    in_words,
    next_tick,
    set_interval,
    switch,
    tick_task,
)
from netbox_hedgehog.tasks.queue import QUEUE

ROWS_SHOWN: Final = 5


def sync_schedule(request: HttpRequest) -> HttpResponse:
    """Show it, and with POST change it or run it once; a request of htmx gets the parts that grow old."""
    may_change = request.user.has_perm("django_celery_beat.change_periodictask")
    if not may_change and not request.user.has_perm("django_celery_beat.view_periodictask"):
        raise PermissionDenied
    try:
        task, trouble = tick_task(), ""
    except ScheduleError as error:
        task, trouble = None, str(error)
    form = _form_of(task)
    if request.method == "POST":
        if not may_change:
            raise PermissionDenied
        form = CadenceForm(request.POST)
        if task and _act(request, task, form):
            return HttpResponseRedirect(reverse("sync-schedule"))
    context = _state(task, timezone.now()) | {"trouble": trouble, "may_change": may_change}
    if "HX-Request" in request.headers:
        return TemplateResponse(request, "hedgehog/sync_schedule_parts.html", context)
    context |= {
        **admin.site.each_context(request),
        "title": "Sync schedule",
        "form": form,
        "changes": _changes_of(task),
        "row_to_add": _row_to_add(),
    }
    return TemplateResponse(request, "hedgehog/sync_schedule.html", context)


# --- What is shown


def _state(task: PeriodicTask | None, now: datetime) -> dict[str, Any]:
    fleet = survey(now)
    return {
        "task": task,
        "reasons": fleet_reasons(fleet),
        "last_ran": _last_ran(task, fleet, now),
        "next": _next(task, now),
        "run_count": f"{task.total_run_count:,}" if task else "",
        "runs": [
            {
                "row": run,
                "label": badge(run.status, run.get_status_display(), TICK_COLOURS),
                "started": moment(run.started_at, now),
            }
            for run in SchedulerRun.objects.all()[:ROWS_SHOWN]
        ],
    }


def _last_ran(task: PeriodicTask | None, fleet: Fleet, now: datetime) -> str:
    """Beat forgets its last run when it is switched off; the history knows it."""
    last = (task and task.last_run_at) or (fleet.last_tick and fleet.last_tick.started_at)
    return moment(last, now) if last else "never"


def _next(task: PeriodicTask | None, now: datetime) -> str:
    if task is None or not task.enabled:
        return ""
    following = next_tick(task)
    if following is None:
        return "as its calendar says"
    return moment(max(following, now), now)


def _form_of(task: PeriodicTask | None) -> CadenceForm:
    interval = task.interval if task else None
    if interval is None:
        return CadenceForm()
    every, period = interval.every, interval.period
    if period not in PERIODS.values():
        every, period = round(Interval(every, period).length / timedelta(seconds=1)), IntervalSchedule.SECONDS
    return CadenceForm(initial={"every": every, "period": period})


def _changes_of(task: PeriodicTask | None) -> list[LogEntry]:
    if task is None:
        return []
    entries = LogEntry.objects.filter(
        content_type=ContentType.objects.get_for_model(PeriodicTask), object_id=str(task.pk)
    )
    return list(entries.select_related("user").order_by("-action_time")[:ROWS_SHOWN])


def _row_to_add() -> str:
    """The page that adds the row anew, filled in; only the interval is left to choose."""
    row = {"name": "periodic-fabric-sync", "task": TICK_TASK, "queue": QUEUE, "priority": 6, "expire_seconds": 50}
    return reverse("admin:django_celery_beat_periodictask_add", query=row)


# --- What is done


def _act(request: HttpRequest, task: PeriodicTask, form: CadenceForm) -> bool:
    """Do what the pressed button says; False if what was entered must be corrected first."""
    match request.POST.get("action"):
        case "set":
            if not form.is_valid():
                return False
            interval = Interval(form.cleaned_data["every"], form.cleaned_data["period"])
            _edit(request, task, lambda: set_interval(task, interval))
        case "enable" | "disable" as word:
            _edit(request, task, lambda: switch(task, enabled=word == "enable"))
        case "run":
            _run(request, task)
        case _:
            raise BadRequest
    return True


def _edit(request: HttpRequest, task: PeriodicTask, edit: Callable[[], None]) -> None:
    """Keep in the history what was and what is now."""
    before = in_words(task)
    with transaction.atomic():
        edit()
        if in_words(task) == before:
            messages.info(request, f"Nothing to change: {before}.")
            return
        _log(request, task, f"Was {before}; now {in_words(task)}.")
    messages.success(request, f"Now {in_words(task)}. A running beat follows within seconds.")


def _run(request: HttpRequest, task: PeriodicTask) -> None:
    current_app.loader.import_default_modules()
    problem = send(task)
    if problem:
        messages.error(request, problem)
        return
    _log(request, task, "Run once by hand.")
    messages.success(request, "Sent. It appears under “Last runs” as soon as a worker has run it.")


def _log(request: HttpRequest, task: PeriodicTask, message: str) -> None:
    LogEntry.objects.log_actions(cast("int", request.user.pk), [task], CHANGE, message, single_object=True)
