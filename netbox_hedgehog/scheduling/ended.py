"""Claims that ended before their message came, as one process has heard of them.

A tick sends a message for each due fabric, and one look at a repository settles all its fabrics that wait. Where
hundreds share a repository nearly every message then comes for nothing. Who knows that can drop it on arrival.
"""

from __future__ import annotations

import threading
import time
from typing import Final

import structlog
from django.db import DatabaseError, InterfaceError, close_old_connections, connections

from netbox_hedgehog.models import SyncRun

ENOUGH: Final = 40
"""Questions about one tick's claims from which on it is worth asking the database; each message asks twice."""

KEPT_CLAIMS: Final = 4
"""Ticks whose messages may be on their way at once; more are forgotten, which costs time and nothing else."""

_EVERY_SECONDS: Final = 0.5
_AFTER_ERROR_SECONDS: Final = 5.0
_IDLE_SECONDS: Final = 30.0
_MOST_ROWS: Final = 10_000

log = structlog.get_logger(__name__)


class EndedClaims:
    """Answers from memory; a thread of its own reads what has ended, while somebody asks.

    The history names the claim under which a fabric was settled. A tick sends a fabric once, so its claim ends once and
    for ever: what was read stays true, and what was not read yet is merely not known. Asking often makes it read.
    """

    def __init__(self) -> None:
        self._claims: dict[str, _Claim] = {}
        self._wanted = threading.Event()
        self._reader: threading.Thread | None = None
        # Rows become visible in another order than that of their keys: each is looked for twice.
        self._newest, self._newest_before = 0, 0

    def has_ended(self, token: str, fabric_id: int) -> bool:
        """Whether that claim of the fabric is known to have ended."""
        claim = self._claims.get(token) or self._begin(token)
        if fabric_id in claim.ended:
            return True
        claim.asked += 1
        if claim.asked >= ENOUGH:
            self._want()
        return False

    def _begin(self, token: str) -> _Claim:
        while len(self._claims) >= KEPT_CLAIMS:
            del self._claims[next(iter(self._claims))]
        claim = self._claims[token] = _Claim()
        return claim

    def _want(self) -> None:
        if self._reader is None or not self._reader.is_alive():
            reader = threading.Thread(target=self._read_on, name="ended-claims", daemon=True)
            try:
                reader.start()
            except RuntimeError as error:  # no thread is to be had; whoever receives messages goes on without
                log.warning("claims.not_read", error=str(error))
                return
            self._reader = reader
        self._wanted.set()

    def _read_on(self) -> None:
        while True:
            if not self._wanted.wait(_IDLE_SECONDS):
                connections.close_all()
                # By then it may be another database, whose keys are lower.
                self._newest = self._newest_before = 0
                self._wanted.wait()
            self._wanted.clear()
            try:
                close_old_connections()
                self.read()
                time.sleep(_EVERY_SECONDS)
            except (DatabaseError, InterfaceError) as error:
                log.warning("claims.not_read", error=str(error))
                time.sleep(_AFTER_ERROR_SECONDS)

    def read(self) -> None:
        """Learn what has ended since the last time. Raises what the database raises."""
        rows = SyncRun.objects.filter(pk__gt=self._newest_before).order_by("-pk")
        latest = list(rows.values_list("pk", "token", "fabric_id")[:_MOST_ROWS])
        for _, token, fabric_id in latest:
            if claim := self._claims.get(str(token)):
                claim.ended.add(fabric_id)
        self._newest_before = self._newest
        self._newest = latest[0][0] if latest else self._newest


class _Claim:
    """What is known of one claim, which a tick has taken on many fabrics."""

    __slots__ = ("asked", "ended")

    def __init__(self) -> None:
        self.asked = 0
        self.ended: set[int] = set()
