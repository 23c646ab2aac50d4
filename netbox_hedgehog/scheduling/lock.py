"""The tick lock: one tick at a time, by one atomic cache operation.

It saves work; it is not what keeps a fabric from being synced twice (the claims are). So a cache that is down
does not stop the schedule.
"""

from __future__ import annotations

from typing import Any, Final, cast
from uuid import uuid4

import structlog
from django.core.cache import DEFAULT_CACHE_ALIAS, cache, caches
from django_redis.cache import RedisCache

KEY: Final = "periodic_fabric_sync_running"
TIMEOUT_SECONDS: Final = 300

# Compare and act in one step on the server: between a GET and a DELETE the lock may pass to another tick.
_DELETE_IF_MINE: Final = "return redis.call('get', KEYS[1]) == ARGV[1] and redis.call('del', KEYS[1]) or 0"
_EXTEND_IF_MINE: Final = "return redis.call('get', KEYS[1]) == ARGV[1] and redis.call('pexpire', KEYS[1], ARGV[2]) or 0"

log = structlog.get_logger(__name__)


class TickLock:
    """One attempt to hold the lock, under an own random token."""

    def __init__(self) -> None:
        self.token = uuid4().hex
        self.available = True

    def acquire(self) -> bool:
        """Whether this tick may work: it got the lock, or the cache is down and the claims alone guard it."""
        try:
            return cache.add(KEY, self.token, TIMEOUT_SECONDS)
        except Exception as error:  # noqa: BLE001 - whatever the cache's client raises
            self.available = False
            log.warning("tick.lock_unavailable", error=str(error), consequence="the claims guard this tick alone")
            return True

    def renew(self) -> None:
        """Extend the lock, if it is still one's own."""
        self._if_mine(_EXTEND_IF_MINE, TIMEOUT_SECONDS * 1000)

    def release(self) -> None:
        """Free the lock, if it is still one's own."""
        self._if_mine(_DELETE_IF_MINE)

    def _if_mine(self, script: str, *args: Any) -> None:
        if not self.available:
            return
        try:
            backend = cast("RedisCache", caches[DEFAULT_CACHE_ALIAS]).client
            key, value = backend.make_key(KEY), backend.encode(self.token)
            backend.get_client(write=True).eval(script, 1, key, value, *args)
        except Exception as error:  # noqa: BLE001 - the lock then ends by its timeout
            self.available = False
            log.warning("tick.lock_unavailable", error=str(error), consequence="the lock ends by its timeout")
