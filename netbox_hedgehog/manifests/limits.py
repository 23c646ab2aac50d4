"""How much of one repository's content is looked at before it is refused."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class ManifestLimits:
    """Upper bounds of manifests; content is hostile, and the defaults are far above any real fabric."""

    max_file_bytes: int = 1024 * 1024
    """Size of one file; the text it expands to through aliases must not be longer either."""
    max_documents: int = 1000
    """Documents in one file, empty ones and the items of a ``kind: List`` included."""
    max_depth: int = 64
    """Levels of mappings and lists inside one document."""
    max_nodes: int = 200_000
    """Values and keys in one file, counted after aliases are expanded."""
    max_scalar_bytes: int = 256 * 1024
    """Length of one key or string in UTF-8."""
    max_problems: int = 100
    """Problems reported in full; further ones are only counted."""
