"""How far a running sync is, where every process can read it: in the cache, under the sync's claim."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from time import monotonic
from typing import Final, TypedDict
from uuid import UUID

import structlog
from billiard.exceptions import SoftTimeLimitExceeded
from django.core.cache import cache

from netbox_hedgehog.models import HedgehogFabric
from netbox_hedgehog.observability.redaction import redact

READING: Final = "reading"
"""The stage after the Git engine's ``receiving`` and ``indexing``: manifests, of those that have to be read."""

SECONDS_BETWEEN: Final = 1.0
_KEEP_SECONDS: Final = 600

type Listener = Callable[[str, int, int], None]
"""Called with a stage, how much of it is done, and of how much."""

log = structlog.get_logger(__name__)


class Progress(TypedDict):
    """One look at a running sync; ``total`` is of the same unit as ``done``: objects, deltas or files."""

    stage: str
    done: int
    total: int


class Teller:
    """Tells how far the sync with this claim is; called often, it speaks once a second."""

    def __init__(self, claim: UUID, listener: Listener | None = None) -> None:
        self._key = _key(claim)
        self._listener = listener
        self._next = 0.0
        self._stores = True

    def __call__(self, stage: str, done: int, total: int) -> None:
        """Take note of a step; raises what the listener raises, and that stops the sync."""
        if (now := monotonic()) < self._next:
            return
        self._next = now + SECONDS_BETWEEN
        if self._stores:
            self._store(Progress(stage=stage, done=done, total=total))
        if self._listener is not None:
            self._listener(stage, done, total)

    def _store(self, progress: Progress) -> None:
        try:
            cache.set(self._key, progress, _KEEP_SECONDS)
        except SoftTimeLimitExceeded:
            raise
        except Exception as error:  # noqa: BLE001 - whatever the cache's client raises: no sync fails for its display
            self._stores = False  # a cache that is down must not cost its time-out every second
            log.warning("sync.progress_not_stored", error=redact(error))


def progress_of(fabrics: Iterable[HedgehogFabric]) -> dict[int, Progress]:
    """How far the syncs of ``fabrics`` are, by the fabric's id, in one question to the cache.

    Those that are not syncing, or have not fetched or read anything yet, are missing. So are all while the cache is
    down.
    """
    keys = {_key(fabric.claim_token): fabric.pk for fabric in fabrics if fabric.claim_token and fabric.claim_started_at}
    try:
        return {keys[key]: progress for key, progress in cache.get_many(keys).items()} if keys else {}
    except Exception as error:  # noqa: BLE001 - as above
        log.warning("sync.progress_not_read", error=redact(error))
        return {}


def _key(claim: UUID) -> str:
    # Under the claim, not the fabric: what a killed worker said last is never taken for the next sync's.
    return f"sync-progress:{claim.hex}"
