from __future__ import annotations

import random

from hypothesis import given
from hypothesis import strategies as st

from netbox_hedgehog.scheduling.backoff import delay_seconds


class Highest(random.Random):
    def uniform(self, a: float, b: float) -> float:
        return b


class Lowest(random.Random):
    def uniform(self, a: float, b: float) -> float:
        return a


def longest(failures: int) -> float:
    return delay_seconds(failures, base_seconds=60, max_seconds=3600, jitter=Highest())


def test_the_wait_doubles_with_each_failure_up_to_the_cap():
    assert [longest(failures) for failures in range(1, 9)] == [60, 120, 240, 480, 960, 1920, 3600, 3600]


def test_the_shortest_wait_is_half_of_the_longest():
    assert delay_seconds(3, base_seconds=60, max_seconds=3600, jitter=Lowest()) == longest(3) / 2


def test_with_a_least_wait_it_doubles_from_there_and_is_never_shorter():
    waits = {"base_seconds": 60, "max_seconds": 3600, "least_seconds": 300}
    highest = [delay_seconds(failures, jitter=Highest(), **waits) for failures in range(1, 6)]
    lowest = [delay_seconds(failures, jitter=Lowest(), **waits) for failures in range(1, 6)]
    assert (highest, lowest) == ([300, 600, 1200, 2400, 3600], [300, 300, 600, 1200, 1800])


def test_a_least_wait_beyond_the_cap_is_the_wait():
    assert delay_seconds(5, base_seconds=60, max_seconds=3600, least_seconds=86_400, jitter=Highest()) == 86_400


def test_a_million_failures_wait_no_longer_than_the_cap():
    assert longest(1_000_000) == 3600


def test_fabrics_that_failed_together_do_not_come_back_together():
    jitter = random.Random(1)
    waits = [delay_seconds(1, base_seconds=60, max_seconds=3600, jitter=jitter) for _ in range(100)]
    assert len(set(waits)) == 100


@given(
    failures=st.integers(1, 10**9),
    base=st.floats(1, 86_400),
    cap=st.floats(1, 30 * 86_400),
    jitter=st.randoms(use_true_random=False),
)
def test_the_wait_stays_within_half_the_base_and_the_cap(failures, base, cap, jitter):
    wait = delay_seconds(failures, base_seconds=base, max_seconds=cap, jitter=jitter)
    assert min(base, cap) / 2 <= wait <= cap
