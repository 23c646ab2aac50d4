"""What a tick costs: queries, memory, and where its time goes."""

from __future__ import annotations

import resource
import sys
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from time import monotonic
from typing import Any, Final, TypedDict

from django.db import connection

# The kernel counts in KiB, except on macOS, where it counts bytes.
_MAXRSS_PER_MIB: Final = 1024 * 1024 if sys.platform == "darwin" else 1024


class Resources(TypedDict):
    """Stored as ``SchedulerRun.resources``.

    ``peak_memory_mib`` is the largest resident size of the process so far; ``peak_memory_growth_mib`` is by how much
    this tick raised it (0 while it stays below an earlier peak).
    """

    queries: int
    claim_seconds: float
    dispatch_seconds: float
    fabrics_per_second: float
    peak_memory_mib: float
    peak_memory_growth_mib: float


class Meter:
    """Counts from the moment it is made."""

    def __init__(self) -> None:
        self.queries = 0
        self.seconds: defaultdict[str, float] = defaultdict(float)
        self._started = monotonic()
        self._peak_mib = _peak_memory_mib()

    @contextmanager
    def counting_queries(self) -> Iterator[None]:
        """Count the queries of the block."""
        with connection.execute_wrapper(self._count):
            yield

    @contextmanager
    def phase(self, name: str) -> Iterator[None]:
        """Add the block's time to the phase ``name``."""
        started = monotonic()
        try:
            yield
        finally:
            self.seconds[name] += monotonic() - started

    def used(self, fabrics: int) -> Resources:
        """What it took to hand out ``fabrics``."""
        elapsed = monotonic() - self._started
        peak = _peak_memory_mib()
        return Resources(
            queries=self.queries,
            claim_seconds=round(self.seconds["claim"], 4),
            dispatch_seconds=round(self.seconds["dispatch"], 4),
            fabrics_per_second=round(fabrics / elapsed, 1) if elapsed > 0 else 0.0,
            peak_memory_mib=round(peak, 1),
            peak_memory_growth_mib=round(peak - self._peak_mib, 1),
        )

    def _count(self, execute: Callable[..., Any], *args: Any) -> Any:
        self.queries += 1
        return execute(*args)


def _peak_memory_mib() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / _MAXRSS_PER_MIB
