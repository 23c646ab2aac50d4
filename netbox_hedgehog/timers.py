"""A worker's main process forgets the timers that were cancelled.

Celery sets a timer for each task's time limit and cancels it when the task ends; kombu keeps what was cancelled until
its time comes (read in kombu 5.6, ``asynchronous/timer.py``). At hundreds of syncs a second and a limit of ten minutes
that is a hundred MiB.
"""

from __future__ import annotations

import heapq
from typing import Any, Final

from celery import bootsteps
from kombu.asynchronous.timer import Timer

EVERY_SECONDS: Final = 5.0


class ForgetsCancelledTimers(bootsteps.StartStopStep):
    """Has the event loop clear its timer now and then; where each pool has another timer, it does nothing."""

    requires = ("celery.worker.components:Timer", "celery.worker.components:Hub")

    def include_if(self, worker: Any) -> bool:
        """Whether the worker has an event loop, and with it kombu's timer."""
        return bool(worker.use_eventloop)

    def start(self, worker: Any) -> None:
        """Begin; the loop ends with the worker, and so does this."""
        worker.timer.call_repeatedly(EVERY_SECONDS, forget_cancelled, (worker.timer,))


def forget_cancelled(timer: Timer) -> None:
    """Drop cancelled entries; the loop that runs the entries holds the list itself, so it must stay the same list."""
    waiting = timer._queue  # noqa: SLF001 - kombu has no other way to it
    waiting[:] = [entry for entry in waiting if not entry.entry.canceled]
    heapq.heapify(waiting)
