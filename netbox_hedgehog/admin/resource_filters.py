"""The filters of the list of resources.

The table has millions of rows and one index, which begins with the fabric: a list within one fabric is found through
it, and anything else would read the table. So a fabric is chosen first, and the other filters look within it.
"""

from __future__ import annotations

from typing import Any, Final, override

from django.contrib.admin import SimpleListFilter
from django.db.models import QuerySet
from django.db.models.fields.json import KeyTextTransform
from django.http import HttpRequest

from netbox_hedgehog.admin.filters import DropdownFilter, TextFilter, key_of
from netbox_hedgehog.models import FabricResource

FABRIC: Final = "fabric__id__exact"
WITHIN_FABRIC: Final = ("kind", "namespace", "label")

MOST_CHOICES: Final = 200

type Resources = QuerySet[FabricResource]


def chosen_fabric(request: HttpRequest) -> int | None:
    """The fabric that the list is within."""
    return key_of(request.GET.get(FABRIC, ""))


class _WithinFabric(SimpleListFilter):
    """A filter that is there once a fabric is chosen, and finds nothing before."""

    parameter_name: str

    def __init__(self, request: HttpRequest, *args: Any, **kwargs: Any) -> None:
        self.fabric = chosen_fabric(request)
        super().__init__(request, *args, **kwargs)

    @override
    def has_output(self) -> bool:
        return self.fabric is not None or self.parameter_name in self.used_parameters

    @override
    def queryset(self, request: HttpRequest, queryset: Resources) -> Resources:
        value = self.used_parameters.get(self.parameter_name)
        if not value:
            return queryset
        # PostgreSQL refuses a text with a zero byte.
        if self.fabric is None or "\x00" in value:
            return queryset.none()
        return self.narrowed(queryset, value)

    def narrowed(self, queryset: Resources, value: str) -> Resources:
        return queryset.filter(**{self.parameter_name: value})

    def values_of(self, column: str) -> list[tuple[str, str]]:
        """What the fabric's rows have in a column."""
        if self.fabric is None:
            return []
        found = FabricResource.objects.filter(fabric=self.fabric).order_by(column).values_list(column, flat=True)
        return [(value, value) for value in found.distinct()[:MOST_CHOICES]]


class KindFilter(_WithinFabric, DropdownFilter):
    """The kinds that the fabric has."""

    title = "kind"
    parameter_name = "kind"

    @override
    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return self.values_of("kind")


class NamespaceFilter(_WithinFabric, DropdownFilter):
    """The namespaces that the fabric has."""

    title = "namespace"
    parameter_name = "namespace"

    @override
    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return self.values_of("namespace")


class LabelFilter(_WithinFabric, TextFilter):
    """``key`` or ``key=value``, as kubectl has it."""

    title = "label (key or key=value)"
    parameter_name = "label"

    @override
    def lookups(self, request: HttpRequest, model_admin: Any) -> tuple[()]:
        return ()

    @override
    def narrowed(self, queryset: Resources, value: str) -> Resources:
        key, equals, wanted = (part.strip() for part in value.partition("="))
        if not equals:
            return queryset.filter(labels__has_key=key)
        return queryset.alias(label=KeyTextTransform(key, "labels")).filter(label=wanted)
