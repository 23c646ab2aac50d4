"""The whole life of a claim: take, begin, renew, release, expire. Each is one conditional UPDATE.

A claim is a lease on a fabric. ``claim_token`` names its holder: while queued, the tick (or person) that took it;
once running, the run itself. Losing a race is a normal answer, never an exception.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any, Final, NamedTuple
from uuid import UUID

from django.db import transaction
from django.db.models import Case, F, Q, QuerySet, Value, When

from netbox_hedgehog.conf import conf
from netbox_hedgehog.models import HedgehogFabric, RunStatus, SyncRun, Trigger, composed
from netbox_hedgehog.models.composed import ComposedSelect, ComposedUpdate
from netbox_hedgehog.scheduling.among import Among
from netbox_hedgehog.scheduling.due import due, is_claimed

EXPIRED_AT_ONCE: Final = 1000

# From the end of a tick's time budget until its last messages are confirmed.
PUBLISH_MARGIN_SECONDS: Final = 10

type Order = tuple[str, ...]
LONGEST_OVERDUE_FIRST: Final[Order] = ("due_at", "pk")
# Relative to its interval, a fabric that wants syncing every minute is later after a minute than a daily one.
SHORTEST_INTERVAL_FIRST: Final[Order] = ("sync_interval", "due_at", "pk")

FREE: Final[dict[str, Any]] = {
    "claim_token": None,
    "claim_trigger": "",
    "claim_worker": "",
    "claimed_at": None,
    "claim_started_at": None,
    "claim_expires_at": None,
}


class Claimed(NamedTuple):
    """A fabric that the caller now holds."""

    fabric_id: int
    name: str


def take_due(now: datetime, token: UUID, limit: int, *, order: Order = LONGEST_OVERDUE_FIRST) -> list[Claimed]:
    """Claim up to ``limit`` due fabrics for the schedule, in ``order``.

    Rows that another tick is claiming at this moment are passed over where the database can (SKIP LOCKED). The
    claims hold for the rest of a tick only, until :func:`confirm` says that their messages are on the way: a tick
    that dies or loses the database while publishing delays its fabrics by about one tick, not by a whole lease.
    """
    lease_seconds = conf.tick_time_budget_seconds + PUBLISH_MARGIN_SECONDS
    with transaction.atomic():
        chosen = [
            Claimed(*row)
            for row in due(now)
            .order_by(*order)
            .select_for_update(skip_locked=True, of=("self",))
            .values_list("pk", "name")[:limit]
        ]
        HedgehogFabric.objects.filter(Among(claim.fabric_id for claim in chosen)).update(
            **_queued(now, token, Trigger.SCHEDULE, lease_seconds)
        )
    return chosen


def confirm(fabric_ids: Iterable[int], now: datetime, token: UUID) -> None:
    """Let the claims of published messages hold as long as the messages do; those that began are left alone."""
    HedgehogFabric.objects.filter(Among(fabric_ids), claim_token=token).update(
        claim_expires_at=now + timedelta(seconds=conf.queued_claim_seconds)
    )


def take_one(fabric_id: int, now: datetime, token: UUID, trigger: Trigger) -> bool:
    """Claim one fabric, due or not; whether it was free. A manual claim also ends a back-off."""
    expire(now, only=fabric_id)  # a sync that was lost is recorded before its claim is overwritten
    return bool(
        HedgehogFabric.objects.filter(pk=fabric_id)
        .exclude(is_claimed(now))
        .update(**_queued(now, token, trigger, conf.queued_claim_seconds), retry_at=None, consecutive_failures=0)
    )


def begin(fabric_id: int, now: datetime, token: UUID, worker: str, claim: UUID | None = None) -> bool:
    """Turn a fabric's queued ``claim`` into a running one; without it any that is queued, or none if it is free.

    False if that claim has ended, if another sync of the fabric is running, if the schedule asked for a fabric that
    has since been disabled, or if the sync that was asked for has been cancelled.
    """
    running = {
        "fabric_id": fabric_id,
        "now": now,
        "token": token,
        "worker": worker[:255],
        "expires_at": now + timedelta(seconds=conf.running_claim_seconds),
    }
    if claim:
        return bool(_BEGIN_CLAIM.execute(claim=claim, **running))
    if _BEGIN.execute(**running):
        return True
    # A sync that is lost but not yet written off still stands in the row.
    return expire(now, only=fabric_id) > 0 and bool(_BEGIN.execute(**running))


def _beginning(**which: Any) -> ComposedUpdate:
    now = composed.moment("now")
    withdrawn = Q(claim_trigger=Trigger.SCHEDULE, due_at__isnull=True)
    return ComposedUpdate(
        lambda: (
            HedgehogFabric.objects.filter(pk=composed.number("fabric_id"), claim_started_at__isnull=True, **which)
            .exclude(withdrawn)
            .exclude(has_claim=False, cancelled_message_until__gt=now)
        ),
        claim_token=composed.uuid("token"),
        claim_worker=composed.text("worker"),
        # Of an expired claim, neither who asked for it nor when may count for this sync.
        claim_trigger=Case(When(is_claimed(now), then=F("claim_trigger")), default=Value("")),
        claimed_at=Case(When(is_claimed(now), then=F("claimed_at")), default=None),
        claim_started_at=now,
        claim_expires_at=composed.moment("expires_at"),
    )


_BEGIN: Final = _beginning()
_BEGIN_CLAIM: Final = _beginning(claim_token=composed.uuid("claim"))


def renew(fabric_id: int, now: datetime, token: UUID) -> bool:
    """Extend one's own running claim; False if it was lost."""
    return bool(
        HedgehogFabric.objects.filter(pk=fabric_id, claim_token=token).update(
            claim_expires_at=now + timedelta(seconds=conf.running_claim_seconds)
        )
    )


def release(fabric_ids: Iterable[int], token: UUID) -> int:
    """Give claims back that are still one's own; how many were."""
    return HedgehogFabric.objects.filter(Among(fabric_ids), claim_token=token).update(**FREE)


def withdraw(fabric_id: int) -> bool:
    """Free a queued claim of the schedule on a fabric that is no longer scheduled; whether there was one."""
    return bool(
        HedgehogFabric.objects.filter(
            pk=fabric_id, claim_trigger=Trigger.SCHEDULE, claim_started_at__isnull=True, due_at__isnull=True
        ).update(**FREE)
    )


def is_queued_as(fabric_id: int, claim: UUID) -> bool:
    """Whether this claim still waits to be begun."""
    return bool(_OF_CLAIM.execute(fabric_id=fabric_id, claim=claim))


_OF_CLAIM: Final = ComposedSelect(
    lambda: HedgehogFabric.objects.filter(
        pk=composed.number("fabric_id"), claim_token=composed.uuid("claim")
    ).values_list("pk")
)


def live(now: datetime) -> int:
    """How many syncs are queued or running: the depth of the queue, without asking a broker."""
    return HedgehogFabric.objects.filter(is_claimed(now)).count()


def waits_for_message(now: datetime) -> bool:
    """Whether a sync has been queued for as long as a running one may be silent."""
    return _waiting(now).exists()


def give_up_messages(now: datetime) -> int:
    """Free the syncs that are queued for that long, because the broker has lost their messages; how many were.

    One whose message is on the way all the same may run once more than it had to, never twice at a time.
    """
    return _waiting(now).update(**FREE)


def _waiting(now: datetime) -> QuerySet[HedgehogFabric]:
    since = now - timedelta(seconds=conf.running_claim_seconds)
    return HedgehogFabric.objects.filter(has_claim=True, claim_started_at=None, claimed_at__lte=since)


def expire(now: datetime, *, only: int | None = None) -> int:
    """Free the claims whose time is over and record those syncs that had begun as lost; how many were freed.

    At most :data:`EXPIRED_AT_ONCE` per call, the oldest first; ``only`` names a single fabric.
    """
    expired = HedgehogFabric.objects.filter(has_claim=True, claim_expires_at__lte=now)
    if only is not None:
        expired = expired.filter(pk=only)
    with transaction.atomic():
        # Only the columns that _lost reads: a value that Python cannot hold elsewhere in a row must not stop the tick.
        stale = list(
            expired.only("claim_token", "claim_trigger", "claim_worker", "claim_started_at")
            .order_by("claim_expires_at")
            .select_for_update(skip_locked=True)[:EXPIRED_AT_ONCE]
        )
        SyncRun.objects.bulk_create(_lost(fabric, now) for fabric in stale if fabric.claim_started_at)
        HedgehogFabric.objects.filter(Among(fabric.pk for fabric in stale)).update(**FREE)
    return len(stale)


def _queued(now: datetime, token: UUID, trigger: Trigger, lease_seconds: float) -> dict[str, Any]:
    return FREE | {
        "claim_token": token,
        "claim_trigger": trigger,
        "claimed_at": now,
        "claim_expires_at": now + timedelta(seconds=lease_seconds),
        "cancelled_message_until": None,
    }


def ended_from_outside(fabric: HedgehogFabric, now: datetime, status: RunStatus, **error: str) -> SyncRun:
    """The history row of the sync that holds the fabric's claim and will not write one itself."""
    started = fabric.claim_started_at or now
    return SyncRun(
        fabric=fabric,
        trigger=fabric.claim_trigger or Trigger.MANUAL,
        status=status,
        started_at=started,
        duration_seconds=(now - started).total_seconds(),
        worker=fabric.claim_worker,
        token=fabric.claim_token,
        **error,
    )


def _lost(fabric: HedgehogFabric, now: datetime) -> SyncRun:
    return ended_from_outside(
        fabric,
        now,
        RunStatus.LOST,
        error_code="sync.lost",
        error_message="The worker stopped renewing its claim: it was killed, or lost the database.",
        error_remedy="Nothing to do: the fabric is due again. If it recurs, look at the worker's log and memory.",
    )
