"""Fabrics by a part of their name, description or repository's name, through an index where the database has one.

On PostgreSQL migration 0020 keeps what is searched in a table of its own. The keys that a word finds are read first, up
to a bound: neither the count nor the page then looks at any other fabric.
"""

from __future__ import annotations

from functools import reduce
from operator import or_
from typing import Final

from django.db import connections
from django.db.models import Q, QuerySet, Value
from django.db.models.expressions import RawSQL
from django.db.models.functions import StrIndex, Upper
from django.db.models.lookups import GreaterThan
from django.utils.text import smart_split, unescape_string_literal

from netbox_hedgehog.admin import counting
from netbox_hedgehog.models import GitRepository, HedgehogFabric

_COLUMNS: Final = ("name", "description", "git_repository__name")


def is_indexed(fabrics: QuerySet[HedgehogFabric]) -> bool:
    """Whether the database of ``fabrics`` has the table and its index."""
    return connections[fabrics.db].vendor == "postgresql"


def matching(fabrics: QuerySet[HedgehogFabric], term: str) -> QuerySet[HedgehogFabric]:
    """Those of ``fabrics`` that have every word of ``term`` somewhere, whatever the case; quotes join words."""
    for word in smart_split(term):
        quoted = word.startswith(('"', "'")) and word[0] == word[-1]
        fabrics = _with_word(fabrics, unescape_string_literal(word) if quoted else word)
    return fabrics


def _with_word(fabrics: QuerySet[HedgehogFabric], word: str) -> QuerySet[HedgehogFabric]:
    keys = _found(fabrics.db, word)
    if len(keys) <= counting.MOST_COUNTED:
        return fabrics.filter(pk__in=RawSQL("SELECT unnest(%s::bigint[])", [keys]))
    # So many have it that a page of them is soon found in the list's own order. Not by LIKE, which the database takes
    # for rare: it would read and sort them all.
    has_it = [GreaterThan(StrIndex(Upper(column), Upper(Value(word))), 0) for column in _COLUMNS]
    return fabrics.filter(reduce(or_, map(Q, has_it)))


def _found(database: str, word: str) -> list[int]:
    # The repositories are asked for before: joined by OR, they would have the database look at each fabric.
    repositories = list(GitRepository.objects.using(database).filter(name__icontains=word).values_list("pk", flat=True))
    with connections[database].cursor() as cursor:
        cursor.execute(
            """
            SELECT fabric_id FROM hedgehog_fabric_search
            WHERE grams @> hedgehog_grams(upper(%(word)s)) AND strpos(searched, upper(%(word)s)) > 0
            UNION ALL
            SELECT id FROM netbox_hedgehog_hedgehogfabric WHERE git_repository_id = ANY(%(repositories)s::bigint[])
            LIMIT %(most)s
            """,
            {"word": word, "repositories": repositories, "most": counting.MOST_COUNTED + 1},
        )
        return [key for (key,) in cursor.fetchall()]
