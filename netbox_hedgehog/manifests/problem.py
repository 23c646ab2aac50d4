"""What is wrong with a manifest, and how an operator is told."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from netbox_hedgehog.errors import ContentProblem

if TYPE_CHECKING:
    from collections.abc import Sequence

type FieldPath = tuple[str | int, ...]

_LISTED = 20
_QUOTED = 200
_SHOWN_BITS = 64
_WORDS = {type(None): "nothing", bool: "true or false", dict: "this mapping", list: "this list"}


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that a commit must mend.

    ``line`` counts from 1; ``field`` is a path such as ``spec.ports[0].name``, empty for the document as a whole;
    ``code`` is stable and dotted.
    """

    path: str
    line: int
    field: str
    message: str
    code: str = "manifest.invalid"

    def __str__(self) -> str:
        return printable(f"{self.path}:{self.line}: " + (f"{self.field}: " if self.field else "") + self.message)


def dotted(field: FieldPath) -> str:
    """The path as people write it."""
    text = "".join(f"[{step}]" if isinstance(step, int) else f".{excerpt(step)}" for step in field)
    return text.removeprefix(".")


def field_text(field: FieldPath) -> str:
    """A field of a spec, for people: within the document, on one line."""
    return printable(dotted(("spec", *field)))


def excerpt(text: str) -> str:
    """A quote of repository content that keeps a message readable, however long the original is."""
    return text if len(text) <= _QUOTED else text[:_QUOTED] + "…"


def printable(text: str) -> str:
    """The text without line breaks and terminal escapes: paths and values come from the repository."""
    if text.isprintable():
        return text
    return "".join(char if char.isprintable() else char.encode("unicode_escape").decode() for char in text)


def quoted(text: str) -> str:
    """A text from a repository, for a message: short, on one line, without control characters."""
    return printable(excerpt(text))


def shown(value: Any) -> str:
    """Any value from a repository, for a message."""
    if isinstance(value, str):
        return f'"{quoted(value)}"'
    if type(value) is int and value.bit_length() <= _SHOWN_BITS:
        return str(value)
    return _WORDS.get(type(value), "this value")


def problems_error(problems: Sequence[Problem], total: int | None = None) -> ContentProblem:
    """The error of a sync whose manifests have problems.

    ``total`` counts them all when ``problems`` holds only the first ones.
    """
    count = len(problems) if total is None else total
    lines = [str(problem) for problem in problems[:_LISTED]]
    if count > len(lines):
        lines.append(f"… and {count - len(lines)} more")
    return ContentProblem(
        "manifest.invalid",
        "\n".join([f"The manifests have {count} problem{'s' if count != 1 else ''}:", *lines]),
        "Correct the named files and lines in Git and push; until then the last good state stays.",
    )
