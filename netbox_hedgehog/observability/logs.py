"""Structured logging: one event per line, a constant name and fields, identifiers instead of objects.

``structlog.get_logger()`` is used everywhere; other libraries' records go through the same chain. Fields that are
bound with :func:`bound` stand on every line until its block ends, whoever logs. What others wrote (a Git server, a
repository) can neither begin a line of its own nor steer a terminal.
"""

from __future__ import annotations

import logging
import re
import sys
from contextlib import AbstractContextManager
from typing import Any, Final, cast

import structlog
from structlog.types import EventDict, Processor, WrappedLogger

from netbox_hedgehog.observability.redaction import redact_value
from netbox_hedgehog.observability.tracing import identifiers_of_span


def bound(**fields: object) -> AbstractContextManager[None]:
    """Put ``fields`` on every log line of this thread until the block ends."""
    return structlog.contextvars.bound_contextvars(**fields)


def add_trace(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """Name the span in which the event happened, if there is one."""
    event.update(identifiers_of_span())
    return event


def redact_event(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """Redact every field of an event, whatever its type."""
    return cast("EventDict", redact_value(event))


_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")
# What holds one of these, structlog shows as its ``repr``; all else as it is.
_QUOTED: Final = re.compile(r"[ \t=\r\n\"']")
_FIRST: Final = ("timestamp", "level", "event")
_LAST: Final = ("fabric", "fabric_id", "tick", "run", "task_id", "trace_id", "span_id")
_IDENTIFIERS: Final = ("task_id", "run", "trace_id", "span_id")
_SHOWN_OF_IDENTIFIER: Final = 8


def _in_order(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """What happened first, its own fields, and then whose it is: what is bound comes in any order."""
    names = [*_FIRST, *(name for name in event if name not in {*_FIRST, *_LAST}), *_LAST]
    return {name: event[name] for name in names if name in event}


def _on_one_line(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """A traceback's lines are indented; all else is one line."""
    traceback = event.pop("exception", "")
    for name, value in event.items():
        if isinstance(value, str) and (name == "event" or not _QUOTED.search(value)):
            event[name] = _shown(value)
    if traceback:
        event["exception"] = "\n".join(f"    {_shown(line)}" for line in traceback.splitlines())
    return event


def _shown(text: str) -> str:
    """``text`` with control characters as Python writes them."""
    return _CONTROL.sub(lambda found: found[0].encode("unicode_escape").decode(), text)


def _with_short_identifiers(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """For people their beginnings tell them apart; whole ones would push the fields off the screen."""
    for name in _IDENTIFIERS:
        if name in event:
            event[name] = str(event[name])[:_SHOWN_OF_IDENTIFIER]
    return event


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
    add_trace,
    structlog.stdlib.add_log_level,
    structlog.stdlib.add_logger_name,
    structlog.stdlib.ExtraAdder(),
    keep_traceback,
]


def _renderers(log_format: str) -> list[Processor]:
    if log_format == "json" or (log_format == "auto" and not sys.stderr.isatty()):
        return [
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            redact_event,
            _in_order,
            structlog.processors.JSONRenderer(),
        ]
    return [
        structlog.processors.TimeStamper(fmt="%H:%M:%S", utc=False),
        structlog.processors.format_exc_info,
        redact_event,
        _in_order,
        _on_one_line,
        _with_short_identifiers,
        _without_own_logger_name,
        structlog.dev.ConsoleRenderer(colors=False, pad_event_to=18, pad_level=False, sort_keys=False),
    ]


def logging_config(log_format: str, level: str) -> dict[str, Any]:
    """Return the ``dictConfig`` for the whole process and point structlog and warnings at standard logging.

    ``log_format`` is ``console``, ``json``, or ``auto``: for people on a terminal, for machines elsewhere.
    """
    logging.captureWarnings(capture=True)
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.stdlib.filter_by_level,
            add_trace,
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
            "axes": {"level": "WARNING"},
            "celery.beat": {"level": "WARNING"},
            "celery.worker.strategy": {"level": "WARNING"},
            "celery.app.trace": {"level": "WARNING"},
            "django.request": {"level": "ERROR"},
            # Django's defaults give these two handlers of their own, which redact nothing.
            "django": {"handlers": [], "level": "INFO", "propagate": True},
            "django.server": {"handlers": [], "level": "INFO", "propagate": True},
        },
    }
