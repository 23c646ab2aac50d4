"""How large a set of definitions may be; depth and file size are bounded by the manifest limits as for any manifest."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class SchemaLimits:
    """Upper bounds of definitions; Hedgehog's have 22 kinds and 1,600 fields, at 2 KiB each."""

    max_kinds: int = 500
    """Kinds that one set of definitions may define."""
    max_fields: int = 20_000
    """Schemas in all definitions together, nested ones included."""
    max_alternatives: int = 500
    """Branches of ``allOf``, ``anyOf``, ``oneOf`` and ``not`` in one version: each may be tried on every value."""
    max_pattern_bytes: int = 64 * 1024
    """Size of one compiled pattern. Matching takes time linear in the text, at this size up to 4 µs a character."""
    max_patterns: int = 500
    """Patterns in one version."""
    max_matched: int = 2_000_000
    """Characters of a resource times patterns of its schema; 8 s at worst, for a resource a few ms."""
    max_explained: int = 50_000
    """Values of a resource times alternatives of its schema up to which every error is listed, not the first alone."""
