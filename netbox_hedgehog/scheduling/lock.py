"""Locks of scheduled work: one tick and one pruning at a time, by one atomic cache operation.

They save work; they are not what keeps a fabric from being synced twice (the claims are). So a cache that is down
does not stop the schedule.
"""

from __future__ import annotations

from typing import Any, Final
from uuid import uuid4

import structlog
from django.core.cache import DEFAULT_CACHE_ALIAS, cache, caches
from django_redis.cache import RedisCache

from netbox_hedgehog.conf import conf
from netbox_hedgehog.observability.redaction import redact
from netbox_hedgehog.scheduling.claims import PUBLISH_MARGIN_SECONDS

KEY: Final = "periodic_fabric_sync_running"
TIMEOUT_SECONDS: Final = 300

# Compare and act in one step on the server: between a GET and a DELETE the lock may pass to another tick.
_DELETE_IF_MINE: Final = "return redis.call('get', KEYS[1]) == ARGV[1] and redis.call('del', KEYS[1]) or 0"
# A value that looks like no token of ours is somebody's who holds the lock by hand: it is left until it expires.
_TAKE_IF_SILENT: Final = """
local held, left = redis.call('get', KEYS[1]), redis.call('pttl', KEYS[1])
if held and #held == #ARGV[1] and left >= 0 and left < tonumber(ARGV[2]) then
    redis.call('set', KEYS[1], ARGV[1], 'px', ARGV[3])
    return 1
end
return 0
"""
_EXTEND_IF_MINE: Final = "return redis.call('get', KEYS[1]) == ARGV[1] and redis.call('pexpire', KEYS[1], ARGV[2]) or 0"

log = structlog.get_logger(__name__)


class CacheLock:
    """One attempt to hold the lock ``key``, under an own random token."""

    def __init__(self, key: str, timeout_seconds: int) -> None:
        self.key = key
        self.timeout_seconds = timeout_seconds
        self.token = uuid4().hex
        self.available = True

    def acquire(self) -> bool:
        """Whether the work may begin: it got the lock, or the cache is down and there is none."""
        try:
            return cache.add(self.key, self.token, self.timeout_seconds)
        except Exception as error:  # noqa: BLE001 - whatever the cache's client raises
            self._unavailable(error, "there is no lock")
            return True

    def renew(self) -> None:
        """Extend the lock, if it is still one's own."""
        if self.available:  # a cache that is down must not cost its time-out again after each chunk
            self._if_mine(_EXTEND_IF_MINE, self.timeout_seconds * 1000)

    def release(self) -> None:
        """Free the lock, if it is still one's own; tried always, because an unanswered ``add`` may have got it."""
        self._if_mine(_DELETE_IF_MINE)

    def _if_mine(self, script: str, *args: Any) -> None:
        try:
            backend = caches[DEFAULT_CACHE_ALIAS]
            if isinstance(backend, RedisCache):
                self._evaluate(backend, script, *args)
            elif backend.get(self.key) == self.token:  # no such step in other caches: a small race remains
                backend.touch(self.key, self.timeout_seconds if script == _EXTEND_IF_MINE else 0)
        except Exception as error:  # noqa: BLE001 - the lock then ends by its timeout
            self._unavailable(error, "the lock ends by its timeout")

    def _evaluate(self, backend: RedisCache, script: str, *args: Any) -> Any:
        client = backend.client
        key, value = client.make_key(self.key), client.encode(self.token)
        return client.get_client(write=True).eval(script, 1, key, value, *args)

    def _unavailable(self, error: Exception, consequence: str) -> None:
        self.available = False
        log.warning("lock.unavailable", key=self.key, error=redact(error), consequence=consequence)


class TickLock(CacheLock):
    """The lock of the tick. One whose holder is silent for longer than a tick lasts is taken over: it was killed."""

    def __init__(self) -> None:
        super().__init__(KEY, TIMEOUT_SECONDS)

    def acquire(self) -> bool:
        """As of any lock; and whether the tick that holds it is dead."""
        return super().acquire() or self._take_from_the_dead()

    def _take_from_the_dead(self) -> bool:
        backend = caches[DEFAULT_CACHE_ALIAS]
        if not isinstance(backend, RedisCache):
            return False
        left_seconds = TIMEOUT_SECONDS - conf.tick_time_budget_seconds - PUBLISH_MARGIN_SECONDS
        try:
            is_taken = bool(self._evaluate(backend, _TAKE_IF_SILENT, int(left_seconds * 1000), TIMEOUT_SECONDS * 1000))
        except Exception as error:  # noqa: BLE001 - whatever the cache's client raises
            self._unavailable(error, "the lock ends by its timeout")
            return False
        if is_taken:
            log.warning("lock.taken_from_the_dead", key=self.key)
        return is_taken
