"""Structured logging: one event per line, a constant name and fields, identifiers instead of objects.

``structlog.get_logger()`` is used everywhere; other libraries' records go through the same chain. Fields that are
bound with :func:`bound` stand on every line until its block ends, whoever logs.
"""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import Any, Final, cast

import structlog
from structlog.types import EventDict, Processor, WrappedLogger

from netbox_hedgehog.observability.redaction import redact_value


def bound(**fields: object) -> AbstractContextManager[None]:
    """Put ``fields`` on every log line of this thread until the block ends."""
    return structlog.contextvars.bound_contextvars(**fields)


def redact_event(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """Redact every field of an event, whatever its type."""
    return cast("EventDict", redact_value(event))


def _without_own_logger_name(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """For people the event's name says enough; the module's name would only push the fields off the screen."""
    if str(event.get("logger", "")).startswith("netbox_hedgehog."):
        del event["logger"]
    return event


def keep_traceback(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """Show the traceback that the redacting filter has put into words; structlog looks for the exception only."""
    if text := event["_record"].exc_text:
        event["exception"] = text
    return event


_SHARED: Final[list[Processor]] = [
    structlog.contextvars.merge_contextvars,
    structlog.stdlib.add_log_level,
    structlog.stdlib.add_logger_name,
    structlog.stdlib.ExtraAdder(),
    keep_traceback,
]


def _renderers(log_format: str) -> list[Processor]:
    if log_format == "json":
        return [
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            redact_event,
            structlog.processors.JSONRenderer(),
        ]
    return [
        structlog.processors.TimeStamper(fmt="%H:%M:%S", utc=False),
        structlog.processors.format_exc_info,
        redact_event,
        _without_own_logger_name,
        structlog.dev.ConsoleRenderer(colors=False, pad_event_to=18, pad_level=False, sort_keys=False),
    ]


def logging_config(log_format: str, level: str) -> dict[str, Any]:
    """Return the ``dictConfig`` for the whole process and point structlog at standard logging."""
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.stdlib.filter_by_level,
            structlog.stdlib.add_log_level,
            structlog.stdlib.add_logger_name,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        wrapper_class=structlog.stdlib.BoundLogger,
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=True,
    )
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "filters": {"redact": {"()": "netbox_hedgehog.observability.redaction.RedactingFilter"}},
        "formatters": {
            "structured": {
                "()": structlog.stdlib.ProcessorFormatter,
                "foreign_pre_chain": _SHARED,
                "processors": [
                    structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                    *_renderers(log_format),
                ],
            },
        },
        "handlers": {
            "stderr": {"class": "logging.StreamHandler", "formatter": "structured", "filters": ["redact"]},
        },
        "root": {"handlers": ["stderr"], "level": level},
        "loggers": {
            # Beat and the worker announce each message; our own lines tell the story with names and outcomes.
            "celery.beat": {"level": "WARNING"},
            "celery.worker.strategy": {"level": "WARNING"},
            "celery.app.trace": {"level": "WARNING"},
            "django.request": {"level": "ERROR"},
            # Django's defaults give these two handlers of their own, which redact nothing.
            "django": {"handlers": [], "level": "INFO", "propagate": True},
            "django.server": {"handlers": [], "level": "INFO", "propagate": True},
        },
    }
