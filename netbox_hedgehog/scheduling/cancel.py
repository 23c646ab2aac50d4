"""Cancel a sync that is queued or running: its claim is taken away, and whoever held it may write nothing any more."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from django.db import transaction

from netbox_hedgehog.models import Activity, HedgehogFabric, RunStatus, SyncRun, Trigger
from netbox_hedgehog.scheduling.claims import FREE, ended_from_outside
from netbox_hedgehog.scheduling.due import is_claimed, source_fingerprint

CANCELLED: Final = "sync.cancelled"


def cancel(fabric_id: int, by: str, now: datetime) -> bool:
    """End the fabric's live claim, record that ``by`` cancelled it, and wait for an interval; whether there was one.

    A running sync notices when it renews its claim or wants to write, and ends with :data:`CANCELLED`. A queued one's
    message is still on its way: whoever receives it drops it. Those of the schedule name their claim, which has ended.
    """
    claimed = HedgehogFabric.objects.filter(is_claimed(now), pk=fabric_id)
    with transaction.atomic():
        fabric = claimed.annotate(source=source_fingerprint()).select_for_update(of=("self",)).first()
        if fabric is None:
            return False
        is_queued = fabric.activity(now) == Activity.QUEUED
        is_by_hand = is_queued and fabric.claim_trigger == Trigger.MANUAL
        claimed.update(
            **FREE,
            retry_at=now + timedelta(seconds=max(fabric.sync_interval, 0)),
            failed_source=fabric.source,
            cancelled_message_until=fabric.claim_expires_at if is_by_hand else None,
        )
        _run(fabric, by, now, "before it began" if is_queued else "while it ran").save(force_insert=True)
    return True


def drop_message(fabric_id: int, now: datetime) -> bool:
    """Whether the message that asks for a sync of this free fabric is that of a cancelled one; asked once."""
    return bool(
        HedgehogFabric.objects.filter(pk=fabric_id, has_claim=False, cancelled_message_until__gt=now).update(
            cancelled_message_until=None
        )
    )


def was_cancelled(fabric_id: int, token: UUID) -> bool:
    """Whether somebody cancelled the sync that held this claim."""
    return SyncRun.objects.filter(fabric_id=fabric_id, token=token, status=RunStatus.CANCELLED).exists()


def _run(fabric: HedgehogFabric, by: str, now: datetime, when: str) -> SyncRun:
    return ended_from_outside(
        fabric,
        now,
        RunStatus.CANCELLED,
        error_code=CANCELLED,
        error_message=f"Cancelled by {by} {when}. Nothing was written.",
        error_remedy="Nothing to do: the fabric is due again after its interval. “Sync now” does not wait.",
    )
