"""Sync now: claim fabrics outside the schedule and dispatch them."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime
from uuid import uuid4

import structlog

from netbox_hedgehog.models import Trigger
from netbox_hedgehog.observability.redaction import redact
from netbox_hedgehog.scheduling import claims

log = structlog.get_logger(__name__)


@dataclass
class Requested:
    """What came of asking for syncs: which were queued, how many are under way already, and what kept the rest."""

    queued: list[int] = field(default_factory=list)
    busy: int = 0
    problem: str = ""


def request_syncs(fabrics: Iterable[tuple[int, str]], now: datetime, dispatch: Callable[[int], object]) -> Requested:
    """Ask for a sync of each fabric; the first that cannot be published ends it, because the broker is down."""
    result = Requested()
    for fabric_id, name in fabrics:
        try:
            queued = request_sync(fabric_id, now, dispatch)
        except Exception as error:  # noqa: BLE001 - brokers fail with errors of many libraries
            result.problem = cannot_queue(error, f"The sync of {name}")
            break
        if queued:
            result.queued.append(fabric_id)
        else:
            result.busy += 1
    return result


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


def cannot_queue(error: Exception, what: str) -> str:
    """What to tell an operator whose message could not be published, and the log."""
    log.warning("message.not_queued", what=what, error=redact(error))
    return (
        f"{what} could not be queued: the message broker does not answer ({redact(error)}). "
        "Start the broker or correct CELERY_BROKER_URL, then try again."
    )
