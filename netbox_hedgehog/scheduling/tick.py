"""One tick: lock, claim what is due, dispatch it, record. Never raises for a fabric's or a part's fault."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from time import monotonic
from typing import Final
from uuid import uuid4

import structlog
from django.db import DatabaseError, InterfaceError

from netbox_hedgehog.conf import conf
from netbox_hedgehog.models import SchedulerRun, TickStatus
from netbox_hedgehog.observability.logs import bound
from netbox_hedgehog.scheduling import claims
from netbox_hedgehog.scheduling.claims import Claimed
from netbox_hedgehog.scheduling.due import census
from netbox_hedgehog.scheduling.lock import TickLock
from netbox_hedgehog.scheduling.summary import Summary

# So many publishes failing in a row mean the broker, not a fabric.
FAILURES_THAT_MEAN_BROKER_DOWN: Final = 3

_EVENTS: Final = {status: f"tick.{status}" for status in TickStatus}

log = structlog.get_logger(__name__)

type Dispatch = Callable[[int], object]


def run_tick(now: datetime, dispatch: Dispatch) -> Summary:
    """Hand every due fabric to ``dispatch(fabric_id)``, each at most once, within the time budget.

    ``now`` is the one reading of the clock that all decisions use. Returns the recorded summary.
    """
    started = monotonic()
    tick = _Tick(now, dispatch, deadline=started + conf.tick_time_budget_seconds)
    with bound(tick=tick.token.hex[:8]):
        tick.run_alone()
        tick.summary.duration_seconds = monotonic() - started
        _record(now, tick.summary)
    return tick.summary


class _Tick:
    """The state that the steps of one tick share."""

    def __init__(self, now: datetime, dispatch: Dispatch, deadline: float) -> None:
        self.now = now
        self.dispatch = dispatch
        self.deadline = deadline
        self.token = uuid4()
        self.lock = TickLock()
        self.summary = Summary()
        # Claimed and not sent. They are given back at the end only: given back at once, a fabric whose publish
        # fails would be the first of the next chunk again.
        self.unsent: set[int] = set()
        self.failures_in_a_row = 0

    def run_alone(self) -> None:
        """Work under the lock; a failure of the tick as a whole ends up in the summary."""
        if not self.lock.acquire():
            self.summary.status, self.summary.reason = TickStatus.SKIPPED, "another_tick_is_running"
            return
        try:
            self.work()
        except Exception as error:
            log.exception("tick.failed")
            self.summary.status = TickStatus.FAILED
            self.summary.add_error(error)
        finally:
            self.lock.release()

    def work(self) -> None:
        """Expire, count, then claim and dispatch chunk by chunk."""
        while claims.expire(self.now) == claims.EXPIRED_AT_ONCE and monotonic() < self.deadline:
            pass
        counts = census(self.now)
        self.summary.fabrics_checked, self.summary.fabrics_due = counts.checked, counts.due
        self.summary.syncs_skipped.update(counts.skipped)
        try:
            self.claim_and_dispatch(min(conf.tick_max_dispatch, conf.max_live_claims - claims.live(self.now)))
        finally:
            if self.unsent:
                claims.release(self.unsent, self.token)
        self.account_for_the_rest()

    def claim_and_dispatch(self, room: int) -> None:
        """Hand out up to ``room`` fabrics, longest overdue first."""
        while room > 0 and not self.must_end():
            chunk = claims.take_due(self.now, self.token, min(room, conf.tick_chunk_size))
            if not chunk:
                return
            self.unsent.update(claim.fabric_id for claim in chunk)
            for claim in chunk:
                if self.must_end():
                    return
                self.dispatch_one(claim)
            room -= len(chunk)
            self.lock.renew()

    def must_end(self) -> bool:
        """Whether the time is up or the broker seems down."""
        return self.failures_in_a_row >= FAILURES_THAT_MEAN_BROKER_DOWN or monotonic() >= self.deadline

    def dispatch_one(self, claim: Claimed) -> None:
        """Send one sync; its failure is recorded and the next goes on."""
        try:
            self.dispatch(claim.fabric_id)
        except Exception as error:  # noqa: BLE001 - whatever breaks, breaks for this fabric only
            self.failures_in_a_row += 1
            entry = self.summary.add_error(error, fabric_id=claim.fabric_id, fabric=claim.name)
            log.warning("tick.dispatch_failed", **entry)
        else:
            self.failures_in_a_row = 0
            self.unsent.discard(claim.fabric_id)
            self.summary.syncs_triggered += 1

    def account_for_the_rest(self) -> None:
        """What was due and not sent is first in the next tick; the summary says that there is such a rest."""
        left = self.summary.fabrics_due - self.summary.syncs_triggered
        if left > 0:
            self.summary.syncs_skipped["left_for_next_tick"] = left
            self.summary.status = TickStatus.PARTIAL


def _record(now: datetime, summary: Summary) -> None:
    fields = summary.as_dict()
    log.info(_EVENTS[summary.status], **{key: value for key, value in fields.items() if value and key != "status"})
    try:
        SchedulerRun.objects.create(started_at=now, reason=fields.pop("reason", ""), **fields)
    except (DatabaseError, InterfaceError):
        log.exception("tick.not_recorded")
