"""How a fabric's state looks, in the list and on its page."""

from __future__ import annotations

from datetime import datetime
from typing import Final

from django.utils.safestring import SafeString

from netbox_hedgehog.admin.base import BAD, BUSY, DOUBTFUL, GOOD, NOTHING, badge, duration, moment
from netbox_hedgehog.models import Activity, FabricStatus, HedgehogFabric, SyncStatus
from netbox_hedgehog.scheduling.due import next_due_at

STATUS_COLOURS: Final[dict[str, str]] = {
    FabricStatus.ACTIVE: GOOD,
    FabricStatus.MAINTENANCE: DOUBTFUL,
    FabricStatus.DECOMMISSIONED: BAD,
}
SYNC_COLOURS: Final[dict[str, str]] = {SyncStatus.IN_SYNC: GOOD, SyncStatus.HELD: DOUBTFUL, SyncStatus.ERROR: BAD}
ACTIVITY_COLOURS: Final[dict[str, str]] = {Activity.QUEUED: BUSY, Activity.SYNCING: BUSY}


def status_label(fabric: HedgehogFabric) -> SafeString:
    """What the operator says of it."""
    return badge(fabric.status, fabric.get_status_display(), STATUS_COLOURS)


def sync_label(fabric: HedgehogFabric) -> SafeString:
    """How its last sync ended."""
    return badge(fabric.sync_status, fabric.get_sync_status_display(), SYNC_COLOURS)


def activity_label(fabric: HedgehogFabric, now: datetime) -> SafeString:
    """What happens with it now."""
    activity = fabric.activity(now)
    return badge(activity, activity.label, ACTIVITY_COLOURS)


def last_sync(fabric: HedgehogFabric, now: datetime) -> SafeString | str:
    """When it last synced well."""
    return moment(fabric.last_sync, now) if fabric.last_sync else "never"


def next_due(fabric: HedgehogFabric, now: datetime) -> SafeString | str:
    """When the schedule takes it next; nothing if it never does. The fabric was loaded ``with_next_due``."""
    following = next_due_at(fabric)
    if following is None:
        return NOTHING if fabric.due_at is None else "no repository"
    return "now" if following <= now else moment(following, now)


def every(seconds: int) -> str:
    """An interval."""
    return duration(seconds) if seconds > 0 else "never"
