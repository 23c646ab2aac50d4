"""One tick: lock, claim what is due, dispatch it, record. Never raises for a fabric's or a part's fault."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from datetime import datetime
from itertools import cycle
from time import monotonic
from typing import Final
from uuid import UUID, uuid4

import structlog
from django.db import DatabaseError, InterfaceError

from netbox_hedgehog.conf import conf
from netbox_hedgehog.models import SchedulerRun, TickStatus
from netbox_hedgehog.observability.logs import bound
from netbox_hedgehog.observability.tracing import span, tell
from netbox_hedgehog.scheduling import claims, totals
from netbox_hedgehog.scheduling.claims import LONGEST_OVERDUE_FIRST, SHORTEST_INTERVAL_FIRST, Claimed
from netbox_hedgehog.scheduling.due import census
from netbox_hedgehog.scheduling.lock import TickLock
from netbox_hedgehog.scheduling.resources import Meter, Resources
from netbox_hedgehog.scheduling.summary import Summary

# So many publishes failing in a row mean the broker, not a fabric.
FAILURES_THAT_MEAN_BROKER_DOWN: Final = 3

_EVENTS: Final = {status: f"tick.{status}" for status in TickStatus}

log = structlog.get_logger(__name__)

type Dispatch = Callable[[int], object]
type Batch = Callable[[UUID], AbstractContextManager[object]]
type Waiting = Callable[[], int]


def run_tick(now: datetime, dispatch: Dispatch, batch: Batch = nullcontext, waiting: Waiting | None = None) -> Summary:
    """Hand every due fabric to ``dispatch(fabric_id)``, each at most once, within the time budget.

    Each chunk is dispatched inside a ``batch(claim)``: what its block holds back has been sent, as messages that may
    begin that claim only, when it ends without error.
    ``waiting()`` tells how many messages no worker has taken yet; without it, messages that a broker loses delay
    their fabrics until their claims expire. ``now`` is the one reading of the clock that all decisions use. Returns
    the recorded summary.
    """
    started = monotonic()
    tick = _Tick(now, dispatch, batch, waiting, deadline=started + conf.tick_time_budget_seconds)
    with bound(tick=tick.token.hex[:8]):
        with tick.meter.counting_queries():
            tick.run_alone()
        tick.summary.duration_seconds = monotonic() - started
        tell(status=tick.summary.status.value, due=tick.summary.fabrics_due, triggered=tick.summary.syncs_triggered)
        _record(now, tick.summary, tick.meter.used(tick.summary.syncs_triggered))
        if tick.summary.status in {TickStatus.COMPLETED, TickStatus.PARTIAL}:
            totals.count_in_passing(now)
    return tick.summary


class _Tick:
    """The state that the steps of one tick share."""

    def __init__(
        self, now: datetime, dispatch: Dispatch, batch: Batch, waiting: Waiting | None, deadline: float
    ) -> None:
        self.now = now
        self.dispatch = dispatch
        self.batch = batch
        self.waiting = waiting
        self.deadline = deadline
        self.token = uuid4()
        self.lock = TickLock()
        self.summary = Summary()
        self.meter = Meter()
        # Claimed and not sent. They are given back at the end only: given back at once, a fabric whose publish
        # fails would be the first of the next chunk again.
        self.unsent: set[int] = set()
        self.sent: set[int] = set()
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
        self.give_up_lost_messages()
        counts = census(self.now)
        self.summary.fabrics_checked, self.summary.fabrics_due = counts.checked, counts.due
        self.summary.syncs_skipped.update(counts.skipped)
        try:
            self.claim_and_dispatch(
                min(counts.due, conf.tick_max_dispatch, conf.max_live_claims - claims.live(self.now))
            )
        finally:
            if self.unsent:
                claims.release(self.unsent, self.token)
        self.account_for_the_rest()

    def give_up_lost_messages(self) -> None:
        """Free what is queued for long while the broker holds nothing: it was restarted, and nobody will begin it."""
        if self.waiting is None or not claims.waits_for_message(self.now):
            return
        try:
            if self.waiting() == 0 and (lost := claims.give_up_messages(self.now)):
                log.warning("tick.messages_lost", fabrics=lost)
        except Exception as error:  # noqa: BLE001 - a broker that cannot be asked has lost nothing for sure
            log.warning("tick.queue_not_asked", error=str(error))

    def claim_and_dispatch(self, room: int) -> None:
        """Hand out up to ``room`` fabrics, longest overdue first.

        When more are due than there is room for, every other chunk goes to the shortest intervals: a hundred
        thousand fabrics that became due at once must not starve those that are due every minute.
        """
        backlog = self.summary.fabrics_due > room
        orders = cycle([LONGEST_OVERDUE_FIRST, SHORTEST_INTERVAL_FIRST] if backlog else [LONGEST_OVERDUE_FIRST])
        largest = min(conf.tick_chunk_size, -(-room // 2) if backlog else room)
        while room > 0 and not self.must_end():
            with self.meter.phase("claim"), span("claim"):
                chunk = claims.take_due(self.now, self.token, min(room, largest), order=next(orders))
            if not chunk:
                return
            with self.meter.phase("dispatch"):
                self.dispatch_chunk(chunk)
            room -= len(chunk)
            self.lock.renew()

    def dispatch_chunk(self, chunk: list[Claimed]) -> None:
        """Send the syncs that were claimed as one batch, and let their claims hold until a worker begins.

        Who was sent before, was synced and is due again is left to the next tick: his claim of this one has ended, and
        a second of the same token could not be told from it.
        A batch that fails counts as not sent at all, and as a broker that is down.
        """
        self.unsent.update(claim.fabric_id for claim in chunk)
        fresh = [claim for claim in chunk if claim.fabric_id not in self.sent]
        try:
            with self.batch(self.token):
                sent = [claim.fabric_id for claim in fresh if not self.must_end() and self.dispatch_one(claim)]
        except Exception as error:  # noqa: BLE001 - whatever the broker's client raises
            self.failures_in_a_row = FAILURES_THAT_MEAN_BROKER_DOWN
            log.warning("tick.batch_not_sent", fabrics=len(chunk), **self.summary.add_error(error))
            return
        self.unsent.difference_update(sent)
        self.sent.update(sent)
        self.summary.syncs_triggered += len(sent)
        claims.confirm(sent, self.now, self.token)

    def must_end(self) -> bool:
        """Whether the time is up or the broker seems down."""
        return self.failures_in_a_row >= FAILURES_THAT_MEAN_BROKER_DOWN or monotonic() >= self.deadline

    def dispatch_one(self, claim: Claimed) -> bool:
        """Send one sync (or leave it to the batch), whether that worked; a failure is recorded and the next goes on."""
        try:
            self.dispatch(claim.fabric_id)
        except Exception as error:  # noqa: BLE001 - whatever breaks, breaks for this fabric only
            self.failures_in_a_row += 1
            entry = self.summary.add_error(error, fabric_id=claim.fabric_id, fabric=claim.name)
            log.warning("tick.dispatch_failed", **entry)
            return False
        self.failures_in_a_row = 0
        return True

    def account_for_the_rest(self) -> None:
        """What was due and not sent is first in the next tick; the summary says that there is such a rest."""
        left = self.summary.fabrics_due - self.summary.syncs_triggered
        if left > 0:
            self.summary.syncs_skipped["left_for_next_tick"] = left
            self.summary.status = TickStatus.PARTIAL


def _record(now: datetime, summary: Summary, resources: Resources) -> None:
    fields = summary.as_dict()
    log.info(_EVENTS[summary.status], **{key: value for key, value in fields.items() if value and key != "status"})
    try:
        SchedulerRun.objects.create(started_at=now, reason=fields.pop("reason", ""), resources=resources, **fields)
    except (DatabaseError, InterfaceError):
        log.exception("tick.not_recorded")
