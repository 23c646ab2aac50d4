"""Documents as highlighted YAML: classes instead of colours, so that the style sheet has the say, light or dark."""

from __future__ import annotations

from typing import Any, Final

from django.utils.html import format_html
from django.utils.safestring import SafeString, mark_safe
from pygments import highlight
from pygments.formatters import HtmlFormatter
from pygments.lexers import YamlLexer

from netbox_hedgehog.admin.base import NOTHING, yaml_text

# Above this, highlighting would take a noticeable part of a second; nobody reads that much in colour.
MOST_HIGHLIGHTED: Final = 100_000

_PLAIN: Final = HtmlFormatter(nowrap=True, classprefix="code-")


def as_code(value: Any) -> SafeString | str:
    """``value`` as a block of YAML that scrolls by itself; nothing for an empty one."""
    if not value:
        return NOTHING
    text = yaml_text(value)
    if len(text) <= MOST_HIGHLIGHTED:
        # Pygments escapes all text that it is given.
        text = mark_safe(highlight(text, YamlLexer(), _PLAIN))  # noqa: S308
    return format_html('<pre class="hedgehog-pre hedgehog-code" tabindex="0">{}</pre>', text)
