"""Whether what a resource names exists."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from netbox_hedgehog.manifests.facts import Facts, Mention
from netbox_hedgehog.manifests.index import finding, place
from netbox_hedgehog.manifests.problem import quoted
from netbox_hedgehog.manifests.rules import SUPPLIED_KINDS, SUPPLIED_NAME

if TYPE_CHECKING:
    from collections.abc import Iterator

    from netbox_hedgehog.manifests.finding import Finding
    from netbox_hedgehog.manifests.index import Index


def check_references(index: Index) -> Iterator[Finding]:
    """What is named and does not exist.

    Where Git holds no resource of a kind at all, that kind is kept elsewhere, and one warning says what is not checked.
    """
    for facts in index.all:
        for mention in facts.mentions:
            if index.of_kind[mention.target] and not index.get(mention.target, mention.name, seen_from=facts):
                yield _missing(facts, mention)
        for field, vpc, subnet in facts.subnet_mentions:
            target = index.get("VPC", vpc, seen_from=facts)
            if target and subnet not in target.subnets:
                yield finding(
                    "reference.subnet_missing", facts, field, f"{place(target)} has no subnet {quoted(subnet)}"
                )
    yield from _unverified(index)


def _missing(facts: Facts, mention: Mention) -> Finding:
    what = f"{mention.target} {facts.namespace}/{quoted(mention.name)}"
    if mention.target in SUPPLIED_KINDS or mention.name == SUPPLIED_NAME:
        message = f"{what} is not in Git; make sure that the installation brings it"
        return finding("reference.unverified", facts, mention.field, message)
    return finding("reference.missing", facts, mention.field, f"{what} does not exist")


def _unverified(index: Index) -> Iterator[Finding]:
    first: dict[str, tuple[Facts, Mention]] = {}
    counts: Counter[str] = Counter()
    for facts in index.all:
        for mention in facts.mentions:
            if not index.of_kind[mention.target] and mention.target not in SUPPLIED_KINDS:
                counts[mention.target] += 1
                first.setdefault(mention.target, (facts, mention))
    for target, (facts, mention) in first.items():
        message = f"Git holds no {target} at all, so references to one are not checked; there are {counts[target]}"
        yield finding("reference.unverified", facts, mention.field, message)
