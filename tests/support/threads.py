"""Run functions at the same moment, each in a thread with database connections of its own."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from django.db import connections

PATIENCE_SECONDS = 30


def at_once[T](*functions: Callable[[], T]) -> list[T]:
    """What the functions returned, in their order; raises what one of them raised."""
    start = threading.Barrier(len(functions))

    def run(function: Callable[[], T]) -> T:
        try:
            start.wait(PATIENCE_SECONDS)
            return function()
        finally:
            connections.close_all()

    with ThreadPoolExecutor(len(functions)) as pool:
        return [future.result(PATIENCE_SECONDS) for future in [pool.submit(run, function) for function in functions]]
