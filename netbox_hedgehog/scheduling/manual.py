"""Sync now: claim one fabric outside the schedule and dispatch it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from uuid import uuid4

from netbox_hedgehog.models import Trigger
from netbox_hedgehog.scheduling import claims


def request_sync(fabric_id: int, now: datetime, dispatch: Callable[[int], object]) -> bool:
    """Queue a sync of one fabric, whether due or not; False if one is queued or running already.

    Ends a back-off. Raises whatever ``dispatch`` raises, after giving the claim back.
    """
    token = uuid4()
    if not claims.take_one(fabric_id, now, token, Trigger.MANUAL):
        return False
    try:
        dispatch(fabric_id)
    except BaseException:
        claims.release([fabric_id], token)
        raise
    return True
