"""What may be entered for a schedule: nothing that beat would choke on."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

from django import forms
from django.core.exceptions import ValidationError
from django_celery_beat.admin import PeriodicTaskForm as BeatTaskForm
from django_celery_beat.admin import TaskSelectWidget

from netbox_hedgehog.admin.widgets import UnfoldInteger
from netbox_hedgehog.scheduling.schedule import PERIODS, ScheduleError, bounded_interval

# Unfold ships no types; its widgets are Django's, dressed.
if TYPE_CHECKING:
    from django.forms import Select as UnfoldSelect
    from django.forms import TextInput as UnfoldTextInput
else:
    from unfold.widgets import UnfoldAdminSelectWidget as UnfoldSelect
    from unfold.widgets import UnfoldAdminTextInputWidget as UnfoldTextInput


class TaskSelect(UnfoldSelect, TaskSelectWidget):  # type: ignore[misc]
    """Beat's list of the registered tasks, dressed."""


HELP: Final = {
    "name": "What lists and the history call it.",
    "regtask": "One of this installation's tasks, or its name below.",
    "enabled": "Whether beat sends it.",
    "description": "What it is for.",
    "interval": "A fixed cadence.",
    "crontab": "A pattern of times.",
    "solar": "Sunrise and the like, at a place.",
    "clocked": "One moment; the task must be one-off, too.",
    "start_time": "Not before; empty: at once.",
    "one_off": "Sent once, then disabled.",
}
"""In place of beat's, which repeat the labels."""


class TaskForm(BeatTaskForm):  # type: ignore[misc]
    """Beat's form, which refuses JSON that beat would choke on."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if "task" in self.fields:
            self.fields["task"].widget = UnfoldTextInput()
            self.fields["regtask"].widget = TaskSelect()
        for name in HELP.keys() & self.fields.keys():
            self.fields[name].help_text = HELP[name]

    def clean_args(self) -> str:
        return self._json("args", list, "[]")

    def clean_kwargs(self) -> str:
        return self._json("kwargs", dict, "{}")

    def clean_headers(self) -> str:
        return self._json("headers", dict, "{}")

    def _json(self, name: str, shape: type, empty: str) -> str:
        text: str = self.cleaned_data[name] or empty
        try:
            value = json.loads(text)
        except (ValueError, RecursionError) as error:
            raise ValidationError(f"This is not JSON: {error}.") from None
        if not isinstance(value, shape):
            raise ValidationError("Enter a JSON list." if shape is list else "Enter a JSON object.")
        return text


class BoundedInterval(forms.BaseForm):
    """``every`` and ``period`` within what beat can work with."""

    def clean(self) -> dict[str, Any]:
        data: dict[str, Any] = super().clean() or self.cleaned_data
        if data.get("every") is not None and data.get("period"):
            try:
                bounded_interval(data["every"], data["period"])
            except ScheduleError as error:
                self.add_error("every", str(error))
        return data


class IntervalForm(BoundedInterval, forms.ModelForm):  # type: ignore[type-arg]
    """One row of beat's table of intervals."""


class CadenceForm(BoundedInterval, forms.Form):
    """How often the tick is sent."""

    every = forms.IntegerField(widget=UnfoldInteger)
    period = forms.ChoiceField(label="Unit", choices=[(unit, unit) for unit in PERIODS.values()], widget=UnfoldSelect)
