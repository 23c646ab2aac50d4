"""The way of a sync's message in a worker's main process, before one of its processes gets it."""

from __future__ import annotations

from typing import Final

from celery.worker.request import Request
from celery.worker.state import task_ready

from netbox_hedgehog.scheduling.ended import EndedClaims
from netbox_hedgehog.tasks.publishing import CLAIM_HEADER

ENDED_CLAIMS: Final = EndedClaims()


class SyncRequest(Request):
    """A message that is dropped on arrival if its claim is known to have ended.

    A process would find that out, too, at ten times the cost: handing a message over is most of what it takes.
    """

    def revoked(self) -> bool:
        """Whether nothing is to be done; the message is acknowledged then.

        Celery asks when a message arrives that expires, as those of the schedule do, and once more before handing over.
        """
        if super().revoked():
            return True
        if self._is_in_vain():
            self._drop()
            return True
        return False

    def _is_in_vain(self) -> bool:
        match self.request_dict.get(CLAIM_HEADER), self.args:
            case str(token), [int(fabric_id)]:
                return ENDED_CLAIMS.has_ended(token, fabric_id)
        return False

    def _drop(self) -> None:
        task_ready(self)
        self.acknowledge()
        self._already_revoked = True
