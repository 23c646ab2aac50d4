"""What a resource refers to, and what refers to it: read from the same rules as the checks between resources."""

from __future__ import annotations

from collections.abc import Iterator
from functools import reduce
from operator import or_
from typing import Final, NamedTuple

from django.db.models import Q, QuerySet, TextField
from django.db.models.functions import Cast

from netbox_hedgehog.manifests import ANY_NAMESPACE, SUPPLIED_NAME, Facts, Resource, facts_of, field_text, kinds_naming
from netbox_hedgehog.models import FabricResource

MOST_SHOWN: Final = 100
# Of one fabric, and only rows that hold the name; what is beyond is told.
MOST_READ: Final = 5000

_COLUMNS: Final = ("pk", "api_version", "kind", "namespace", "name", "spec")
_ROWS_AT_A_TIME: Final = 1000


class Tie(NamedTuple):
    """One reference: the field that holds it, and the resource at its other end; None if Git has none."""

    field: str
    kind: str
    name: str
    pk: int | None


class Ties(NamedTuple):
    """The first references, and whether there are more."""

    shown: list[Tie]
    is_cut: bool


def refers_to(resource: FabricResource) -> Ties:
    """What the fields of ``resource`` name, each resource once."""
    facts = _facts(resource)
    if facts is None or not facts.mentions:
        return Ties([], is_cut=False)
    first = {(mention.target, mention.name): mention for mention in reversed(facts.mentions)}
    named = list(reversed(first.values()))
    wanted = [_named(kind, name, resource.namespace) for kind, name in list(first)[:MOST_SHOWN]]
    rows = FabricResource.objects.filter(reduce(or_, wanted), fabric=resource.fabric_id).order_by()
    found = {(kind, name): pk for kind, name, pk in rows.values_list("kind", "name", "pk")}
    ties = [Tie(field_text(each.field), each.target, each.name, found.get((each.target, each.name))) for each in named]
    return Ties(ties[:MOST_SHOWN], is_cut=len(ties) > MOST_SHOWN)


def referred_to_by(resource: FabricResource) -> Ties:
    """Whose fields name ``resource``, found among the fabric's resources of the kinds that may."""
    ties: list[Tie] = []
    for number, (pk, facts) in enumerate(_candidates(resource)):
        if number == MOST_READ or len(ties) > MOST_SHOWN:
            return Ties(ties[:MOST_SHOWN], is_cut=True)
        for mention in facts.mentions:
            if (mention.target, mention.name) == (resource.kind, resource.name):
                ties.append(Tie(field_text(mention.field), facts.kind, facts.name, pk))
                break
    return Ties(ties[:MOST_SHOWN], is_cut=len(ties) > MOST_SHOWN)


def _candidates(resource: FabricResource) -> Iterator[tuple[int, Facts]]:
    kinds = kinds_naming(resource.kind)
    if not kinds:
        return
    rows: QuerySet[FabricResource] = FabricResource.objects.filter(fabric=resource.fabric_id, kind__in=kinds)
    if resource.kind not in ANY_NAMESPACE:
        rows = rows.filter(namespace=resource.namespace)
    # The supplied one is meant where no name stands at all.
    if resource.name != SUPPLIED_NAME:
        rows = rows.alias(text=Cast("spec", TextField())).filter(text__contains=resource.name)
    ordered = rows.order_by("kind", "namespace", "name").values_list(*_COLUMNS)[: MOST_READ + 1]
    for pk, api_version, kind, namespace, name, spec in ordered.iterator(_ROWS_AT_A_TIME):
        facts = facts_of(Resource(api_version, kind, namespace, name, {}, {}, spec, "", 0))
        if facts:
            yield pk, facts


def _named(kind: str, name: str, namespace: str) -> Q:
    named = Q(kind=kind, name=name)
    return named if kind in ANY_NAMESPACE else named & Q(namespace=namespace)


def _facts(row: FabricResource) -> Facts | None:
    return facts_of(Resource(row.api_version, row.kind, row.namespace, row.name, {}, {}, row.spec, "", 0))
