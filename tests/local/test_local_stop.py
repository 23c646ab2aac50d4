"""Stopping on a signal, whatever the process is doing at that moment."""

from __future__ import annotations

import subprocess
import sys

from netbox_hedgehog.local.stop import Stop

# A timer signal that meets the wait at every point of it; an Event in place of Stop hangs here within a few rounds.
SIGNALS_IN_ITS_WAITS = """
import random, signal
from netbox_hedgehog.local.stop import Stop

for _ in range(400):
    stop = Stop()
    signal.signal(signal.SIGALRM, lambda *_: stop.ask())
    signal.setitimer(signal.ITIMER_REAL, random.uniform(1e-6, 5e-5))
    while not stop.wait(1e-6):
        pass
"""


def test_a_signal_stops_a_wait_that_it_meets_at_any_point():
    subprocess.run([sys.executable, "-c", SIGNALS_IN_ITS_WAITS], check=True, timeout=60)


def test_whoever_waits_after_the_wish_does_not_wait():
    stop = Stop()
    assert not stop.wait(0)
    stop.ask()
    assert stop.wait()
    assert stop.wait()
