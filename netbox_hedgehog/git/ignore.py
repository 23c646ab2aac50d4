"""Which files of a GitOps directory are nobody's manifests: its ``.hedgehogignore``, in gitignore syntax.

Matched here and not by pathspec 1.1, which differs from Git where it matters: of ``*``, ``!*/``, ``!*.yaml``, the usual
way to keep some files only, it leaves out what is in directories. And its expressions backtrack: for one name of a
hundred characters ``*a*a*a*a*a*a*b`` takes it 49 s that nothing can interrupt. Tests compare this with Git itself.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from netbox_hedgehog.errors import ContentProblem

IGNORE_FILE: Final = ".hedgehogignore"
"""The name of the file, in the GitOps directory itself; those in directories below are not read."""
MAX_IGNORE_BYTES: Final = 64 * 1024

_MAX_LISTED: Final = 10
_MOST_RULES: Final = 1000
_LONGEST_RULE: Final = 1000

_PIECE: Final = re.compile(
    r"(?P<star>\*+) | (?P<any>\?)"
    r" | (?P<set>\[ (?P<not>[!^])? (?P<members> (?:\]|(?!\]))(?:\[:\w+:\]|\\.|[^\]\\])* ) \])"
    r" | \\(?P<escaped>.) | (?P<bad>[\[\\]) | (?P<literal>.)",
    re.VERBOSE | re.DOTALL,
)
_MEMBER: Final = re.compile(r"\[:(?P<name>\w+):\] | (?P<low>\\.|.) (?:-(?P<high>\\.|.))?", re.VERBOSE | re.DOTALL)
_CLASSES: Final = {
    "alnum": "a-zA-Z0-9",
    "alpha": "a-zA-Z",
    "blank": r"\x20\t",
    "cntrl": r"\x00-\x1f\x7f",
    "digit": "0-9",
    "graph": "!-~",
    "lower": "a-z",
    "print": r"\x20-~",
    "punct": r"!-/:-@\[-`{-~",
    "space": r"\x20\t-\r",
    "upper": "A-Z",
    "xdigit": "0-9a-fA-F",
}
_TRAILING_SPACES: Final = re.compile(r"(?<!\\) +\Z")

_DEEP: Final = re.compile(r"\*{2,}")

type _Segment = re.Pattern[str] | None
"""What one name must match; None stands for ``**``, any number of directories."""


@dataclass(frozen=True, slots=True)
class _Rule:
    segments: tuple[_Segment, ...]
    anywhere: bool
    """Without a slash in it, a rule is for names wherever they are."""
    directories_only: bool
    ignores: bool


class IgnoreRules:
    """The rules of one ignore file, or none; paths are relative to its directory. The last match decides."""

    def __init__(self, rules: Iterable[_Rule] = ()) -> None:
        self._rules = tuple(rules)[::-1]

    def ignores_file(self, path: str) -> bool:
        """Whether ``path`` is left out by a pattern that matches it, its directories aside."""
        return bool(self._rules) and self._ignores(path.split("/"), directory=False)

    def ignores_directory(self, path: str) -> bool:
        """Whether the directory is left out, and with it, as in Git, all that is below."""
        return bool(self._rules) and self._ignores(path.split("/"), directory=True)

    def _ignores(self, names: list[str], *, directory: bool) -> bool:
        for rule in self._rules:
            if (directory or not rule.directories_only) and _matches(rule, names):
                return rule.ignores
        return False


def parse_ignore_file(data: bytes, path: str) -> IgnoreRules:
    """The rules in ``data``, the content of the ignore file at ``path``.

    Raises ContentProblem ``git.ignore_invalid``: with every line that is not UTF-8 or could never match, over which Git
    would pass in silence; or because there is too much of it.
    """
    if len(data) > MAX_IGNORE_BYTES:
        raise _invalid(path, [f"It has {len(data)} bytes, more than the limit of {MAX_IGNORE_BYTES}."])
    rules: list[_Rule] = []
    bad: list[str] = []
    for number, line in enumerate(data.removeprefix(b"\xef\xbb\xbf").split(b"\n"), start=1):
        try:
            rule = _parsed(line.removesuffix(b"\r").decode())
        except ValueError as error:
            bad.append(f"{path}:{number}: {_said(error)}")
        else:
            rules += [rule] if rule else []
    if bad:
        raise _invalid(path, bad)
    if len(rules) > _MOST_RULES:
        raise _invalid(path, [f"It has {len(rules)} patterns, more than the limit of {_MOST_RULES}."])
    return IgnoreRules(rules)


def _parsed(line: str) -> _Rule | None:
    """The rule of one line, None for a comment or nothing; ValueError says what is wrong with it."""
    if line.startswith("#"):
        return None
    text = _TRAILING_SPACES.sub("", line)
    negated = text.startswith("!")
    text = text.removeprefix("!")
    if len(text) > _LONGEST_RULE:
        raise ValueError(f"the pattern is longer than {_LONGEST_RULE} characters")
    pattern = text.removesuffix("/")
    names = pattern.removeprefix("/").split("/")
    if not any(names):
        return None
    anywhere = "/" not in pattern
    segments = tuple(None if _DEEP.fullmatch(name) and not anywhere else _compiled(name) for name in names)
    return _Rule(segments, anywhere, directories_only=text.endswith("/"), ignores=not negated)


def _compiled(glob: str) -> re.Pattern[str]:
    """The regular expression of one name.

    Between two stars the first place that fits is as good as any later one, so each group is atomic and the time is
    at most the product of the two lengths.
    """
    parts = [""]
    for match in _PIECE.finditer(glob):
        if match["star"]:
            parts.append("")
        else:
            parts[-1] += _piece(match)
    first, *rest = parts
    stars = "".join(f"(?>.*?{part})" for part in rest[:-1]) + "".join(f".*{part}" for part in rest[-1:])
    return re.compile(first + stars, re.DOTALL)


def _piece(match: re.Match[str]) -> str:
    if match["bad"]:
        what = "a [ without its ]" if match["bad"] == "[" else "a backslash with nothing behind it"
        raise ValueError(f"the pattern has {what}, so it matches nothing")
    if match["any"]:
        return "."
    if match["set"]:
        return _set(match["members"], negated=bool(match["not"]))
    return re.escape(match["escaped"] or match["literal"])


def _set(members: str, *, negated: bool) -> str:
    """``[…]`` as a regular expression."""
    inside = "".join(map(_member, _MEMBER.finditer(members)))
    return f"[{'^' if negated else ''}{inside}]"


def _member(match: re.Match[str]) -> str:
    if match["name"]:
        if match["name"] not in _CLASSES:
            raise ValueError(f"there is no class of characters [:{match['name']}:]")
        return _CLASSES[match["name"]]
    low = match["low"][-1]
    high = (match["high"] or low)[-1]
    # For Git, too, a range that ends before it begins is its first character alone.
    return f"{re.escape(low)}-{re.escape(max(low, high))}"


def _matches(rule: _Rule, names: list[str]) -> bool:
    if rule.anywhere:
        (segment,) = rule.segments
        return segment is not None and segment.fullmatch(names[-1]) is not None
    return _all_match(rule.segments, names)


def _all_match(segments: tuple[_Segment, ...], names: list[str]) -> bool:
    """Match name by name; where that fails, the last ``**`` takes one name more, which is enough for all before it."""
    at = 0
    deep, deep_from = -1, 0
    position = 0
    while position < len(names):
        if at < len(segments) and segments[at] is None:
            deep, deep_from = at, position
            at += 1
            if at == len(segments):
                return True
        elif at < len(segments) and _is(segments[at], names[position]):
            at += 1
            position += 1
        elif deep >= 0:
            deep_from += 1
            at, position = deep + 1, deep_from
        else:
            return False
    return at == len(segments)


def _is(segment: _Segment, name: str) -> bool:
    return segment is not None and segment.fullmatch(name) is not None


def _said(error: ValueError) -> str:
    return "the line is not UTF-8" if isinstance(error, UnicodeDecodeError) else str(error)


def _invalid(path: str, reasons: list[str]) -> ContentProblem:
    listed = reasons[:_MAX_LISTED]
    if len(reasons) > len(listed):
        listed.append(f"… and {len(reasons) - len(listed)} more")
    return ContentProblem(
        "git.ignore_invalid",
        "\n".join([f"{path} cannot be followed:", *listed]),
        "Correct it in Git and push; it holds patterns as in .gitignore.",
    )
