"""Renew a running sync's claim from a second thread, so that a long fetch keeps it and a killed worker loses it."""

from __future__ import annotations

import threading
from contextvars import copy_context
from types import TracebackType
from typing import Self
from uuid import UUID

import structlog
from django.db import DatabaseError, InterfaceError, connections
from django.utils import timezone

from netbox_hedgehog.conf import conf
from netbox_hedgehog.scheduling import claims

log = structlog.get_logger(__name__)


class Heartbeat:
    """A context manager: while it is open, the claim is renewed at a third of its length."""

    def __init__(self, fabric_id: int, token: UUID) -> None:
        self._fabric_id = fabric_id
        self._token = token
        self._stop = threading.Event()
        self._lost = threading.Event()
        # In a copy of the sync's context, so that its lines name the same fabric, run and task.
        self._thread = threading.Thread(
            target=copy_context().run, args=(self._beat,), name=f"heartbeat-{fabric_id}", daemon=True
        )

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop.set()
        self._thread.join()

    @property
    def lost(self) -> bool:
        """Whether the claim is known to be gone: what was begun under it is in vain."""
        return self._lost.is_set()

    def _beat(self) -> None:
        try:
            while not self._stop.wait(conf.running_claim_seconds / 3):
                if not self._renew():
                    return
        finally:
            connections.close_all()

    def _renew(self) -> bool:
        """Whether to go on. A database that is away may be back at the next beat; a lost claim is lost."""
        try:
            if claims.renew(self._fabric_id, timezone.now(), self._token):
                return True
        except (DatabaseError, InterfaceError) as error:
            log.warning("sync.heartbeat_missed", error=str(error))
            return True
        self._lost.set()
        log.warning("sync.claim_lost")
        return False
