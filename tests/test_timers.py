"""The worker's main process does not keep the time limit's timer of every task that has ended."""

from __future__ import annotations

import weakref
from types import SimpleNamespace

from kombu.asynchronous.timer import Timer

from netbox_hedgehog.celery import app
from netbox_hedgehog.timers import ForgetsCancelledTimers, forget_cancelled


class Job:
    """What a timer's arguments keep alive."""


def ended(_job: object) -> None:
    raise AssertionError("a cancelled timer must never run")


def test_a_cancelled_timer_and_what_it_holds_is_forgotten_before_its_time():
    timer, job = Timer(), Job()
    seen = weakref.ref(job)
    timer.call_after(600, ended, (job,)).cancel()
    del job
    assert seen() is not None
    forget_cancelled(timer)
    assert seen() is None
    assert len(timer) == 0


def test_timers_that_wait_still_run_in_their_order_also_when_the_loop_was_looking_at_them():
    timer, ran = Timer(), []
    loop = iter(timer)
    timer.call_at(3, ran.append, (3,))
    for cancelled in (timer.call_at(n, ended, (n,)) for n in (1, 2, 5)):
        cancelled.cancel()
    timer.call_at(4, ran.append, (4,))
    assert next(loop)[1] is not None  # the entry of 3, after two that were cancelled
    timer.call_at(2, ran.append, (2,))
    forget_cancelled(timer)
    assert len(timer) == 2
    for _ in range(2):
        next(loop)[1]()
    assert ran == [2, 4]


def test_a_worker_with_an_event_loop_clears_its_timer_while_it_works(monkeypatch):
    monkeypatch.setattr("netbox_hedgehog.timers.EVERY_SECONDS", 1e-9)
    worker = SimpleNamespace(use_eventloop=True, timer=Timer())
    step = ForgetsCancelledTimers(worker)
    assert step.include_if(worker)
    step.start(worker)
    worker.timer.call_after(600, ended, (1,)).cancel()
    assert len(worker.timer) == 2
    _, entry = next(iter(worker.timer))
    entry()
    assert len(worker.timer) == 1  # its own next turn


def test_a_worker_without_an_event_loop_has_another_timer_which_is_left_alone():
    worker = SimpleNamespace(use_eventloop=False)
    assert not ForgetsCancelledTimers(worker).include_if(worker)


def test_every_worker_of_the_app_has_the_step():
    assert ForgetsCancelledTimers in app.steps["worker"]
