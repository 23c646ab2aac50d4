"""The schedule: django-celery-beat's tables, with permissions, a history and no traps.

Its own admin lets a viewer enable, disable and run tasks, logs none of it, sends "run now" without priority, and
deletes an interval together with the tasks that use it. These pages share only its form and its models.
"""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any, ClassVar, Final, override

from celery import current_app
from celery.result import denied_join_result
from django import forms
from django.contrib import admin, messages
from django.db import transaction
from django.db.models import QuerySet, TextField
from django.http import HttpRequest
from django.utils import timezone
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.text import capfirst
from django_celery_beat.models import (
    ClockedSchedule,
    CrontabSchedule,
    IntervalSchedule,
    PeriodicTask,
    SolarSchedule,
)

from netbox_hedgehog.admin.base import (
    NOTHING,
    PageAdmin,
    duration,
    first_of,
    link_to,
    moment,
)
from netbox_hedgehog.admin.schedule_forms import IntervalForm, TaskForm
from netbox_hedgehog.admin.widgets import FewLines
from netbox_hedgehog.scheduling.fleet import TICK_TASK
from netbox_hedgehog.scheduling.manual import cannot_queue

SCHEDULES: Final = ("interval", "crontab", "solar", "clocked")
ABOUT: Final = ("name", "regtask", "task", "enabled", "description")
MESSAGE_OPTIONS: Final = ("queue", "exchange", "routing_key", "priority")

for _model in (PeriodicTask, IntervalSchedule, CrontabSchedule, ClockedSchedule, SolarSchedule):
    admin.site.unregister(_model)


class BeatAdmin(PageAdmin[Any]):
    """What the pages of beat's tables share: labels like those of the other pages."""

    @override
    def formfield_for_dbfield(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        """Beat writes Its Labels So."""
        field = super().formfield_for_dbfield(db_field, request, **kwargs)
        if field and field.label:
            words = (word if word.isupper() else word.lower() for word in str(field.label).split())
            field.label = capfirst(" ".join(words))
        return field


@admin.register(PeriodicTask)
class PeriodicTaskAdmin(BeatAdmin):
    """Every edit goes through ``save()``, whose signals tell a running beat within seconds."""

    form = TaskForm
    list_display = ("name", "enabled", "schedule", "sent_to", "last_run", "runs")
    list_filter = ("enabled", "one_off")
    list_select_related = SCHEDULES
    search_fields = ("name", "task")
    search_help_text = "Name or task"
    ordering = ("name",)
    formfield_overrides = {TextField: {"widget": FewLines}}
    when_empty = "A periodic task is what beat sends to the workers, and when."
    actions = ("enable_tasks", "disable_tasks", "run_tasks")
    readonly_fields = ("last_run", "total_run_count")
    fieldsets = (
        (None, {"fields": ABOUT}),
        (
            "Schedule",
            {
                "fields": (*SCHEDULES, "start_time", "one_off", "last_run", "total_run_count"),
                "description": "Exactly one of interval, crontab, solar and clocked. A running beat follows within "
                "seconds.",
            },
        ),
        ("Arguments", {"fields": ("args", "kwargs"), "classes": ("collapse",)}),
        (
            "Message",
            {
                "fields": ("expires", "expire_seconds", *MESSAGE_OPTIONS, "headers"),
                "classes": ("collapse",),
            },
        ),
    )

    @override
    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        """Who only looks has no use for the list to choose a task from."""
        if self.has_change_permission(request, obj):
            return self.fieldsets
        return ((None, {"fields": [name for name in ABOUT if name != "regtask"]}), *self.fieldsets[1:])

    @override
    def changed_columns(self, form: forms.ModelForm[Any]) -> list[str]:
        """With the columns that ``save()`` itself sets; the run counters belong to beat."""
        changed = super().changed_columns(form)
        if "regtask" in form.changed_data and "task" not in changed:
            changed.append("task")
        return [*changed, "date_changed", *(["last_run_at"] if "enabled" in changed else [])]

    @admin.display(description="schedule")
    def schedule(self, task: Any) -> str:
        """A crontab in words: its own text is one for experts."""
        return task.crontab.human_readable if task.crontab else str(task.scheduler or NOTHING)

    @admin.display(description="queue", ordering="queue")
    def sent_to(self, task: Any) -> str:
        return task.queue or NOTHING

    @admin.display(description="runs", ordering="total_run_count")
    def runs(self, task: Any) -> int:
        return int(task.total_run_count)

    @admin.display(description="last run", ordering="last_run_at")
    def last_run(self, task: Any) -> SafeString | str:
        return moment(task.last_run_at, timezone.now())

    @override
    def named_for_deletion(self, row: Any) -> str:
        return f"{row}. Without it no fabric is synced by schedule." if row.task == TICK_TASK else str(row)

    @admin.action(description="Enable", permissions=["change"])
    def enable_tasks(self, request: HttpRequest, queryset: QuerySet[Any]) -> None:
        """Start sending them."""
        self._switch(request, queryset, enabled=True)

    @admin.action(description="Disable", permissions=["change"])
    def disable_tasks(self, request: HttpRequest, queryset: QuerySet[Any]) -> None:
        """Stop sending them."""
        self._switch(request, queryset, enabled=False)

    def _switch(self, request: HttpRequest, queryset: QuerySet[Any], *, enabled: bool) -> None:
        was, became = ("disabled", "enabled") if enabled else ("enabled", "disabled")
        with transaction.atomic():
            tasks = list(queryset.filter(enabled=not enabled).select_for_update(of=("self",)))
            for task in tasks:
                task.enabled = enabled
                task.save(update_fields=["enabled", "last_run_at", "date_changed"])
                self.log_change(request, task, f"Was {was}, now {became}.")
        self.message_user(request, f"{_tasks(len(tasks))} {became}.", messages.SUCCESS)

    @admin.action(description="Run now", permissions=["change"])
    def run_tasks(self, request: HttpRequest, queryset: QuerySet[Any]) -> None:
        """Send each once, as beat would."""
        current_app.loader.import_default_modules()
        sent = 0
        for task in queryset:
            problem = send(task)
            if problem:
                self.message_user(request, problem, messages.ERROR)
                continue
            sent += 1
            self.log_change(request, task, "Run once by hand.")
        if sent:
            self.message_user(request, f"{_tasks(sent)} sent.", messages.SUCCESS)


def send(task: Any) -> str:
    """Publish ``task`` with the queue, priority, headers and expiry that beat would use; return what went wrong."""
    registered = current_app.tasks.get(task.task)
    if registered is None:
        return f"{task.name}: this installation has no task {task.task}. Correct the task's name."
    try:
        arguments, keywords, options = json.loads(task.args or "[]"), json.loads(task.kwargs or "{}"), _options(task)
    except ValueError:
        return f"{task.name}: its arguments or headers are not JSON. Correct them on its page."
    try:
        with denied_join_result():  # as in fabric.py: nobody waits for the result
            registered.apply_async(arguments, keywords, **options)
    except Exception as error:  # noqa: BLE001 - brokers fail with errors of many libraries
        return cannot_queue(error, task.name)
    return ""


def _options(task: Any) -> dict[str, Any]:
    options = {name: getattr(task, name) for name in MESSAGE_OPTIONS if getattr(task, name) not in (None, "")}
    headers = json.loads(task.headers or "{}") | {"periodic_task_name": task.name}
    return options | {"headers": headers} | ({"expires": task.expires_} if task.expires_ else {})


def _tasks(count: int) -> str:
    return f"{count} task" if count == 1 else f"{count} tasks"


class ScheduleAdmin(BeatAdmin):
    """Deleting a schedule takes every task that uses it along, so one in use stays."""

    readonly_fields: ClassVar[Any] = ("users",)

    @override
    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        """A schedule that does not exist yet has no users."""
        own = ((None, {"fields": self.fields}),)
        return (*own, ("Used by", {"fields": ("users",)})) if obj else own

    @admin.display(description="tasks")
    def users(self, schedule: Any) -> SafeString | str:
        """The tasks that follow it, switched off or not."""
        tasks = first_of(list(schedule.periodictask_set.order_by("name")), lambda task: link_to(task, task.name))
        return format_html_join("", "<p>{}</p>", ((task,) for task in tasks)) or NOTHING

    @override
    def in_the_way(self, rows: list[Any]) -> list[Any]:
        """The tasks that use them."""
        tasks = [task for schedule in rows for task in schedule.periodictask_set.all()]
        return first_of(tasks, _in_the_way)

    @override
    def save_related(self, request: HttpRequest, form: forms.ModelForm[Any], formsets: Any, change: bool) -> None:
        """Say whose cadence this has changed."""
        super().save_related(request, form, formsets, change)
        names = list(form.instance.periodictask_set.values_list("name", flat=True)) if form.changed_data else []
        if change and len(names) > 1:
            self.message_user(
                request, f"This changed the schedule of {len(names)} tasks: {', '.join(names)}.", messages.WARNING
            )


def _in_the_way(task: Any) -> SafeString:
    return format_html("Periodic task {}: give it another schedule or delete it first", link_to(task, task.name))


@admin.register(IntervalSchedule)
class IntervalAdmin(ScheduleAdmin):
    """Fixed cadences."""

    form = IntervalForm
    fields = ("every", "period")
    list_display = ("__str__", "length")
    when_empty = "An interval is a fixed cadence, such as every 60 seconds."

    @admin.display(description="length")
    def length(self, interval: Any) -> str:
        return duration(timedelta(**{interval.period: interval.every}).total_seconds())


@admin.register(CrontabSchedule)
class CrontabAdmin(ScheduleAdmin):
    """Times of day and days of week."""

    list_display = ("__str__", "human_readable")
    when_empty = "A crontab is a pattern of times, such as every Monday at 04:00."
    fields = (
        "human_readable",
        "minute",
        "hour",
        "day_of_month",
        "month_of_year",
        "day_of_week",
        "timezone",
    )
    readonly_fields: ClassVar[Any] = ("users", "human_readable")


@admin.register(ClockedSchedule)
class ClockedAdmin(ScheduleAdmin):
    """One moment."""

    fields = list_display = ("clocked_time",)
    when_empty = "A clocked schedule is one moment, at which a task is sent once."


@admin.register(SolarSchedule)
class SolarAdmin(ScheduleAdmin):
    """Sunrise and the like."""

    fields = ("event", "latitude", "longitude")
    when_empty = "A solar event is a time of day that moves with the sun, such as sunrise at a place."
