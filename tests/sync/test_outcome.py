from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from netbox_hedgehog.models import HedgehogFabric
from netbox_hedgehog.sync.outcome import CADENCE_SLACK, Run
from tests.baker_recipes import NOW, TOKEN

STARTED = NOW + timedelta(seconds=3)
MINUTE = timedelta(seconds=60)


def time_of_sync(claimed_at: datetime | None, last_sync: datetime | None) -> datetime:
    fabric = HedgehogFabric(claimed_at=claimed_at, last_sync=last_sync, sync_interval=60)
    return Run(fabric, "source", TOKEN, "worker", STARTED).as_of


def test_a_sync_that_nobody_claimed_counts_from_its_start():
    assert time_of_sync(None, NOW - MINUTE) == STARTED


def test_the_first_sync_counts_from_its_claim():
    assert time_of_sync(NOW, None) == NOW


@pytest.mark.parametrize(
    ("late", "counted_late"),
    [
        pytest.param(timedelta(0), timedelta(0), id="claimed when it fell due"),
        pytest.param(CADENCE_SLACK / 2, timedelta(0), id="a little late, put back to when it was due"),
        pytest.param(CADENCE_SLACK * 2, CADENCE_SLACK, id="later, put back by the slack"),
        pytest.param(MINUTE + CADENCE_SLACK, MINUTE, id="after one missed tick, put back by the slack"),
        pytest.param(MINUTE + CADENCE_SLACK * 2, MINUTE + CADENCE_SLACK * 2, id="later than that, as it is"),
        pytest.param(-CADENCE_SLACK, -CADENCE_SLACK, id="before it was due (by hand), as it is"),
    ],
)
def test_a_later_one_keeps_the_fabrics_cadence(late, counted_late):
    assert time_of_sync(NOW + late, NOW - MINUTE) == NOW + counted_late


def test_with_ticks_that_come_a_little_early_or_late_a_fabric_of_their_interval_settles_on_each_of_them():
    last_sync, missed = NOW, []
    for number, jitter in enumerate([30, -30, 40, -40, 0, 49, -49, 20, -20, -45, 45, -45], start=1):
        tick = NOW + number * MINUTE + timedelta(milliseconds=jitter)
        if tick >= last_sync + MINUTE:
            last_sync = time_of_sync(tick, last_sync)
        else:
            missed.append(number)
    assert missed == [2]
