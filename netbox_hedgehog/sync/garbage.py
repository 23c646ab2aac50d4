"""Python's search for cyclic garbage, kept out of the way of a sync."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def collected_afterwards() -> Iterator[None]:
    """Look for cyclic garbage afterwards instead of all the while.

    Parsed manifests are hundreds of thousands of containers that all stay until the end; each search walks through them
    again, which took a quarter of a large sync. Bounds on what is read bound what is kept meanwhile.
    """
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()
