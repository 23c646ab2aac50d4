"""Random content for the manifest parser and everything behind it: `python -m tests.support.fuzz [ROUNDS]`.

It runs in a process whose memory is limited, so that an input on which the parser blows up ends it; Hypothesis bounds
the time of each and prints the smallest input that fails. It begins with the inputs that tests/fuzz keeps, which come
at the parser from the other side: by its coverage.
"""

from __future__ import annotations

import json
import multiprocessing
import resource
import sys
from datetime import timedelta
from pathlib import Path
from typing import Final

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from netbox_hedgehog.manifests import ManifestLimits, check, facts_of, read_manifests
from tests.support.corpus import FABRICS, files

LIMITS: Final = ManifestLimits()
EXAMPLES_PER_ROUND: Final = 1500
LONGEST: Final = 64 * 1024
KEPT: Final = sorted((Path(__file__).parents[1] / "fuzz" / "corpus" / "manifests").iterdir())
# What the slowest and the largest input of test_manifests_hostile.py cost, 25 and 5 times over.
TIME_PER_INPUT: Final = timedelta(seconds=5)
MEMORY_BYTES: Final = 200 * 1024 * 1024

_VPC: Final = b"apiVersion: vpc.githedgehog.com/v1beta1\nkind: VPC\nmetadata: {name: a}\nspec:\n"
_LIST: Final = b"apiVersion: v1\nkind: List\nitems:\n"
_TOKENS: Final = [
    *(b"---\n", b"--- ", b"...\n", b"%YAML 1.2\n", b"%TAG ! a:\n", b"# c\n", b"\n", b"\r\n", b"\r", b"\xef\xbb\xbf"),
    *(b"a: ", b"b:\n", b"  ", b"    ", b"\t", b"- ", b"-\n", b"? ", b": ", b"{", b"}", b"[", b"]", b", ", b'{"a": '),
    *(b"&a ", b"*a", b"*a, ", b"<<: ", b"<<: *a\n", b"! ", b"!x ", b"!!str ", b"!!int ", b"!!binary ", b"!<x> "),
    *(b"|\n", b"|2-\n", b">+\n", b"'", b"''", b'"', b"\\", b'"\\u0000"', b'"\\ud83d\\ude00"', b'"\\ud800"', b"\\\n"),
    *(b"1", b"-0.0", b"1e400", b"0x", b"0o7", b"9" * 40, b".inf", b".nan", b"~", b"null", b"true", b"yes"),
    *(b"\0", b"\x80", b"\xc3\xa9", b"\xe2\x80\xa8", b"\xf0\x9f\x98\x80", b"\x1b[31m", _VPC, _LIST),
    *(b"subnets: {a: {subnet: 10.0.0.0/24, vlan: 1}}\n", b"permit: [[a, a]]\n", b"metadata: ", b"spec: "),
]  # fmt: skip

tokens: Final = st.lists(st.sampled_from(_TOKENS) | st.binary(max_size=3), max_size=40).map(b"".join)
# Whatever makes the cost of a file grow faster than its length shows when a part of it is repeated.
repeated: Final = st.builds(
    lambda head, part, times, tail: (head + part * times + tail)[:LONGEST],
    tokens,
    tokens,
    st.integers(2, 3000),
    tokens,
)
_sound: Final = [data for fabric in FABRICS for _, data in files(fabric)]
edits: Final = st.lists(
    st.tuples(st.floats(0, 1), st.integers(0, 40), tokens | st.sampled_from(_sound).map(lambda data: data[:200])),
    min_size=1,
    max_size=5,
)


def edited(data: bytes, changes: list[tuple[float, int, bytes]]) -> bytes:
    """Real content, with some bytes of it replaced at some places."""
    for where, removed, added in changes:
        start = int(where * len(data))
        data = data[:start] + added + data[start + removed :]
    return data


contents: Final = st.binary(max_size=300) | tokens | repeated | st.builds(edited, st.sampled_from(_sound), edits)


def take(data: bytes) -> None:
    """Read and check one file as a sync does. It fails if anything is raised, or if what is promised is not so."""
    read = read_manifests([("a.yaml", data)], limits=LIMITS)
    last_line = data.count(b"\n") + data.count(b"\r") + 1
    for problem in read.problems:
        assert 1 <= problem.line <= last_line, problem
        assert str(problem).isprintable(), problem
        assert len(str(problem)) < 2000, problem
    assert read.total_problems >= len(read.problems)
    for resource_ in read.resources:
        assert 1 <= resource_.line <= last_line, resource_
        content = [resource_.labels, resource_.annotations, resource_.spec]
        assert json.loads(json.dumps(content, allow_nan=False)) == content, resource_
        resource_.content().digest()
    for finding in check(facts for each in read.resources if (facts := facts_of(each))):
        assert finding.message.isprintable(), finding
        assert finding.field.isprintable(), finding


def limit_memory() -> None:
    """Let this process take no more than it has now and a little."""
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    most = pages * resource.getpagesize() + MEMORY_BYTES
    resource.setrlimit(resource.RLIMIT_AS, (most, most))


def fuzz() -> None:
    """One round: the inputs that are kept, then random ones. Raises for the first that fails."""
    limit_memory()
    for path in KEPT:
        take(path.read_bytes())

    @settings(
        max_examples=EXAMPLES_PER_ROUND,
        deadline=TIME_PER_INPUT,
        database=None,
        suppress_health_check=list(HealthCheck),
        print_blob=True,
    )
    @given(contents)
    def run(data: bytes) -> None:
        take(data)

    run()


def main(rounds: int) -> int:
    """Each round in a process of its own, because Hypothesis' own memory grows; 0 if none fails."""
    for _ in range(rounds):
        process = multiprocessing.get_context("fork").Process(target=fuzz)
        process.start()
        process.join()
        if process.exitcode:
            return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]) if len(sys.argv) > 1 else 1))
