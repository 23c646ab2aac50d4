"""Repository content is hostile: each of these is refused with its line, quickly, and in little memory."""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
import time
from typing import NamedTuple

import pytest

from netbox_hedgehog.manifests import ManifestLimits, parse

LIMITS = ManifestLimits()
MIB = 1024 * 1024


class Hostile(NamedTuple):
    data: bytes
    line: int
    words: str


def filled(head: bytes, unit: bytes, tail: bytes = b"") -> bytes:
    """As many units as a file may hold."""
    return head + unit * ((MIB - len(head) - len(tail)) // len(unit)) + tail


def alias_bomb(merge: bytes = b"") -> bytes:
    levels = [b"a0: &a0 {k: [x, x, x, x, x, x, x, x]}"]
    for level in range(1, 20):
        aliases = b", ".join([b"*a%d" % (level - 1)] * 8)
        levels.append(b"a%d: &a%d {%bk: [%b]}" % (level, level, merge, aliases))
    return b"x: 1\n---\n" + b"\n".join(levels)


def keys(numbers: range, form: bytes) -> bytes:
    return b"".join(form % number for number in numbers)


COLLIDING = range(2**61 - 1, (2**61 - 1) * 20_000, 2**61 - 1)

HOSTILE = {
    "alias bomb": Hostile(alias_bomb(), 3, "aliases expand"),
    "merge bomb": Hostile(alias_bomb(b"<<: {z: 1}, "), 3, "aliases expand"),
    "one long text, many aliases": Hostile(b"a: &a " + b"x" * 200_000 + b"\nb: [" + b"*a," * 2000 + b"]", 1, "expand"),
    "aliases in one long line": Hostile(b"a: &a 1\nb: [" + b"*a," * 60_000 + b"]", 1, "aliases"),
    "300,000 aliases": Hostile(filled(b"a: &a 1\nb: [", b"*a,", b"]"), 1, "more than"),
    "alias to itself": Hostile(b"a: 1\nb: &b [*b]\n", 2, "unknown alias"),
    "unknown alias": Hostile(b"a: *" + b"x" * 1000, 1, "unknown alias"),
    "deep flow": Hostile(b"a: 1\nb: " + b"[" * 500 + b"]" * 500, 2, "64 levels"),
    "deeper flow": Hostile(b"\n[" + b"[" * 50_000, 2, "depth"),
    "deep block": Hostile(b"".join(b" " * level + b"a:\n" for level in range(1400)), 1000, "depth"),
    "deep dashes": Hostile(filled(b"", b"- "), 1, "more than"),
    "deep explicit keys": Hostile(filled(b"", b"? "), 1, "more than"),
    "deep JSON": Hostile(b'{"a": "\\u0041", "b":\n' + b"[" * 3000 + b"]" * 3000 + b"}", 2, "depth"),
    "deep with a tag": Hostile(b"a: !!str x\nb: " + b"[" * 900 + b"]" * 900, 2, "64 levels"),
    "many values": Hostile(filled(b"a: [", b"1,", b"]"), 1, "more than"),
    "many lines": Hostile(filled(b"", b"-\n"), 1, "more than"),
    "many documents": Hostile(b"a: 1\n---\n" * 3000, 2001, "1000 documents"),
    "many empty documents": Hostile(filled(b"", b"...\n"), 1003, "1000 documents"),
    "many items": Hostile(b"apiVersion: v1\nkind: List\nitems: [" + b"{}," * 60_000 + b"]", 1, "1000 documents"),
    "many anchors": Hostile(b"a: !!str\nb: [" + b"&a 1," * 90_000 + b"]", 1, "tags or aliases"),
    "many tags": Hostile(b"a:\n" + b"- !x 1\n" * 60_000, 1, "tags or aliases"),
    "colliding keys": Hostile(b"a: {" + keys(COLLIDING, b"%d: 1,") + b"}", 1, "64 bits"),
    "colliding explicit keys": Hostile(keys(COLLIDING, b"? %d\n"), 1005, "64 bits"),
    "colliding hexadecimal keys": Hostile(b"a: {" + keys(COLLIDING, b"%#x: 1,") + b"}", 1, "64 bits"),
    "long hexadecimal number": Hostile(filled(b"a: 1\nb: 0x", b"f"), 2, "64 bits"),
    "long octal number": Hostile(filled(b"b: [-0o", b"7"), 1, "64 bits"),
    "long decimal number": Hostile(filled(b"b: ", b"9"), 1, "64 bits"),
    "giant text": Hostile(filled(b"a: 1\nb: ", b"x"), 2, "longer than"),
    "giant key": Hostile(b"a: 1\nb:\n  ? " + b"x" * 300_000 + b"\n  : 1", 4, "longer than"),
    "giant block text": Hostile(filled(b"a: 1\nb: |\n", b"  xxxxxxxx\n"), 2, "longer than"),
    "unterminated text": Hostile(filled(b'a: 1\nb: "', b"\\n"), 2, "unterminated"),
    "giant anchor": Hostile(filled(b"&", b"x", b"\n- 1"), 2, "must be a mapping"),
    "blank lines": Hostile(filled(b"", b"\n", b"- 1"), MIB - 2, "must be a mapping"),
    "blanks": Hostile(filled(b"", b" ", b"- 1"), 1, "must be a mapping"),
    "comment lines": Hostile(filled(b"", b"#\n", b"- 1"), (MIB - 3) // 2 + 1, "must be a mapping"),
    "half anchors": Hostile(filled(b"---", b" &") + b"\n", 1, "more than"),
    "backslashes": Hostile(filled(b'{"a":"', b"\\\\", b'"}'), 1, "longer than"),
    "empty escapes": Hostile(filled(b'{"a":"', b"\\u", b'"}'), 1, "escape"),
    "NUL texts": Hostile(b"a:\n" + b'- "\\0"\n' * 30_000, 2, "NUL"),
    "too long a file": Hostile(b"a" * (MIB + 1), 1, "1048577 bytes"),
    "application tag": Hostile(b"a: 1\nb: !foo 1\n", 2, "!foo"),
    "tag on a list": Hostile(b"a: 1\nb:\n  - c: !foo [1]\n", 3, "!foo"),
    "tag on a key": Hostile(b"a: 1\n!foo b: 1\n", 2, "!foo"),
    "tag on a document": Hostile(b"---\n# c\n--- !foo\na: 1\n", 3, "!foo"),
    "verbatim tag": Hostile(b"a: !<x:y> 1\n", 1, "!<x:y>"),
    "Python tag": Hostile(b"a: !!python/object/apply:os.system [id]\n", 1, "!!python"),
    "binary": Hostile(b"a: !!binary aGk=\n", 1, "!!binary"),
    "set": Hostile(b"a: !!set {b, c}\n", 1, "!!set"),
    "tag that is not true": Hostile(b"a: !!int foo\n", 1, "!!int"),
    "non-specific tag": Hostile(b"a: ! 1\n", 1, "the tag !"),
    "include": Hostile(b"a: !include /etc/passwd\n", 1, "!include"),
    "environment": Hostile(b"a: !env_var HOME\n", 1, "!env_var"),
    "tag directly after a JSON key": Hostile(b'{"a":!x 1}', 1, "!x"),
    "YAML 1.1 directive": Hostile(b"a: 1\n...\n# c\n%YAML 1.1\n---\nb: yes\n", 4, "directive"),
    "TAG directive": Hostile(b"%TAG ! tag:x,2000:\n---\na: 1\n", 1, "directive"),
    "duplicate key": Hostile(b"a: 1\nb:\n  c: 1\n  c: 2\n", 4, "duplicate mapping key: c"),
    "duplicate JSON key": Hostile(b'{"a": 1,\n "a": 2}', 2, "duplicate mapping key: a"),
    "NUL escape": Hostile(b'a: 1\nb: "x\\0"\n', 2, "NUL"),
    "NUL escape in a key": Hostile(b'a: 1\n"x\\u0000": 1\n', 2, "NUL"),
    "NUL escape in JSON": Hostile(b'{"a":\n"\\u0000"}', 2, "NUL"),
    "raw NUL": Hostile(b"a: 1\nb: x\0\n", 2, "U+0000"),
    "lone surrogate": Hostile(b'a: 1\nb: "\\ud800"\n', 2, "U+D800"),
    "lone surrogate in JSON": Hostile(b'{"a":\n"\\udc00"}', 2, "U+DC00"),
    "raw surrogate": Hostile(b"a: 1\nb: \xed\xa0\x80\n", 2, "UTF-8"),
    "Latin-1": Hostile("a: 1\nb: é\n".encode("latin-1"), 2, "UTF-8"),
    "UTF-16": Hostile("a: 1".encode("utf-16"), 1, "UTF-8"),
    "UTF-16 mark alone": Hostile(b"\xff\xfe", 1, "UTF-8"),
    "UTF-16 without mark": Hostile("a: 1".encode("utf-16-le"), 1, "U+0000"),
    "UTF-32": Hostile("a: 1".encode("utf-32"), 1, "UTF-8"),
    "infinity": Hostile(b"a: 1\nb: -.inf\n", 2, "infinity"),
    "NaN": Hostile(b"a: 1\nb: [1, .NaN]\n", 2, "NaN"),
    "float without bounds": Hostile(b"a: 1e400\n", 1, "infinity"),
    "float beyond 64 bits": Hostile(b"a: 1e19\n", 1, "64 bits"),
    "integer beyond 64 bits": Hostile(b"a: 1\nb: 9223372036854775808\n", 2, "64 bits"),
    "negative integer beyond 64 bits": Hostile(b"a: 1\nb: -9223372036854775809\n", 2, "64 bits"),
    "number as a key": Hostile(b"a:\n  1: b\n", 2, "the key 1 is not a string"),
    "boolean as a key": Hostile(b"true: b\n", 1, "the key True is not a string"),
    "null as a key": Hostile(b"a: {b: {~: c}}\n", 1, "the key None is not a string"),
    "list as a key": Hostile(b"a: 1\n? [b]\n: 1\n", 2, "complex mapping key"),
    "mapping as a key": Hostile(b"a: 1\n? {b: 1}\n: 1\n", 2, "complex mapping key"),
    "tab as indentation": Hostile(b"a:\n\tb: 1\n", 2, "tab"),
    "truncated JSON": Hostile(b'{"a": [1, 2', 1, "unclosed"),
    "list as a document": Hostile(b"- a\n", 1, "must be a mapping, this one is a list"),
    "text as a document": Hostile(b"# c\nhello\n", 2, "must be a mapping, this one is a single value"),
    "broken items": Hostile(b"apiVersion: v1\nkind: List\nitems:\n" + b"- 1\n" * 80_000, 1, "an item of a List"),
    "less indented from the second line on": Hostile(b" a: 1\nb: 2\n", 2, "trailing content"),
    "less indented, with a tag": Hostile(b" a: 1\nb: !x 2\n", 1, "separated by a line with ---"),
    "two documents without a marker": Hostile(b"{a: 1}\n{b: 1}\n", 2, "after"),
}

HEAVY = [name for name, case in HOSTILE.items() if len(case.data) > 1000 or "bomb" in name]


@pytest.mark.parametrize("case", HOSTILE.values(), ids=HOSTILE.keys())
def test_hostile_content_is_refused_with_its_line(case: Hostile) -> None:
    _, problems = parse(case.data, "a.yaml", LIMITS)
    assert problems
    assert case.words in problems[0].message
    assert problems[0].line == case.line
    assert all(len(str(problem)) < 2000 and str(problem).isprintable() for problem in problems)
    assert len(problems) <= LIMITS.max_problems


def measure() -> None:
    """Print what each input costs, one process each; run by the test below in a process without threads."""
    for name in HEAVY:
        if os.fork() == 0:
            before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
            start = time.process_time()
            parse(HOSTILE[name].data, "a.yaml", LIMITS)
            seconds = time.process_time() - start
            grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024
            print(json.dumps([name, seconds, grown]), flush=True)  # noqa: T201 - the answer
            os._exit(0)
        os.wait()


def test_hostile_content_costs_little_time_and_memory() -> None:
    """Measured: at most 0.2 s and 40 MiB. The bounds tell a bomb that went off from one that did not, no more."""
    child = subprocess.run([sys.executable, __file__], capture_output=True, text=True, timeout=60, check=True)
    costs = [json.loads(line) for line in child.stdout.splitlines()]
    assert len(costs) == len(HEAVY)
    assert [cost for cost in costs if cost[1] > 10 or cost[2] > 100] == []


if __name__ == "__main__":
    measure()
