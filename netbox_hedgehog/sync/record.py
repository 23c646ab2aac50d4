"""The record of a diff: which resources, and what in them; bounded, redacted, JSON.

``{"created": [...], "updated": [...], "deleted": [...], "more": {"created": 0, "updated": 0, "deleted": 0}}``. Each
entry has the identity, ``path`` and ``line``; an updated one also ``fields`` (as in ``sync.changes``) and
``more_fields``; a deleted one its old ``content``. A value that is too long stands as the beginning of its JSON,
``{"excerpt": text}``.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from itertools import islice
from typing import Any, Final, TypedDict

from netbox_hedgehog.manifests import Resource, ResourceKey
from netbox_hedgehog.models import FabricResource
from netbox_hedgehog.observability.redaction import redact_value
from netbox_hedgehog.sync.changes import Change, changes_between
from netbox_hedgehog.sync.diff import Diff, Replacement

# Together they bound what a sync loads, computes and stores for its record, whatever the commit did.
MOST_RESOURCES: Final = 300
MOST_FIELDS: Final = 40
LONGEST_VALUE: Final = 400
LONGEST_CONTENT: Final = 4000
LONGEST_RECORD: Final = 256 * 1024

type Entry = dict[str, Any]
type Contents = Mapping[int, dict[str, Any]]


class Record(TypedDict):
    """What a diff does, as far as it fits."""

    created: list[Entry]
    updated: list[Entry]
    deleted: list[Entry]
    more: dict[str, int]


def record_of(change: Diff) -> Record | None:
    """The record of ``change``, read from the rows before it is applied; None if nothing changes."""
    if not (change.created or change.updated or change.deleted):
        return None
    deleted = list(islice(change.deleted.items(), MOST_RESOURCES))
    updated = change.updated[:MOST_RESOURCES]
    old = _contents([each.pk for each in updated] + [row.pk for _, row in deleted])
    room = _Room(LONGEST_RECORD)
    # What is lost with a deletion stands nowhere else in the database: it has the first right to the room.
    gone = room.fill(_place(key, row.source_path, row.source_line) | _content(old, row.pk) for key, row in deleted)
    edits = room.fill(_updated(each, old) for each in updated)
    new = room.fill(_place_of(each) for each in change.created[:MOST_RESOURCES])
    more = {
        "created": len(change.created) - len(new),
        "updated": len(change.updated) - len(edits),
        "deleted": len(change.deleted) - len(gone),
    }
    return Record(created=new, updated=edits, deleted=gone, more=more)


class _Room:
    """What is left of a number of characters."""

    def __init__(self, characters: int) -> None:
        self._left = characters

    def fill(self, entries: Iterable[Entry]) -> list[Entry]:
        """The first entries that still fit."""
        taken: list[Entry] = []
        for entry in entries:
            self._left -= len(json.dumps(entry))
            if self._left < 0:
                break
            taken.append(entry)
        return taken


def _contents(pks: list[int]) -> dict[int, dict[str, Any]]:
    rows = FabricResource.objects.filter(pk__in=pks).order_by() if pks else FabricResource.objects.none()
    return {
        pk: {"labels": labels, "annotations": annotations, "spec": spec}
        for pk, labels, annotations, spec in rows.values_list("pk", "labels", "annotations", "spec")
    }


def _updated(replacement: Replacement, old: Contents) -> Entry:
    resource = replacement.resource
    new = {"labels": resource.labels, "annotations": resource.annotations, "spec": resource.spec}
    changes = list(changes_between(old.get(replacement.pk, {}), new))
    fields = [_bounded(each) for each in changes[:MOST_FIELDS]]
    return _place_of(resource) | {"fields": fields, "more_fields": len(changes) - len(fields)}


def _bounded(change: Change) -> Change:
    field = change["field"]
    ends: Change = {
        end: _excerpt(_redacted(field, change[end]), LONGEST_VALUE) for end in ("old", "new") if end in change
    }
    return {"field": [_excerpt_of_key(step) for step in field], **ends}


def _content(old: Contents, pk: int) -> Entry:
    return {"content": _excerpt(redact_value(old.get(pk, {})), LONGEST_CONTENT)}


def _redacted(field: list[str | int], value: Any) -> Any:
    """``value`` redacted as it would be inside its document, where the names around it tell that it is a secret."""
    names = [step for step in field if isinstance(step, str)]
    for name in reversed(names):
        value = {name: value}
    value = redact_value(value)
    for _ in names:
        if not isinstance(value, dict):
            break
        value = next(iter(value.values()))
    return value


def _excerpt(value: Any, longest: int) -> Any:
    text = json.dumps(value, ensure_ascii=False)
    return value if len(text) <= longest else {"excerpt": text[:longest] + "…"}


def _excerpt_of_key(step: str | int) -> str | int:
    return step if isinstance(step, int) else step[:LONGEST_VALUE]


def _place_of(resource: Resource) -> Entry:
    return _place(resource.key, resource.path, resource.line)


def _place(key: ResourceKey, path: str, line: int) -> Entry:
    api_version, kind, namespace, name = key
    return {
        "api_version": api_version,
        "kind": kind,
        "namespace": namespace,
        "name": name,
        "path": path,
        "line": line,
    }
