"""Look at a document before its aliases are expanded: foreign tags, and what the expansion would cost.

The parser itself expands an alias bomb to 300 MiB before it gives up, and drops tags that it does not know.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator

    from yamlrocks import YAMLRocksTreeNode

    from netbox_hedgehog.manifests.limits import ManifestLimits
    from netbox_hedgehog.manifests.problem import FieldPath

# Where a tag or an alias can begin; it also matches inside texts and comments, which only costs time.
_TAG_OR_ALIAS: Final = re.compile(r"(?<![^\s\[{,:\ufeff])[!*]")

# A tag may state what the value is anyway: that cannot change its meaning.
_HARMLESS_TAGS: Final[dict[str, tuple[type, ...]]] = {
    "!!str": (str,),
    "!!int": (int,),
    "!!float": (float, int),
    "!!bool": (bool,),
    "!!null": (type(None),),
}
_HARMLESS_COLLECTIONS: Final = {"!!map": "mapping", "!!seq": "sequence"}


class Cost(NamedTuple):
    """What a node becomes when aliases are written out: nodes, and characters of scalars."""

    nodes: int
    characters: int


def may_need_survey(text: str) -> bool:
    """False if the text surely has neither tags nor aliases."""
    return ("!" in text or "*" in text) and _TAG_OR_ALIAS.search(text) is not None


class Survey:
    """A walk through one document's syntax tree: ``cost`` when expanded, and ``flaws`` as (place, message)."""

    def __init__(self, root: YAMLRocksTreeNode, limits: ManifestLimits) -> None:
        self.flaws: list[tuple[FieldPath, str]] = []
        self._anchored: dict[str, Cost] = {}
        self._limits = limits
        self.cost = self._visit(root, ())

    def _visit(self, node: YAMLRocksTreeNode, field: FieldPath) -> Cost:
        if node.tag is not None and not _is_harmless(node):
            self._flaw(field, f"the tag {node.tag:.80} is not supported")
        if node.kind == "alias":
            # The parser has refused unknown ones; an anchor defined twice counts from there on, as in YAML.
            return self._anchored[node.value]
        nodes, characters = 1, len(node.value) if isinstance(node.value, str) else 0
        if len(field) < self._limits.max_depth:
            for child, place in _children(node, field):
                below = self._visit(child, place)
                nodes += below.nodes
                characters += below.characters
        total = Cost(nodes, characters)
        if node.anchor is not None:
            self._anchored[node.anchor] = total
        return total

    def _flaw(self, field: FieldPath, message: str) -> None:
        if len(self.flaws) < self._limits.max_problems:
            self.flaws.append((field, message))


def _is_harmless(node: YAMLRocksTreeNode) -> bool:
    if node.kind == "scalar":
        return type(node.value) in _HARMLESS_TAGS.get(str(node.tag), ())
    return _HARMLESS_COLLECTIONS.get(str(node.tag)) == node.kind


def _children(node: YAMLRocksTreeNode, field: FieldPath) -> Iterator[tuple[YAMLRocksTreeNode, FieldPath]]:
    if node.kind == "mapping":
        for key, value in node.value:
            place = (*field, key.value if isinstance(key.value, str) else "?")
            yield key, place
            yield value, place
    elif node.kind == "sequence":
        for index, value in enumerate(node.value):
            yield value, (*field, index)
