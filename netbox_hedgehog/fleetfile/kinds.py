"""What stands in the file: the kinds, and of each the fields that an operator sets."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final

from django.db.models import BooleanField, Field, ForeignKey, IntegerField, JSONField, Model

from netbox_hedgehog.models import GitRepository, HedgehogFabric, SchemaSource
from netbox_hedgehog.models.repository import SECRETS

API_VERSION: Final = "netbox-hedgehog/v1"
"""Changes when a file that was right would mean something else, or be refused."""

_TYPES: Final[tuple[tuple[type[Field[Any, Any]], type, str], ...]] = (
    (BooleanField, bool, "true or false"),
    (IntegerField, int, "a whole number"),
    (JSONField, dict, "a mapping"),
    (ForeignKey, str, "a name"),
)


@dataclass(frozen=True)
class Kind:
    """One model as the file has it: fields have the names of the columns; relations are told by name."""

    model: type[Model]
    fields: tuple[str, ...]
    secrets: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """As ``kind`` says it."""
        return self.model.__name__

    @property
    def title(self) -> str:
        """For people."""
        return str(self._options.verbose_name)

    @cached_property
    def relations(self) -> dict[str, Kind]:
        """Fields that hold the name of another entry → what kind of entry that is."""
        return {
            name: kind
            for name in self.fields
            for kind in (kind for kind in KINDS if kind.model is self.field(name).related_model)
        }

    @cached_property
    def machine_fields(self) -> frozenset[str]:
        """Columns that syncs write, and the key: not a person's to set."""
        return frozenset(field.name for field in self._options.concrete_fields) - {"name", *self.fields, *self.secrets}

    def field(self, name: str) -> Field[Any, Any]:
        """The model's field."""
        field: Field[Any, Any] = self._options.get_field(name)
        return field

    def value(self, row: Model, name: str) -> Any:
        """A field of a row as the file has it."""
        value = getattr(row, name)
        return value.name if value is not None and name in self.relations else value

    def type_problem(self, name: str, value: Any) -> str:
        """What is wrong with the type of a value; empty if nothing is.

        Strict, where Django's fields would guess: 5.7 is no number of seconds, and the text "false" is not false.
        """
        field = self.field(name)
        if value is None:
            return "" if field.null else "must not be null; leave the field out to keep what is stored"
        for field_type, python_type, words in _TYPES:
            if isinstance(field, field_type):
                return "" if type(value) is python_type else f"must be {words}"
        return "" if isinstance(value, str) else "must be a text; put it in quotes"

    @property
    def _options(self) -> Any:
        return self.model._meta  # noqa: SLF001 - public by documentation


KINDS: Final = (
    Kind(
        GitRepository,
        (
            "url",
            "branch",
            "username",
            *(f"{name}_reference" for name in SECRETS if name != "proxy_password"),
            "ssh_known_hosts",
            "ca_certificates",
            "proxy_url",
            "proxy_username",
            "proxy_password_reference",
        ),
        secrets=SECRETS,
    ),
    Kind(SchemaSource, ("git_repository", "ref", "directory", "local_folder")),
    Kind(
        HedgehogFabric,
        (
            "description",
            "status",
            "sync_enabled",
            "sync_interval",
            "git_repository",
            "gitops_directory",
            "default_namespace",
            "foreign_documents",
            "schema_source",
            "schema_mode",
            "budget_deletions",
            "budget_deletions_percent",
            "budget_changes",
            "budget_changes_percent",
            "budget_by_kind",
        ),
    ),
)
"""In the order in which they must be written: what others name comes first."""
