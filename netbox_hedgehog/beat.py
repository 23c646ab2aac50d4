"""Beat, from its first round on.

It notices edits of the schedule by a stamp, and begins to compare that in its first round: what is edited between its
first reading and then, it would notice minutes later, when it reads everything again for good measure.
"""

from __future__ import annotations

from typing import Any

from celery import signals
from django_celery_beat.models import PeriodicTasks
from django_celery_beat.schedulers import DatabaseScheduler


def read_again_in_the_first_round(sender: Any, **_kwargs: Any) -> None:
    """Let the scheduler note the stamp as it is now, and then move it."""
    if isinstance(sender.scheduler, DatabaseScheduler):
        sender.scheduler.schedule_changed()
        PeriodicTasks.update_changed()


def connect() -> None:
    """Before each beat's first round."""
    signals.beat_init.connect(read_again_in_the_first_round)
