"""Ignore files. Promise: rules, or one ContentProblem that lists what is wrong; matching a path against rules only
ever says yes or no.
"""

from netbox_hedgehog.errors import ContentProblem
from netbox_hedgehog.git.ignore import parse_ignore_file

WORDS = (
    b"*",
    b"**",
    b"/**/",
    b"!",
    b"[a-z]",
    b"[!]]",
    b"[[:alpha:]]",
    b"[:",
    b"\\",
    b"?",
    b"#",
    b"\xef\xbb\xbf",
    b"/\n",
)
_NAMES = (
    "a",
    "a/b.yaml",
    "x/**/y.json",
    "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaab/c",
    "é/[a].yml",
    "a\\/b",
)


def take(data: bytes) -> None:
    try:
        rules = parse_ignore_file(data, ".hedgehogignore")
    except ContentProblem as problem:
        assert problem.code == "git.ignore_invalid"
        assert len(problem.message) < 5000
        return
    for name in (*_NAMES, data[-200:].decode("utf-8", "backslashreplace")):
        assert rules.ignores_file(name) in {True, False}
        assert rules.ignores_directory(name) in {True, False}
