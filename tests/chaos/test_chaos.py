"""Two hundred faults and more: ``make chaos``. It wants the machine for itself, so no other run includes it."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

import pytest

from tests.chaos.story import play
from tests.support import rabbitmq

pytestmark = [pytest.mark.chaos, pytest.mark.timeout(3600)]


@pytest.mark.parametrize("broker", ["valkey", "rabbitmq"])
def test_whatever_fails_and_however_often_what_is_promised_is_kept(broker: str):
    if broker == "rabbitmq" and rabbitmq.binary() is None:
        pytest.skip("rabbitmq-server is not installed")
    # Not pytest's own directory: that of another run of the same user would be shut against PostgreSQL's user.
    with tempfile.TemporaryDirectory(prefix="hedgehog-chaos-") as scratch:
        report = play(Path(scratch), faults=110, seed=2026, broker=broker, fabrics=60, repositories=12)
    sys.stdout.write(report.as_text())  # pytest shows it with a failure, and -rP always
    assert report.broken == []
    assert report.faults.total() == 110
