"""One tick: lock, claim what is due, dispatch it, record. Never raises for a fabric's or a part's fault."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from time import monotonic
from typing import Final
from uuid import UUID, uuid4

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

log = structlog.get_logger(__name__)

type Dispatch = Callable[[int], object]


def run_tick(now: datetime, dispatch: Dispatch) -> Summary:
    """Hand every due fabric to ``dispatch(fabric_id)``, each at most once, within the time budget.

    ``now`` is the one reading of the clock that all decisions use. Returns the recorded summary.
    """
    started = monotonic()
    token = uuid4()
    lock = TickLock()
    summary = Summary()
    with bound(tick=token.hex[:8]):
        if lock.acquire():
            try:
                _work(now, dispatch, token, lock, started, summary)
            except Exception as error:
                log.exception("tick.failed")
                summary.status = TickStatus.FAILED
                summary.add_error(error)
            finally:
                lock.release()
        else:
            summary.status, summary.reason = TickStatus.SKIPPED, "another_tick_is_running"
        summary.duration_seconds = monotonic() - started
        _record(now, summary)
    return summary


def _work(now: datetime, dispatch: Dispatch, token: UUID, lock: TickLock, started: float, summary: Summary) -> None:
    claims.expire(now)
    counts = census(now)
    summary.fabrics_checked, summary.fabrics_due = counts.checked, counts.due
    summary.syncs_skipped.update(counts.skipped)
    room = min(conf.tick_max_dispatch, conf.max_live_claims - claims.live(now))
    deadline = started + conf.tick_time_budget_seconds
    # Claims of syncs that were not sent are given back at the end only: given back at once, a fabric whose
    # publish fails would be the first of the next chunk again.
    unsent: list[int] = []
    try:
        while room > 0 and monotonic() < deadline:
            chunk = claims.take_due(now, token, min(room, conf.tick_chunk_size))
            if not chunk:
                break
            room -= len(chunk)
            if not _dispatch_all(chunk, dispatch, deadline, unsent, summary):
                break
            lock.renew()
    finally:
        if unsent:
            claims.release(unsent, token)
    _account_for_the_rest(summary)


def _dispatch_all(
    chunk: list[Claimed], dispatch: Dispatch, deadline: float, unsent: list[int], summary: Summary
) -> bool:
    """Dispatch claimed fabrics, collecting those not sent. False when the tick should end."""
    failures_in_a_row = 0
    for position, claim in enumerate(chunk):
        if failures_in_a_row >= FAILURES_THAT_MEAN_BROKER_DOWN or monotonic() >= deadline:
            unsent.extend(rest.fabric_id for rest in chunk[position:])
            return False
        try:
            dispatch(claim.fabric_id)
        except Exception as error:  # noqa: BLE001 - one fabric's failure is recorded and the next goes on
            failures_in_a_row += 1
            unsent.append(claim.fabric_id)
            summary.add_error(error, fabric_id=claim.fabric_id, fabric=claim.name)
            log.warning("tick.dispatch_failed", fabric=claim.name, fabric_id=claim.fabric_id, error=str(error))
        else:
            failures_in_a_row = 0
            summary.syncs_triggered += 1
    return failures_in_a_row < FAILURES_THAT_MEAN_BROKER_DOWN


def _account_for_the_rest(summary: Summary) -> None:
    """What was due and not sent is first in the next tick; say so, and how complete this tick was."""
    left = summary.fabrics_due - summary.syncs_triggered
    if left > 0:
        summary.syncs_skipped["left_for_next_tick"] = left
        summary.status = TickStatus.PARTIAL


def _record(now: datetime, summary: Summary) -> None:
    fields = summary.as_dict()
    log.info("tick." + summary.status, **{key: value for key, value in fields.items() if value and key != "status"})
    try:
        SchedulerRun.objects.create(
            started_at=now,
            reason=fields.pop("reason", ""),
            **fields,
        )
    except (DatabaseError, InterfaceError):
        log.exception("tick.not_recorded")
