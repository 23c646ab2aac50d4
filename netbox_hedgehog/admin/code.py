"""Highlighted YAML and diffs: classes instead of colours, so that the style sheet has the say, light or dark."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any, Final

import yamlrocks
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString, mark_safe
from pygments import highlight
from pygments.formatters import HtmlFormatter
from pygments.lexers import YamlLexer

from netbox_hedgehog.admin.base import NOTHING

# Above this, highlighting would take a noticeable part of a second; nobody reads that much in colour.
MOST_HIGHLIGHTED: Final = 100_000

_PLAIN: Final = HtmlFormatter(nowrap=True, classprefix="code-")


_FATES: Final = {"+": "created", "~": "updated", "-": "deleted"}
"""Of a line of a record, by its sign."""


def as_code(value: Any) -> SafeString | str:
    """``value`` as a block of YAML that scrolls by itself; nothing for an empty one."""
    if not value:
        return NOTHING
    text = yaml_text(value)
    if len(text) <= MOST_HIGHLIGHTED:
        # Pygments escapes all text that it is given.
        text = mark_safe(highlight(text, YamlLexer(), _PLAIN))  # noqa: S308
    return _block(text)


def as_changes(lines: Iterable[str]) -> SafeString:
    """The lines of a record in a block, each in the colour of what became of its resource; nothing without lines."""
    text = format_html_join(
        "\n", '<span class="code-{}">{}</span>', ((_FATES.get(line[:1], "field"), line) for line in lines)
    )
    return _block(text) if text else text


def yaml_text(value: Any) -> str:
    """``value`` as YAML, or as JSON where it goes too deep for that."""
    try:
        return yamlrocks.dumps(value).decode()
    except yamlrocks.YAMLRocksError:
        return json.dumps(value, indent=2, ensure_ascii=False)


def _block(text: str) -> SafeString:
    return format_html('<pre class="hedgehog-pre hedgehog-code" tabindex="0">{}</pre>', text)
