"""A record in lines for people: ``+`` created, ``~`` updated with its fields, ``-`` deleted."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any, Final

from netbox_hedgehog.manifests.problem import dotted, printable
from netbox_hedgehog.sync.changes import Change

_SIGNS: Final = {"deleted": "-", "updated": "~", "created": "+"}


def record_lines(record: Mapping[str, Any]) -> Iterator[str]:
    """One line for each resource, and one for each field of an updated one."""
    for fate, sign in _SIGNS.items():
        for entry in record[fate]:
            yield printable(f"{sign} {title(entry)}  ({entry['path']}:{entry['line']})")
            yield from (f"    {field_line(change)}" for change in entry.get("fields", ()))
            if entry.get("more_fields"):
                yield f"    … and {entry['more_fields']} more fields"
        if record["more"].get(fate):
            yield f"{sign} … and {record['more'][fate]:,} more {fate}"


def title(entry: Mapping[str, Any]) -> str:
    """A resource as kubectl's users know it."""
    return f"{entry['kind']} {entry['namespace']}/{entry['name']}"


def field_line(change: Change) -> str:
    """A changed field with its values as JSON."""
    name = dotted(tuple(change["field"]))
    if "old" not in change:
        return printable(f"{name}: added {_json(change['new'])}")
    if "new" not in change:
        return printable(f"{name}: removed {_json(change['old'])}")
    return printable(f"{name}: {_json(change['old'])} → {_json(change['new'])}")


def _json(value: Any) -> str:
    if isinstance(value, dict) and value.keys() == {"excerpt"}:
        return str(value["excerpt"])
    return json.dumps(value, ensure_ascii=False)
