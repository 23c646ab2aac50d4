"""When to try again after a failure: exponential, capped, jittered."""

from __future__ import annotations

import random


def delay_seconds(
    failures: int, *, base_seconds: float, max_seconds: float, jitter: random.Random, least_seconds: float = 0
) -> float:
    """Seconds to wait after ``failures`` (1 or more) failures in a row.

    The wait doubles from ``base_seconds`` up to ``max_seconds`` and is then drawn from its upper half, so that
    many fabrics of one broken server do not come back in one wave. ``least_seconds`` raises either bound to itself,
    and no wait is shorter.
    """
    exponent = min(failures - 1, 32)  # 2**33 is past any cap; a larger power would overflow a float one day
    ceiling = min(max(max_seconds, least_seconds), max(base_seconds, least_seconds) * float(2**exponent))
    return max(least_seconds, ceiling * jitter.uniform(0.5, 1.0))
