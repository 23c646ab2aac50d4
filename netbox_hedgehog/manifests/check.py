"""All cross-resource checks of one fabric."""

from __future__ import annotations

from itertools import chain
from typing import TYPE_CHECKING

from netbox_hedgehog.manifests.agreements import check_agreements
from netbox_hedgehog.manifests.conflicts import check_claims, check_spaces
from netbox_hedgehog.manifests.finding import bounded
from netbox_hedgehog.manifests.index import Index, finding
from netbox_hedgehog.manifests.references import check_references

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from netbox_hedgehog.manifests.facts import Facts
    from netbox_hedgehog.manifests.finding import Finding


def check(facts: Iterable[Facts]) -> list[Finding]:
    """What is wrong with a fabric's resources as a whole; the same for the same resources, in any order.

    Each code is listed at most ``MOST_OF_A_CODE`` times; the last one of those says how many more there are.
    """
    index = Index(facts)
    return bounded(
        chain(_flaws(index), check_references(index), check_claims(index), check_spaces(index), check_agreements(index))
    )


def _flaws(index: Index) -> Iterator[Finding]:
    for facts in index.all:
        for flaw in facts.flaws:
            yield finding(flaw.code, facts, flaw.field, flaw.message)
