"""A Git server in a process of its own that knows its answers by heart: what is measured is who asks, not Git's server.

A question that was put before, at the same state of the repository, is answered from memory.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING, override

from tests.support.git_server import GitServer

if TYPE_CHECKING:
    from http.server import BaseHTTPRequestHandler


@dataclass(frozen=True)
class Server:
    """A running server; ``base`` is the URL below which its repositories are."""

    base: str
    pid: int
    _asking: IO[str]
    _answers: IO[str]

    def requests(self) -> int:
        """How many HTTP requests it has answered."""
        self._asking.write("\n")
        self._asking.flush()
        return int(self._answers.readline())


@contextmanager
def served(root: Path) -> Iterator[Server]:
    """Serve the repositories below ``root`` over smart HTTP."""
    command = [sys.executable, "-m", "bench.server", str(root)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        asking, answers = process.stdin, process.stdout
        assert asking
        assert answers
        try:
            yield Server(answers.readline().strip(), process.pid, asking, answers)
        finally:
            asking.close()


class _Remembering(GitServer):
    @override
    def __init__(self, root: Path) -> None:
        super().__init__(root)
        self._answers: dict[tuple[object, ...], tuple[int, dict[str, str], bytes]] = {}

    @override
    def ask_git(self, request: BaseHTTPRequestHandler, body: bytes) -> tuple[int, dict[str, str], bytes]:
        repository = self.root / request.path.split("/")[1]
        heads = tuple(sorted((ref.name, ref.read_text()) for ref in repository.glob("refs/heads/*")))
        question = (request.path, body, heads)
        if question not in self._answers:
            self._answers[question] = super().ask_git(request, body)
        return self._answers[question]


def _serve(root: Path) -> None:
    with _Remembering(root) as server:
        print(server.url(""), flush=True)
        for _ in sys.stdin:  # until whoever started this has gone
            print(server.requests, flush=True)


if __name__ == "__main__":
    _serve(Path(sys.argv[1]))
