"""Cut a file into its documents, so that each is parsed, and fails, on its own."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator

# YAML 1.2, 9.1.2: these two at the start of a line end a document wherever they stand, block scalars included.
# A pattern that begins with a fixed text is found several times faster than one with ^ or alternatives.
_START: Final = re.compile(r"\n---(?=[ \t\n]|\Z)")
_END: Final = re.compile(r"\n\.\.\.(?=[ \t\n]|\Z)")
_FIRST: Final = re.compile(r"(?:---|\.\.\.)(?=[ \t\n]|\Z)")
# Possessive throughout: whitespace and comments are free to write, so nothing here may backtrack.
_LEAD: Final = re.compile(r"(?:---(?=\s))?+(?:[ \t\n]++|#[^\n]*+|&\S++(?=[ \t]*+[#\n]))*+")
_SURROGATE_PAIR: Final = re.compile(r"(?<!\\)((?:\\\\)*+)\\u(d[89ab][0-9a-f]{2})\\u(d[c-f][0-9a-f]{2})", re.IGNORECASE)


class Chunk(NamedTuple):
    """One document's text; its first line is the file's line ``first_line``.

    Its content, from the first key on, begins at the file's line ``content_line`` and the text's ``content_offset``.
    """

    text: str
    first_line: int
    content_line: int
    content_offset: int

    def is_empty(self) -> bool:
        """Whether it surely holds white space and comments only."""
        return self.content_offset == len(self.text) and "&" not in self.text


def chunks(text: str) -> Iterator[Chunk]:
    """The documents in order, empty ones too; concatenated they are the text without ``...`` markers."""
    start = skip = 0
    line = 1
    for marker in _markers(text):
        if marker:
            yield _chunk(text[start + skip : marker], line)
        line += text.count("\n", start, marker)
        start = marker
        skip = 3 if text[marker] == "." else 0
    yield _chunk(text[start + skip :], line)


def _markers(text: str) -> list[int]:
    """Where the markers stand."""
    found = [match.start() + 1 for match in _START.finditer(text)]
    if "\n..." in text:
        found = sorted(found + [match.start() + 1 for match in _END.finditer(text)])
    return [0, *found] if _FIRST.match(text) else found


def _chunk(text: str, first_line: int) -> Chunk:
    lead = _LEAD.match(text)
    offset = lead.end() if lead else 0
    return Chunk(text, first_line, first_line + text.count("\n", 0, offset), offset)


def is_json(text: str) -> bool:
    """Whether the text is one JSON object or array; then it holds no tags, anchors or aliases."""
    if not text.lstrip(" \t\n").startswith(("{", "[")):
        return False
    try:
        json.loads(text, parse_constant=_refuse_constant)
    except (ValueError, RecursionError):
        return False
    return True


def as_yaml(text: str) -> str:
    """JSON in the form that the YAML parser reads: no tabs between tokens, no escaped surrogate pairs.

    JSON strings hold no raw tabs, so each one found is white space.
    """
    return _SURROGATE_PAIR.sub(_join_pair, text).replace("\t", " ")


def _join_pair(match: re.Match[str]) -> str:
    high, low = int(match[2], 16), int(match[3], 16)
    return match[1] + chr(0x10000 + ((high & 0x3FF) << 10) + (low & 0x3FF))


def _refuse_constant(name: str) -> None:
    raise ValueError(name)
