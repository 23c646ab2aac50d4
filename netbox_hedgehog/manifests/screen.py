"""Refuse, before the parser runs, the inputs that would cost it far more than their size suggests.

Measured with yamlrocks 0.7 on inputs of at most 1 MiB: ``0x`` and a million digits keep it busy for many minutes,
20,000 integer keys chosen to collide in a dict for 4 s, a million list markers for 150 MiB.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from netbox_hedgehog.manifests.limits import ManifestLimits

_BYTE_ORDER_MARK: Final = b"\xef\xbb\xbf"

type Refusal = tuple[int, str]
"""A line and a message."""

# Every node of a document needs one of these, so their number bounds the nodes from above.
_INDICATORS: Final = (":", ",", "[", "{", "- ", "-\n", "? ", "!", "&", "*")
# Below 2**61 only a handful of integers share a hash, so shorter ones cannot be made to collide.
_LONG_INTEGER: Final = re.compile(r"0[xo][0-9a-fA-F]{17,}+|[0-9]{20,}+")
_MAX_DIGITS: Final = 128
_MAX_LONG_INTEGERS: Final = 1000
_BEFORE_A_VALUE: Final = frozenset(" \t\n[{,:+-")
# Decimal digits are read in linear time, and fewer than a thousand keys cannot do harm by colliding.
_DECIMALS_MATTER_FROM: Final = 16 * 1024


def decode(data: bytes, limits: ManifestLimits) -> str | Refusal:
    """The text of a file, without byte order mark and with LF line breaks; or why it is not read."""
    if len(data) > limits.max_file_bytes:
        return 1, f"the file has {len(data)} bytes, more than the {limits.max_file_bytes} allowed"
    try:
        text = data.removeprefix(_BYTE_ORDER_MARK).decode()
    except UnicodeDecodeError as error:
        return error.object.count(b"\n", 0, error.start) + 1, "the file is not UTF-8 text; save it as UTF-8"
    return text.replace("\r\n", "\n").replace("\r", "\n") if "\r" in text else text


def refusal(text: str, limits: ManifestLimits) -> Refusal | None:
    """Why the text is not given to the parser; None if it may be."""
    if len(text) > limits.max_nodes and indicators(text) > limits.max_nodes:
        return 1, f"the file holds more than {limits.max_nodes} values"
    if len(text) < _DECIMALS_MATTER_FROM and "0x" not in text and "0o" not in text:
        return None
    return _costly_integers(text)


def indicators(text: str) -> int:
    """An upper bound of the nodes in the text, aliases not expanded; cheap."""
    return sum(text.count(indicator) for indicator in _INDICATORS)


def _costly_integers(text: str) -> Refusal | None:
    count = 0
    for match in _LONG_INTEGER.finditer(text):
        start, end = match.span()
        if start and text[start - 1] not in _BEFORE_A_VALUE:
            continue  # quoted, or the tail of a longer word
        count += 1
        if end - start > _MAX_DIGITS or count > _MAX_LONG_INTEGERS:
            return text.count("\n", 0, start) + 1, "integers must fit into 64 bits; quote it if it is a text"
    return None
