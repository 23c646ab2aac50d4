"""Probes: whether this process is alive, whether it can serve pages, whether the fleet as a whole stays fresh.

They answer strangers with the state of each part and nothing else, in bounded time, from results that are a few
seconds old at most. docs/monitoring.md says which probe belongs where, and why.
"""

from __future__ import annotations

import asyncio
import dataclasses
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import AbstractContextManager, nullcontext
from datetime import timedelta
from time import monotonic
from typing import Any, ClassVar, Final, override

import structlog
from asgiref.sync import sync_to_async
from django.db import connections
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.utils.cache import add_never_cache_headers
from health_check.base import HealthCheck
from health_check.views import HealthCheckView

from netbox_hedgehog.health import NEEDED_BY_FLEET, NEEDED_BY_PAGES, Finding, Look, State
from netbox_hedgehog.web.keys import has_key, is_staff

KEEP_SECONDS: Final = 2.0
"""However many ask, the parts are looked at once in so many seconds by each process."""

# A look that hangs keeps its thread until the driver gives up; with these, the looks of some later probes still run.
_EXECUTOR: Final = ThreadPoolExecutor(max_workers=16, thread_name_prefix="probe")

log = structlog.get_logger(__name__)


def alive(_request: HttpRequest) -> HttpResponse:
    """Answer: that is all. A liveness probe that looked at a server would restart this process for that server."""
    response = HttpResponse("ok\n", content_type="text/plain")
    add_never_cache_headers(response)
    return response


@dataclasses.dataclass(repr=False)
class PartCheck(HealthCheck):  # type: ignore[misc]  # it ships no types
    """One part of the installation, looked at as `doctor` does, in a thread that nobody waits for too long."""

    look: Look
    timeout: ClassVar[timedelta] = timedelta(seconds=2)  # the library adds a second
    seen: Finding | None = dataclasses.field(default=None, init=False)

    @override
    def run(self) -> None:
        try:
            self.seen = self.look.finding()
        finally:
            connections.close_all()  # of this thread, which no request's end tidies up

    @property
    def finding(self) -> Finding:
        """What was seen, or that nothing was seen in time."""
        slow = f"It does not answer within {self.timeout.total_seconds() + 1:.0f} s."
        return self.seen or Finding(self.look.part, State.BAD, slow, self.look.remedy)


class PartsView(HealthCheckView):  # type: ignore[misc]  # as above
    """The state of some parts; 503 if one is bad. ``exclude`` leaves a part out of account, as in Kubernetes' own."""

    looks: tuple[Look, ...] = ()
    _kept: ClassVar[dict[type[PartsView], tuple[float, list[Finding]]]] = {}

    @override
    def get_checks(self) -> Any:
        return (PartCheck(look) for look in self.looks)

    @override
    def get_executor(self) -> AbstractContextManager[Executor | None]:
        return nullcontext(_EXECUTOR)

    @override
    async def get(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        findings = await self._findings()
        excluded = set(request.GET.getlist("exclude"))
        is_bad = any(finding.state == State.BAD for finding in findings if finding.part not in excluded)
        tells_all = has_key(request) or await sync_to_async(is_staff)(request)
        tells = dataclasses.asdict if tells_all else _state_alone
        parts = {finding.part: tells(finding) for finding in findings}
        body = {"status": "bad" if is_bad else "good", "parts": parts}
        response = JsonResponse(body, status=503 if is_bad else 200)
        # As Django marks what it has logged: the answer says what is bad, and an ERROR for each question helps nobody.
        response._has_been_logged = True  # type: ignore[attr-defined]  # noqa: SLF001
        return response

    async def _findings(self) -> list[Finding]:
        until, findings = self._kept.get(type(self), (0.0, []))
        if monotonic() < until:
            return findings
        checks = list(self.get_checks())
        with self.get_executor() as executor:
            await asyncio.gather(*(check.get_result(executor) for check in checks))
        findings = [check.finding for check in checks]
        for finding in findings:
            if finding.state == State.BAD:
                log.warning("probe.bad", part=finding.part, seen=finding.seen)
        self._kept[type(self)] = (monotonic() + KEEP_SECONDS, findings)
        return findings


def _state_alone(finding: Finding) -> str:
    return finding.state.value


class ReadyView(PartsView):
    """Whether this process can serve pages and take orders. No worker is needed for that, and no tick."""

    looks = NEEDED_BY_PAGES


class FleetView(PartsView):
    """Whether fabrics stay fresh: also workers and ticks. For alarms, not for traffic."""

    looks = NEEDED_BY_FLEET
