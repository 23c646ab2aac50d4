"""A database that is being restarted is waited for."""

from __future__ import annotations

from collections.abc import Callable
from time import monotonic, sleep
from typing import Final

import structlog
from django.db import InterfaceError, OperationalError, connection

from netbox_hedgehog.conf import conf

PATIENCE_SECONDS: Final = 30.0
PAUSE_SECONDS: Final = 0.5

log = structlog.get_logger(__name__)


def once_the_database_answers[T](ask: Callable[[], T]) -> T:
    """What ``ask`` returns. While the database is away it is asked again, for half a minute or half of a sync's time.

    Whoever has taken a message would otherwise use it up, and the fabric would wait until the message is missed.

    Raises:
        OperationalError, InterfaceError: the database stays away.
    """
    deadline = monotonic() + min(PATIENCE_SECONDS, conf.sync_time_limit_seconds / 2)
    is_told = False
    while True:
        try:
            return ask()
        except (OperationalError, InterfaceError) as error:
            if monotonic() >= deadline:
                raise
            if not is_told:
                log.warning("sync.waits_for_database", error=str(error))
                is_told = True
        sleep(PAUSE_SECONDS)
        connection.close_if_unusable_or_obsolete()
