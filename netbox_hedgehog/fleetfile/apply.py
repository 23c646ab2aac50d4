"""Write a plan: in bulk, in one transaction, and only the columns that differ."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from typing import Any, Final

from django.contrib.admin.models import ADDITION, CHANGE, DELETION, LogEntry
from django.contrib.contenttypes.models import ContentType
from django.db import transaction
from django.db.models import Manager, Model

from netbox_hedgehog.fleetfile.kinds import KINDS, Kind
from netbox_hedgehog.fleetfile.plan import Change, Plan

_ROWS_AT_ONCE: Final = 500
_SHOWN_NAME: Final = 200
_SHOWN_VALUE: Final = 200


@transaction.atomic
def apply(plan: Plan, user_id: int | None) -> None:
    """Do all of it, or nothing; with a user, each change is put on record in the admin's history under their name.

    Raises:
        IntegrityError: somebody has made, or begun to use, a row that the plan is about.
    """
    for kind in KINDS:
        new = [change.row for change in plan.created if change.kind is kind]
        _manager(kind).bulk_create(new, batch_size=_ROWS_AT_ONCE)
        _update(kind, [change for change in (*plan.updated, *plan.disabled) if change.kind is kind])
    if user_id is not None:
        LogEntry.objects.bulk_create(_log_entries(plan, user_id), batch_size=_ROWS_AT_ONCE)
    for kind in reversed(KINDS):
        gone = [change.row.pk for change in plan.deleted if change.kind is kind]
        _manager(kind).filter(pk__in=gone).delete()


def _update(kind: Kind, changes: list[Change]) -> None:
    """Rows that differ in the same columns are written together; workers may be writing the others at this moment."""
    by_columns: defaultdict[tuple[str, ...], list[Model]] = defaultdict(list)
    for change in changes:
        by_columns[tuple(sorted(change.fields))].append(change.row)
    for columns, rows in by_columns.items():
        _manager(kind).bulk_update(rows, columns, batch_size=_ROWS_AT_ONCE)


def _log_entries(plan: Plan, user_id: int) -> Iterator[LogEntry]:
    flags = {"create": ADDITION, "update": CHANGE, "disable": CHANGE, "delete": DELETION}
    for verb, changes in plan.changes():
        for change in changes:
            yield LogEntry(
                user_id=user_id,
                content_type=ContentType.objects.get_for_model(change.kind.model),
                object_id=str(change.row.pk),
                object_repr=change.name[:_SHOWN_NAME],
                action_flag=flags[verb],
                change_message=" ".join(["Imported.", *_in_words(change)] if change.fields else ["Not in the file."]),
            )


def _in_words(change: Change) -> Iterator[str]:
    """In the words of the admin's history, such as ``Sync interval: 300 → 60.``, and no more of a value than fits."""
    for name, (before, after) in change.fields.items():
        label = str(change.kind.field(name).verbose_name)
        yield f"{label[:1].upper()}{label[1:]}: {_shown(before)} → {_shown(after)}."


def _shown(value: Any) -> str:
    if value in (None, ""):
        return "nothing"
    text = {True: "yes", False: "no"}[value] if isinstance(value, bool) else str(value).strip()
    return text if len(text) <= _SHOWN_VALUE else f"{text[:_SHOWN_VALUE]}…"


def _manager(kind: Kind) -> Manager[Any]:
    return kind.model._default_manager  # noqa: SLF001 - public by documentation
