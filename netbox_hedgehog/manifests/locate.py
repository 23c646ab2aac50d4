"""Find the line of a field, when there is something to say about it.

The parser can annotate every value with its line, but that makes parsing eight times slower, and quadratic in the
length of a line. So a document is parsed a second time, only when it has a problem or is a list of documents.
"""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Final

import yamlrocks

from netbox_hedgehog.manifests.screen import indicators

if TYPE_CHECKING:
    from netbox_hedgehog.manifests.problem import FieldPath

# The parser counts columns from the start of the line for each token; this is about 60 ms.
_MAX_COLUMN_STEPS: Final = 10**9


def syntax_trees(text: str) -> list[yamlrocks.YAMLRocksDocument]:
    """The documents with aliases unexpanded and tags kept. Raises ``YAMLRocksError``; see :func:`is_affordable`."""
    return yamlrocks.loads_all(text, option=yamlrocks.OPT_ROUND_TRIP)


def is_affordable(text: str, max_indicators: int) -> bool:
    """Whether a syntax tree of the text takes little time and memory."""
    tokens = indicators(text)
    if tokens > max_indicators:
        return False
    return len(text) * tokens <= _MAX_COLUMN_STEPS or max(map(len, text.split("\n"))) * tokens <= _MAX_COLUMN_STEPS


# About 30 MiB and 150 ms.
_LOCATED_INDICATORS: Final = 40_000


class Locator:
    """Lines of the fields of one document, which the parser has accepted."""

    def __init__(self, text: str, first_line: int, content_line: int) -> None:
        self._text = text
        self._first_line = first_line
        self._content_line = content_line

    def line_of(self, field: FieldPath) -> int:
        """The line of the field, of what encloses it if it is not written there, at worst of the first key."""
        if self._tree is not None:
            for end in range(len(field), 0, -1):
                # An offset of 0, where only the root can be, stands for a value that is left out.
                if (node := self._tree.locate(field[:end])) is not None and node.offset > 0:
                    return self._first_line + node.line - 1
        return self._content_line

    @cached_property
    def _tree(self) -> yamlrocks.YAMLRocksDocument | None:
        return syntax_trees(self._text)[0] if is_affordable(self._text, _LOCATED_INDICATORS) else None
