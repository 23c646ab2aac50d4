"""The one function that removes secrets from text, and the logging filter that applies it.

Every error text passes through :func:`redact` before it is logged, stored or returned. It errs on the side of
removing too much: a wrongly hidden word costs a second look, a leaked token costs a rotation.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Mapping
from typing import Final

REDACTED: Final = "[REDACTED]"

# Order matters: whole structures (keys, URLs) before the words inside them.
_RULES: Final[tuple[tuple[re.Pattern[str], str], ...]] = (
    # PEM and OpenSSH private keys, also when cut off before their END line.
    (
        re.compile(r"-----BEGIN [A-Z0-9 ]*PRIVATE KEY-----.*?(?:-----END [A-Z0-9 ]*PRIVATE KEY-----|\Z)", re.DOTALL),
        REDACTED,
    ),
    # scheme://user:password@host and scheme://token@host: everything before the last @ of the authority goes.
    (re.compile(r"(?P<scheme>\b[a-zA-Z][a-zA-Z0-9+.\-]{0,30}://)[^\s/?#\"'<>]*@"), rf"\g<scheme>{REDACTED}@"),
    # Authorization headers, whatever the scheme.
    (
        re.compile(
            r"(?i)(?P<name>\b(?:proxy-)?authorization\b[\"']?\s*[:=]\s*[\"']?)(?:(?:basic|bearer|token|digest)\s+)?[^\s\"',;]+"
        ),
        rf"\g<name>{REDACTED}",
    ),
    (re.compile(r"(?i)\b(?P<scheme>bearer|basic)\s+[A-Za-z0-9+/=_\-.~]{8,}"), rf"\g<scheme> {REDACTED}"),
    # Tokens of the usual hosts, recognisable by their prefixes.
    (
        re.compile(
            r"\b(?:gh[pousr]_[A-Za-z0-9]{16,}|github_pat_[A-Za-z0-9_]{20,}"
            r"|gl(?:pat|dt|rt|cbt|ptt|ft|soat|agent|oas|imt)-[A-Za-z0-9_\-.]{16,}"
            r"|ATBB[A-Za-z0-9_\-=]{16,}|ATATT[A-Za-z0-9_\-=]{16,}"
            r"|xox[abeprs]-[A-Za-z0-9\-]{10,}|(?:AKIA|ASIA)[A-Z0-9]{16}"
            r"|hv[sbr]\.[A-Za-z0-9_\-]{16,}|npm_[A-Za-z0-9]{30,}|pypi-[A-Za-z0-9_\-]{16,}"
            r"|dop_v1_[a-f0-9]{32,}|sk-[A-Za-z0-9_\-]{20,}"
            r"|eyJ[A-Za-z0-9_\-]{8,}\.[A-Za-z0-9_\-]{8,}\.[A-Za-z0-9_\-]*)"
        ),
        REDACTED,
    ),
    # key=value and "key": "value" for every key whose name says secret.
    (
        re.compile(
            r"(?i)(?P<key>[\"']?\b[a-z0-9_\-.]{0,40}(?:password|passwd|passphrase|pwd|secret|token|api[_\-]?key|access[_\-]?key"
            r"|private[_\-]?key|credentials?|encryption[_\-]?key)[a-z0-9_\-]{0,40}[\"']?\s*(?:=>|[:=])\s*)"
            r"(?P<value>\"(?:[^\"\\]|\\.)*\"|'(?:[^'\\]|\\.)*'|[^\s,;&)\]}]+)"
        ),
        rf"\g<key>{REDACTED}",
    ),
)


def redact(text: object) -> str:
    """Return ``str(text)`` with every recognised secret replaced by ``[REDACTED]``.

    Idempotent: redacting twice gives the same text.
    """
    result = str(text)
    for pattern, replacement in _RULES:
        result = pattern.sub(replacement, result)
    return result


def redact_value(value: object) -> object:
    """Redact every text inside ``value``; containers keep their shape, numbers, flags and None pass."""
    if isinstance(value, str):
        return redact(value)
    if isinstance(value, Mapping):
        return {key: REDACTED if _names_a_secret(key) else redact_value(item) for key, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [redact_value(item) for item in value]
    if value is None or isinstance(value, bool | int | float):
        return value
    return redact(repr(value))


def _names_a_secret(key: object) -> bool:
    """Whether ``key: x`` would be redacted as text; the value alone does not show that it is one."""
    return REDACTED in redact(f"{key}=x")


class RedactingFilter(logging.Filter):
    """Redacts a record's message, arguments and traceback; sits on every handler, so no logger can miss it."""

    _formatter: Final = logging.Formatter()

    def filter(self, record: logging.LogRecord) -> bool:
        """Rewrite ``record`` in place; always let it through."""
        if isinstance(record.msg, Mapping):  # a structured event: its formatter redacts each field
            return True
        try:
            message = record.getMessage()
        except Exception:  # noqa: BLE001 - a wrong format string must not cost the log line
            message = f"{record.msg} {record.args}"
        record.msg, record.args = redact(message), None
        if record.exc_info and not record.exc_text:
            record.exc_text = self._formatter.formatException(record.exc_info)
        if record.exc_text:
            record.exc_text, record.exc_info = redact(record.exc_text), None
        return True
