"""The tick at several sizes, beside the naive loop, `DatabaseScheduler` and the floor."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from statistics import median
from time import perf_counter
from typing import Final

from django.utils import timezone

from bench import contestants, memory, rows

# Beyond these a run takes minutes: each message makes the scheduler compare all its entries.
SCHEDULER_ROWS: Final = {100: 10_000, 1: 1_000}


@dataclass(frozen=True)
class Plan:
    """How much to measure."""

    sizes: tuple[int, ...] = (100, 1_000, 10_000, 100_000)
    seconds_per_cell: float = 8.0
    most_runs: int = 9
    growth_ticks: int = 1_000
    full: bool = False


QUICK: Final = Plan(sizes=(100,), seconds_per_cell=0.1, most_runs=1, growth_ticks=20)


@dataclass
class Row:
    """One line of the table: medians in milliseconds; None where it was not measured."""

    fabrics: int
    due: int
    ours_ms: float
    naive_ms: float
    floor_ms: float
    database_scheduler_ms: float | None

    @property
    def times_faster_than_naive(self) -> float:
        """How many of our ticks fit into one naive loop."""
        return self.naive_ms / self.ours_ms

    @property
    def times_the_floor(self) -> float:
        """How many floors fit into one of our ticks."""
        return self.ours_ms / self.floor_ms


@dataclass
class Memory:
    """In MiB, at the largest size with 1 % due (peaks) and at the smallest with 1 % due (growth)."""

    fabrics: int
    peak_ours: float
    peak_ours_all_due: float
    peak_naive: float
    growth_ticks: int
    growth: float


def timings(plan: Plan) -> list[Row]:
    """Measure every size with 1 % and with all due."""
    measured = []
    for size in plan.sizes:
        rows.fill(size)
        for every in (100, 1):
            _say(f"{size} fabrics, {size // every} due")
            now = timezone.now()
            rows.make_due(now, every)
            measured.append(_cell(plan, size, every, now))
            _say(f"  {measured[-1]}")
    return measured


def memories(plan: Plan) -> Memory:
    """Measure the peaks of one tick and the growth over many, each in a process of its own."""
    _say("memory")
    now = timezone.now()
    rows.fill(plan.sizes[-1])
    rows.make_due(now, 100)
    peak_ours = memory.measure("ours", now)
    rows.reset()
    peak_naive = memory.measure("naive", now)
    rows.make_due(now, 1)
    peak_ours_all_due = memory.measure("ours", now)
    rows.fill(plan.sizes[0])
    rows.make_due(now, 10)
    growth = memory.measure("growth", now, plan.growth_ticks)
    return Memory(plan.sizes[-1], peak_ours, peak_ours_all_due, peak_naive, plan.growth_ticks, growth)


def _cell(plan: Plan, size: int, every: int, now: datetime) -> Row:
    due = size // every
    medians = _medians_ms(
        plan,
        due,
        {
            "ours": lambda: contestants.ours(now),
            "naive": lambda: contestants.naive(now),
            "floor": contestants.prepare_floor(now),
        },
    )
    return Row(
        fabrics=size,
        due=due,
        ours_ms=medians["ours"],
        naive_ms=medians["naive"],
        floor_ms=medians["floor"],
        database_scheduler_ms=_scheduler_ms(plan, size, every),
    )


def _scheduler_ms(plan: Plan, size: int, every: int) -> float | None:
    if size > SCHEDULER_ROWS[every] and not plan.full:
        return None
    run = contestants.prepare_database_scheduler(size, every)
    seconds = _timed(run, size // every)
    return seconds * 1000


def _medians_ms(plan: Plan, due: int, runs: dict[str, Callable[[], int]]) -> dict[str, float]:
    """Medians of several runs, fewer where one takes long.

    They run in turns, so that what else the machine does hits all alike.
    """
    taken: dict[str, list[float]] = {name: [] for name in runs}
    for _ in range(plan.most_runs):
        for name, run in runs.items():
            times = taken[name]
            if not times or sum(times) + times[-1] < plan.seconds_per_cell:
                rows.reset()
                times.append(_timed(run, due))
    rows.reset()
    return {name: median(times) * 1000 for name, times in taken.items()}


def _timed(run: Callable[[], int], due: int) -> float:
    start = perf_counter()
    sent = run()
    seconds = perf_counter() - start
    if sent != due:
        raise RuntimeError(f"{sent} were sent where {due} were due")
    return seconds


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)
