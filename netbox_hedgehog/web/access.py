"""Gunicorn's own logs, as all others of the process: structured, redacted, one event per line."""

from __future__ import annotations

import logging.config
import os
from datetime import timedelta
from typing import Any, Final, override

import structlog
from gunicorn.glogging import Logger as GunicornLogger

from netbox_hedgehog.web.middleware import PROBES

_GOOD: Final = 200


class Logger(GunicornLogger):  # type: ignore[misc]  # it ships no types
    """For ``gunicorn --logger-class``; with ``--access-logfile -`` each request is an event."""

    @override
    def setup(self, cfg: Any) -> None:
        super().setup(cfg)
        os.environ.setdefault("DJANGO_SETTINGS_MODULE", "netbox_hedgehog.settings")
        from django.conf import settings  # noqa: PLC0415 - not configured before

        logging.config.dictConfig(settings.LOGGING)
        for logger in (self.error_log, self.access_log):
            logger.handlers.clear()
            logger.propagate = True

    @override
    def access(self, resp: Any, req: Any, environ: dict[str, Any], request_time: timedelta) -> None:
        """Tell of one request: without its query, which may hold anything, and not of probes that go well."""
        path, status = environ.get("PATH_INFO", ""), int(str(resp.status).split(None, 1)[0])
        if not self.access_log_enabled or (path in PROBES and status == _GOOD):
            return
        structlog.get_logger("gunicorn.access").info(
            "http.request",
            method=environ.get("REQUEST_METHOD"),
            path=path,
            status=status,
            bytes=getattr(resp, "sent", None),
            seconds=round(request_time.total_seconds(), 4),
            client=environ.get("REMOTE_ADDR"),
        )
