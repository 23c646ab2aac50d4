"""All facts of a fabric, found by what they are of; and the findings about one of them."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

from netbox_hedgehog.manifests.finding import Finding
from netbox_hedgehog.manifests.problem import field_text, printable
from netbox_hedgehog.manifests.rules import ANY_NAMESPACE, CODES

if TYPE_CHECKING:
    from collections.abc import Iterable

    from netbox_hedgehog.manifests.facts import Facts
    from netbox_hedgehog.manifests.problem import FieldPath


class Index:
    """The resources of a fabric in the order of their files, and by kind, namespace and name."""

    def __init__(self, facts: Iterable[Facts]) -> None:
        self.all = sorted(facts, key=lambda each: (each.path, each.line, each.key))
        self.of_kind: dict[str, list[Facts]] = defaultdict(list)
        self._by_name: dict[tuple[str, str, str], Facts] = {}
        for each in self.all:
            _, kind, namespace, name = each.key
            self.of_kind[kind].append(each)
            self._by_name[kind, _scope(kind, namespace), name] = each

    def get(self, kind: str, name: str, *, seen_from: Facts) -> Facts | None:
        """The resource that another one means by this name: one in its own namespace, for most kinds."""
        return self._by_name.get((kind, _scope(kind, seen_from.namespace), name))


def finding(code: str, facts: Facts, field: FieldPath, message: str) -> Finding:
    """A finding about a field of a resource's spec."""
    return Finding(
        severity=CODES[code],
        code=code,
        key=facts.key,
        field=field_text(field),
        message=message,
        path=facts.path,
        line=facts.line,
    )


def field_of(facts: Facts, field: FieldPath) -> str:
    """A field of a resource, and where that stands."""
    return f"{field_text(field)} of {place(facts)}"


def place(facts: Facts) -> str:
    """Which resource, and where it stands."""
    return printable(f"{facts.kind} {facts.namespace}/{facts.name} ({facts.path}:{facts.line})")


def _scope(kind: str, namespace: str) -> str:
    return "" if kind in ANY_NAMESPACE else namespace
