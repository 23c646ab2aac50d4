"""The one function that removes secrets from text, and the logging filter that applies it.

Every error text passes through :func:`redact` before it is logged, stored or returned. It errs on the side of
removing too much: a wrongly hidden word costs a second look, a leaked token costs a rotation.
"""

from __future__ import annotations

import logging
import re
import string
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Final

REDACTED: Final = "[REDACTED]"

# Every pattern takes time linear in the length of the text: what repeats is bounded, possessive or consumed.
#
# A quoted value keeps its quotes, so that JSON stays JSON. Texts get cut off: where the closing quote is missing, the
# value reaches to the end.
_VALUE: Final = (
    r"(?:"
    r'"(?P<double>)(?:\\.|[^"\\])*+(?:"|\\?\Z)'
    r"|'(?P<single>)(?:\\?''|\\.|[^'\\])*+(?:'|\\?\Z)"  # YAML doubles the quote inside
    r"|(?P<escaped>\\+[\"']).*?(?:(?<!\\)(?P=escaped)|\Z)"  # a quoted string inside a quoted string
    r")[^\s,;:&)\]}\"'\\]*"
    r"|[|>][-+0-9]{0,3}[ \t]*(?:\r?\n(?:[ \t][^\n]*|(?=\r?\n|\Z)))+"  # a YAML block
)
_END_OF_NAME: Final = r"\\*[\"']?\]?[ \t]{0,8}[:=]+>?[ \t]*(?:\r?\n[ \t]+)?(?:![^\s]*[ \t]+)?"


def _named(names: str, unquoted_value: str) -> re.Pattern[str]:
    """``name: value`` and ``name=value`` for every name that contains one of ``names``."""
    return re.compile(
        rf"(?is)(?P<name>(?:{names})[a-z0-9_\-]{{0,64}}+{_END_OF_NAME})(?:{_VALUE}|{unquoted_value})",
    )


def _hide_value(match: re.Match[str]) -> str:
    quote = '"' if match["double"] is not None else "'" if match["single"] is not None else match["escaped"] or ""
    return f"{match['name']}{quote}{REDACTED}{quote}"


def _hide_user(match: re.Match[str]) -> str:
    """All before the last @ goes: a password that was pasted in may contain / ? # and @ itself."""
    _, at_sign, host = match[0].rpartition("@")
    return f"://{REDACTED}@{host}" if at_sign else match[0]


# Order matters: whole structures (keys, URLs) before the words inside them.
_RULES: Final[tuple[tuple[re.Pattern[str], str | Callable[[re.Match[str]], str]], ...]] = (
    # PEM, OpenSSH, SSH2 and PGP private keys, also when cut off before their END line.
    (
        re.compile(
            r"-{4,5} ?BEGIN [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)? ?-{4,5}"
            r".*?(?:-{4,5} ?END [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)? ?-{4,5}|\Z)",
            re.DOTALL,
        ),
        REDACTED,
    ),
    # scheme://user:password@host, scheme://token@host. The match runs to the end of the word, so nothing is read twice.
    (re.compile(r"://[^\s\"<>]+"), _hide_user),
    # Authorization headers, whatever the scheme, and cookies.
    (_named(r"authorization|cookie", r"[^\r\n]+"), _hide_value),
    (
        # A capital, digit or sign inside: "basic authentication" is no secret.
        re.compile(r"\b(?P<scheme>(?i:bearer|basic))\s+(?=\S\S*[A-Z0-9+/=_])[A-Za-z0-9+/=_\-.~]{8,}"),
        rf"\g<scheme> {REDACTED}",
    ),
    # Tokens of the usual hosts, recognisable by their prefixes.
    (
        re.compile(
            r"(?<![A-Za-z0-9])(?:gh[pousr]_[A-Za-z0-9]{16,}|github_pat_[A-Za-z0-9_]{20,}"
            r"|gl(?:pat|dt|rt|cbt|ptt|ft|soat|agent|oas|imt)-[A-Za-z0-9_\-.]{16,}"
            r"|ATBB[A-Za-z0-9_\-=]{16,}|AT[AC]TT[A-Za-z0-9_\-=]{16,}"
            r"|xox[abeprs]-[A-Za-z0-9\-]{10,}|(?:AKIA|ASIA)[A-Z0-9]{16}|AIza[A-Za-z0-9_\-]{35}"
            r"|hv[sbr]\.[A-Za-z0-9_\-]{16,}|npm_[A-Za-z0-9]{30,}|pypi-[A-Za-z0-9_\-]{16,}"
            r"|dop_v1_[a-f0-9]{32,}|sk-[A-Za-z0-9_\-]{20,}"
            r"|eyJ[A-Za-z0-9_\-]{8,}\.[A-Za-z0-9_\-]{8,}\.[A-Za-z0-9_\-]*)"
        ),
        REDACTED,
    ),
    # Every key whose name says secret. A pass phrase has spaces, a token has none.
    (_named(r"passw(?:or)?d|passphrase|pwd|secret", r"(?<=:)[^\r\n]+|(?<=:[ \t])[^\r\n]+|\S+"), _hide_value),
    (_named(r"token|(?:api|access|account|private|encryption|signing)[_\-]?key|credentials?", r"\S+"), _hide_value),
)
_KEY_END: Final = re.compile(r"-{4,5} ?END [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)? ?-{4,5}")
_IN_A_KEY: Final = string.ascii_letters + string.digits + "+/=\\" + string.whitespace
_MOST_PASSES: Final = 5
_DEEPEST: Final = 20


def redact(text: object) -> str:
    """Return ``str(text)`` with every recognised secret replaced by ``[REDACTED]``.

    Idempotent: redacting twice gives the same text.
    """
    try:
        result = str(text)
    except Exception:  # noqa: BLE001 - what cannot be printed cannot leak, and must not cost the line it stands in
        return f"<unprintable {type(text).__name__}>"
    for _ in range(_MOST_PASSES):
        before, result = result, _redact_once(result)
        if result == before:  # hiding one secret can uncover the shape of another
            return result
    return REDACTED  # quotes without end: nobody can tell what belongs to what


def _redact_once(text: str) -> str:
    for pattern, replacement in _RULES:
        text = pattern.sub(replacement, text)
    *keys_without_begin, rest = _KEY_END.split(text)
    return "".join(key.rstrip(_IN_A_KEY) + REDACTED for key in keys_without_begin) + rest


def redact_value(value: object, depth: int = 0) -> object:
    """Redact every text inside ``value``; containers keep their shape, numbers, flags and None pass."""
    if isinstance(value, str):
        return redact(value)
    if value is None or isinstance(value, bool | int | float):
        return value
    if depth < _DEEPEST and isinstance(value, Mapping):
        return {
            _redact_key(key): REDACTED if _names_a_secret(str(key)) else redact_value(item, depth + 1)
            for key, item in value.items()
        }
    if depth < _DEEPEST and isinstance(value, list | tuple | set | frozenset):
        return [redact_value(item, depth + 1) for item in value]
    return redact(_Repr(value))


class _Repr:
    """Prints an object as its ``repr``, inside :func:`redact`, which survives one that raises."""

    def __init__(self, value: object) -> None:
        self.value = value

    def __str__(self) -> str:
        return repr(self.value)


def _redact_key(key: object) -> object:
    return redact(key) if isinstance(key, str) else key


@lru_cache(maxsize=1024)
def _names_a_secret(key: str) -> bool:
    """Whether ``key=x`` would be redacted as text; the value alone does not show that it is one."""
    return REDACTED in redact(f"{key}=x")


class RedactingFilter(logging.Filter):
    """Redacts a record's message, arguments, traceback and stack; sits on every handler, so no logger can miss it."""

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
        if record.stack_info:
            record.stack_info = redact(record.stack_info)
        return True
