"""Which files of a GitOps directory are nobody's manifests: its ``.hedgehogignore``, in gitignore syntax."""

from __future__ import annotations

import re
from typing import Final

import re2
from pathspec import GitIgnoreSpec

from netbox_hedgehog.errors import ContentProblem

IGNORE_FILE: Final = ".hedgehogignore"
MAX_IGNORE_BYTES: Final = 64 * 1024

_MAX_PATTERNS: Final = 1000
_MAX_LISTED: Final = 10
_LONGEST_QUOTE: Final = 60
# Matches in linear time whatever the pattern, which comes from the repository.
_BACKEND: Final = "re2"
# pathspec takes these for sets of letters, colons included.
_CHARACTER_CLASS: Final = re.compile(r"\[\[[:.=]|\[[^\]]*\[[:.=]")


class IgnoreRules:
    """The patterns of one ignore file, or none; paths are relative to its directory."""

    def __init__(self, spec: GitIgnoreSpec | None = None) -> None:
        self._spec = spec

    def ignores_file(self, path: str) -> bool:
        """Whether ``path`` is left out by a pattern that matches it, its directories aside."""
        return self._spec is not None and self._spec.match_file(path)

    def ignores_directory(self, path: str) -> bool:
        """Whether the directory is left out, and with it, as in Git, all that is below."""
        return self._spec is not None and self._spec.match_file(path + "/")


def parse_ignore_file(data: bytes, path: str) -> IgnoreRules:
    """The rules in ``data``, the content of the ignore file at ``path``.

    Raises:
        ContentProblem: ``git.ignore_invalid``, with every bad line, or because there is too much of it.
    """
    if len(data) > MAX_IGNORE_BYTES:
        raise _invalid(path, [f"It has {len(data)} bytes, more than the limit of {MAX_IGNORE_BYTES}."])
    text = data.decode("utf-8", "backslashreplace").removeprefix("\ufeff")
    lines = enumerate((line.removesuffix("\r") for line in text.split("\n")), 1)
    patterns = {number: line for number, line in lines if line.strip() and not line.startswith("#")}
    if len(patterns) > _MAX_PATTERNS:
        raise _invalid(path, [f"It has {len(patterns)} patterns, more than the limit of {_MAX_PATTERNS}."])
    bad = [
        f"{path}:{number}: no gitignore pattern: {_quote(line)}" for number, line in patterns.items() if _is_bad(line)
    ]
    if bad:
        raise _invalid(path, bad)
    try:
        return IgnoreRules(GitIgnoreSpec.from_lines(patterns.values(), backend=_BACKEND))
    except re2.error:
        raise _invalid(path, ["Its patterns are too many and too long to be matched together."]) from None


def _is_bad(pattern: str) -> bool:
    if _CHARACTER_CLASS.search(pattern):
        return True
    try:
        GitIgnoreSpec.from_lines([pattern], backend=_BACKEND)
    except (ValueError, re.error, re2.error):
        return True
    return False


def _quote(line: str) -> str:
    printable = "".join(char if char.isprintable() else char.encode("unicode_escape").decode() for char in line)
    return printable if len(printable) <= _LONGEST_QUOTE else printable[:_LONGEST_QUOTE] + "…"


def _invalid(path: str, reasons: list[str]) -> ContentProblem:
    listed = reasons[:_MAX_LISTED]
    if len(reasons) > len(listed):
        listed.append(f"… and {len(reasons) - len(listed)} more")
    return ContentProblem(
        "git.ignore_invalid",
        "\n".join([f"{path} cannot be followed:", *listed]),
        "Correct it in Git and push; it holds patterns as in .gitignore, without character classes such as [:alpha:].",
    )
