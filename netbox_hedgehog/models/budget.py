"""The form of a fabric's limits by kind."""

from typing import Any, Final

_LIMITS: Final = {"deletions": 10**6, "deletions_percent": 100, "changes": 10**6, "changes_percent": 100}


def budget_problem(by_kind: Any) -> str:
    """What is wrong with limits such as ``{"Switch": {"deletions": 0}}``; empty if nothing is."""
    if not isinstance(by_kind, dict):
        return 'The budget by kind must be an object, such as {"Switch": {"deletions": 0}}.'
    return next((problem for kind, limits in by_kind.items() if (problem := _problem(kind, limits))), "")


def _problem(kind: str, limits: Any) -> str:
    if not isinstance(limits, dict) or not limits:
        return f"The budget of {kind} must be an object with one or more of {', '.join(_LIMITS)}."
    for name, value in limits.items():
        if name not in _LIMITS:
            return f"The budget of {kind} has an unknown limit “{name}”; there are {', '.join(_LIMITS)}."
        if type(value) is not int or not 0 <= value <= _LIMITS[name]:
            return f"The limit {name} of {kind} must be a whole number from 0 to {_LIMITS[name]:,}."
    return ""
