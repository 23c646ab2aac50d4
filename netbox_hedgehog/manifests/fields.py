"""Paths into a spec, as the rules write them: ``links[].switch.port``, ``permit[]{}.subnets[]``, ``permit[]{key}``."""

from __future__ import annotations

import re
from enum import Enum
from typing import TYPE_CHECKING, Any, Final, cast

if TYPE_CHECKING:
    from netbox_hedgehog.manifests.problem import FieldPath


class Each(Enum):
    """A step that stands for many: the items of a list, the values or the keys of a mapping."""

    ITEM = "[]"
    VALUE = "{}"
    KEY = "{key}"


type Steps = tuple[str | Each, ...]
type Found = tuple[FieldPath, Any]

_STEP: Final = re.compile(r"\[\]|\{\}|\{key\}|[^.\[{]+")


def steps_of(path: str) -> Steps:
    """The steps of a path that a rule writes down; ``""`` is the spec itself."""
    many = {each.value: each for each in Each}
    return tuple(many.get(step, step) for step in _STEP.findall(path))


def values_at(spec: Any, steps: Steps) -> list[Found]:
    """Every value at the path, with its own field. What is absent, null or of another shape is left out."""
    found: list[Found] = []
    _collect(spec, steps, (), found)
    return found


def value_beside(spec: Any, steps: Steps, field: FieldPath) -> Any:
    """The one value at a path that shares its first steps with ``field``; None if there is none."""
    value = spec
    for position, step in enumerate(steps):
        if step is Each.KEY:
            return field[position]
        try:
            value = value[step if isinstance(step, str) else field[position]]
        except (KeyError, IndexError, TypeError):
            return None
    return value


def _collect(value: Any, steps: Steps, field: FieldPath, found: list[Found]) -> None:
    for position, step in enumerate(steps):
        if not isinstance(step, str):
            rest = steps[position + 1 :]
            for name, inner in _entries(value, step):
                _collect(inner, rest, (*field, *_names(steps[:position]), name), found)
            return
        if type(value) is not dict:
            return
        value = value.get(step)
    if value is not None:
        found.append((field + _names(steps), value))


def _names(steps: Steps) -> FieldPath:
    """Steps none of which stands for many."""
    return cast("FieldPath", steps)


def _entries(value: Any, step: Each) -> list[tuple[str | int, Any]]:
    if step is Each.ITEM:
        return list(enumerate(value)) if isinstance(value, list) else []
    if not isinstance(value, dict):
        return []
    return [(key, key) for key in value] if step is Each.KEY else list(value.items())
