"""What differs between two JSON values, field by field; pure.

A change is ``{"field": [steps], "old": value, "new": value}``; without ``old`` the field was added, without ``new`` it
was removed. Changes apply in their order: items are taken from a list's end, the last one first.
"""

from __future__ import annotations

import copy
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

type Step = str | int
type Field = tuple[Step, ...]
type Change = dict[str, Any]


def changes_between(old: Any, new: Any, field: Field = ()) -> Iterator[Change]:
    """The smallest fields that differ. Unlike Python's, this comparison tells 1, 1.0 and true apart."""
    if isinstance(old, dict) and isinstance(new, dict):
        for key in sorted(old.keys() | new.keys()):
            if key in old and key in new:
                yield from changes_between(old[key], new[key], (*field, key))
            elif key in old:
                yield {"field": [*field, key], "old": old[key]}
            else:
                yield {"field": [*field, key], "new": new[key]}
    elif isinstance(old, list) and isinstance(new, list):
        for index in range(min(len(old), len(new))):
            yield from changes_between(old[index], new[index], (*field, index))
        for index in range(len(old), len(new)):
            yield {"field": [*field, index], "new": new[index]}
        for index in reversed(range(len(new), len(old))):
            yield {"field": [*field, index], "old": old[index]}
    elif not same(old, new):
        yield {"field": list(field), "old": old, "new": new}


def same(one: Any, other: Any) -> bool:
    """Whether two JSON values are equal in type and value; the order of keys makes no difference."""
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(same(one[key], other[key]) for key in one)
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(same, one, other))
    return type(one) is type(other) and repr(one) == repr(other)


def with_changes(value: Any, changes: Iterable[Change]) -> Any:
    """``value`` as it is after ``changes``, in a copy."""
    root = [copy.deepcopy(value)]
    for change in changes:
        parent: Any = root
        steps: Field = (0, *change["field"])
        for step in steps[:-1]:
            parent = parent[step]
        last: Any = steps[-1]
        if "new" not in change:
            del parent[last]
        elif isinstance(parent, list) and last == len(parent):
            parent.append(copy.deepcopy(change["new"]))
        else:
            parent[last] = copy.deepcopy(change["new"])
    return root[0]


def folded(changes: Iterable[Change]) -> list[Change]:
    """Successive changes as one: what changed twice has its first old and its last new value, or nothing changed."""
    result: list[Change] = []
    for change in changes:
        before = next((each for each in reversed(result) if _related(each["field"], change["field"])), None)
        if before is None or before["field"] != change["field"]:
            result.append(change)
            continue
        merged = _merged(before, change)
        position = next(index for index, each in enumerate(result) if each is before)
        if merged and "new" in merged:
            result[position] = merged
        else:  # an item goes after those behind it in its list went
            del result[position]
            result.extend([merged] if merged else [])
    return result


def _related(one: Sequence[Step], other: Sequence[Step]) -> bool:
    """Whether one field contains the other."""
    return all(map(same, one, other))


def _merged(first: Change, then: Change) -> Change | None:
    ends = {"old": first.get("old"), "new": then.get("new")}
    known = {end: ends[end] for end, change in (("old", first), ("new", then)) if end in change}
    if not known or (len(known) == len(ends) and same(ends["old"], ends["new"])):
        return None
    return {"field": first["field"], **known}
