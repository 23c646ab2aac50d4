"""What a file would change: entries against the database. Reads only."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from functools import partial
from itertools import batched
from typing import Any, Final

from django.core.exceptions import ValidationError
from django.db.models import Model, QuerySet

from netbox_hedgehog.errors import SyncError
from netbox_hedgehog.fleetfile.checks import Checks, checks
from netbox_hedgehog.fleetfile.kinds import KINDS, Kind
from netbox_hedgehog.fleetfile.read import Entry, close_to
from netbox_hedgehog.manifests import Problem
from netbox_hedgehog.models import HedgehogFabric
from netbox_hedgehog.observability.redaction import REDACTED

_NAMES_AT_ONCE: Final = 1000
# Comparing a wrong name with more than these takes longer than a person waits.
_NAMES_COMPARED: Final = 1000

type Rows = dict[str, dict[str, Model]]
"""By the kind's name and the row's own."""


class Prune(StrEnum):
    """What becomes of rows that no entry names."""

    NOTHING = "nothing"
    DISABLE = "disable"
    DELETE = "delete"


@dataclass(frozen=True, slots=True)
class Change:
    """A row that is to be written: with its new values already, but not saved; ``fields`` tells of each field that
    differs what it was and what it will be, as the file has it.
    """

    kind: Kind
    row: Model
    fields: dict[str, tuple[Any, Any]]

    @property
    def name(self) -> str:
        """The row's name."""
        return str(self.row)

    def as_json(self) -> dict[str, Any]:
        """For scripts."""
        return {"kind": self.kind.name, "name": self.name, "fields": self.fields}


@dataclass(slots=True)
class Plan:
    """All that is to be written, in an order in which it can be."""

    created: list[Change] = field(default_factory=list)
    updated: list[Change] = field(default_factory=list)
    disabled: list[Change] = field(default_factory=list)
    deleted: list[Change] = field(default_factory=list)
    unchanged: int = 0
    problems: list[Problem] = field(default_factory=list)

    def changes(self) -> Iterator[tuple[str, list[Change]]]:
        """What would be done, and to which rows."""
        yield from (
            ("create", self.created),
            ("update", self.updated),
            ("disable", self.disabled),
            ("delete", self.deleted),
        )

    def __bool__(self) -> bool:
        return any(changes for _, changes in self.changes())


def make_plan(entries: Sequence[Entry], prune: Prune, now: datetime) -> Plan:
    """The changes that make the database say what the entries say, or ``problems`` that forbid all of them."""
    rows = _stored(entries, everything=prune is not Prune.NOTHING)
    plan = _Planner(rows, checks(now)).plan(entries)
    named = {(entry.kind.name, entry.name) for entry in entries}
    if prune is Prune.DISABLE:
        plan.disabled = list(_disabled(rows, named))
    if prune is Prune.DELETE:
        plan.deleted = [
            Change(kind, row, {})
            for kind in reversed(KINDS)
            for name, row in rows[kind.name].items()
            if (kind.name, name) not in named
        ]
        plan.problems.extend(_still_needed(entries, rows, named))
    return plan


class _Planner:
    def __init__(self, rows: Rows, checks: Checks) -> None:
        self._rows = {kind: dict(by_name) for kind, by_name in rows.items()}
        self._checks = checks
        self._plan = Plan()

    def plan(self, entries: Sequence[Entry]) -> Plan:
        for kind in KINDS:
            for entry in entries:
                if entry.kind is kind:
                    self._add(entry)
        return self._plan

    def _add(self, entry: Entry) -> None:
        rows = self._rows[entry.kind.name]
        stored = rows.get(entry.name)
        row = stored or entry.kind.model(name=entry.name)
        rows[entry.name] = row
        problems: list[Problem] = []
        changes = dict(self._assign(entry, row, problems, is_new=stored is None))
        if stored is not None and not changes:
            self._plan.unchanged += not problems
        else:
            problems.extend(_invalid(entry, row, set(changes), self._checks, is_new=stored is None))
            (self._plan.updated if stored else self._plan.created).append(Change(entry.kind, row, changes))
        self._plan.problems.extend(problems)

    def _assign(
        self, entry: Entry, row: Model, problems: list[Problem], *, is_new: bool
    ) -> Iterator[tuple[str, tuple[Any, Any]]]:
        kind = entry.kind
        for name, value in entry.values.items():
            before = kind.value(row, name)
            if value == before and not is_new:
                continue
            target = value
            if name in kind.relations and value is not None:
                target = self._rows[kind.relations[name].name].get(value)
                if target is None:
                    problems.append(entry.problem(name, self._unknown(kind.relations[name], value)))
                    continue
            setattr(row, name, target)
            yield name, (None if is_new else before, value)
            secret = name.removesuffix("_reference")
            if secret in kind.secrets and value and getattr(row, secret):
                # As in the admin: what stands in a secret's place replaces it.
                setattr(row, secret, "")
                yield secret, (REDACTED, "")

    def _unknown(self, kind: Kind, name: str) -> str:
        stored = rows_of(kind).values_list("name", flat=True)[:_NAMES_COMPARED]
        hint = close_to(name, {*self._rows[kind.name], *stored})
        return f"there is no {kind.title} “{name}”, neither here nor stored{hint}"


def _stored(entries: Sequence[Entry], *, everything: bool) -> Rows:
    """The rows that the entries name, as what they describe or as what they use; or all rows."""
    names: dict[str, set[str]] = {kind.name: set() for kind in KINDS}
    for entry in entries:
        names[entry.kind.name].add(entry.name)
        for relation, kind in entry.kind.relations.items():
            if value := entry.values.get(relation):
                names[kind.name].add(value)
    return {kind.name: _by_name(kind, None if everything else names[kind.name]) for kind in KINDS}


def _by_name(kind: Kind, names: Iterable[str] | None) -> dict[str, Model]:
    if names is None:
        return {str(row): row for row in rows_of(kind)}
    return {
        str(row): row for some in batched(sorted(names), _NAMES_AT_ONCE) for row in rows_of(kind).filter(name__in=some)
    }


def rows_of(kind: Kind) -> QuerySet[Any]:
    """The rows of a kind, with no more of each than the file is about, by name."""
    columns = ("name", *kind.fields, *kind.secrets, *(f"{relation}__name" for relation in kind.relations))
    objects: QuerySet[Any] = kind.model._default_manager.all()  # noqa: SLF001 - public by documentation
    return objects.select_related(*kind.relations).only(*columns).order_by("name")


def _invalid(entry: Entry, row: Model, changed: set[str], checks: Checks, *, is_new: bool) -> Iterator[Problem]:
    """What the model and the policy of this installation say against the new values."""
    kind = entry.kind
    looked_at = {"name", *kind.fields} if is_new else changed & set(kind.fields)
    looked_at -= entry.document.content.keys() - entry.values.keys() - {"name"}
    every = {each.name for each in kind.model._meta.concrete_fields}  # noqa: SLF001 - public by documentation
    found: set[str] = set()
    skipped = every - looked_at | set(kind.relations)
    for validate in (partial(row.clean_fields, exclude=skipped), row.clean):
        try:
            validate()
        except ValidationError as error:
            for name, messages in error.message_dict.items():
                found.add(name)
                yield entry.problem(name, _said(kind, entry, name, " ".join(messages)))
    for name in sorted(looked_at & checks.keys() - found):
        value = getattr(row, name)
        if value:
            try:
                checks[name](value)
            except SyncError as error:
                yield entry.problem(name, f"{error.message} {error.remedy}")


def _said(kind: Kind, entry: Entry, name: str, message: str) -> str:
    """With the field's name, where the file has no line of that field to point at."""
    is_there = name in entry.document.content or name not in kind.fields
    return message if is_there else f"{name}: {message}"


def _disabled(rows: Rows, named: set[tuple[str, str]]) -> Iterator[Change]:
    """Fabrics that no entry names: without a sync by schedule from now on. Repositories do nothing by themselves."""
    kind = KINDS[-1]
    for name, row in rows[kind.name].items():
        if isinstance(row, HedgehogFabric) and row.sync_enabled and (kind.name, name) not in named:
            row.sync_enabled = False
            yield Change(kind, row, {"sync_enabled": (True, False)})


def _still_needed(entries: Sequence[Entry], rows: Rows, named: set[tuple[str, str]]) -> Iterator[Problem]:
    """Rows that would be deleted although a row that stays uses them: its entry leaves the field out."""
    for entry in entries:
        row = rows[entry.kind.name].get(entry.name)
        for relation, kind in entry.kind.relations.items():
            used = entry.values.get(relation) if relation in entry.values else row and entry.kind.value(row, relation)
            if used in rows[kind.name] and (kind.name, used) not in named:
                message = f"uses the {kind.title} “{used}”, which no entry describes and would be deleted"
                yield entry.problem(relation, message)
