"""Git repositories that keep changing, behind servers whose mood can be set."""

from __future__ import annotations

import random
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Final, Self, override

from tests.support.git_server import GitServer, commit_files

if TYPE_CHECKING:
    from http.server import BaseHTTPRequestHandler

USERNAME: Final = "reader"
MOODS: Final = ("hang", "drip", "refuse", "lie", "truncate", "lock_out")


class MoodyServer(GitServer):
    """A Git server that answers as its ``mood`` says; empty: as it should."""

    def __init__(self, root: Path, password: str) -> None:
        super().__init__(root, USERNAME, password)
        self.mood = ""
        self._changed = threading.Condition()

    def set_mood(self, mood: str) -> None:
        """Be in another mood; who hangs is let go."""
        with self._changed:
            self.mood = mood
            self.status = {"refuse": 503, "lock_out": 401}.get(mood)
            self.spoil = {"lie": _lie, "truncate": _truncate}.get(mood)
            self._changed.notify_all()

    @override
    def answer(self, request: BaseHTTPRequestHandler) -> None:
        if self.mood == "hang":
            with self._changed:
                self._changed.wait_for(lambda: self.mood != "hang")
            request.close_connection = True
        elif self.mood == "drip":
            self._drip(request)
        else:
            super().answer(request)

    def _drip(self, request: BaseHTTPRequestHandler) -> None:
        request.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n")
        while self.mood == "drip":
            request.wfile.write(b"0")
            time.sleep(0.05)
        request.close_connection = True


def _lie(content: bytes) -> bytes:
    """Other bytes in the middle, as many."""
    middle = len(content) // 2
    return content[:middle] + bytes(byte ^ 0x55 for byte in content[middle : middle + 16]) + content[middle + 16 :]


def _truncate(content: bytes) -> bytes:
    return content[: len(content) // 2]


class Forge:
    """Some servers, each with repositories, each with the directories of some fabrics.

    Every resource of a fabric carries the fabric's revision as a label, so that a state that mixes two is seen.
    """

    def __init__(self, root: Path, password: str, *, servers: int, repositories: int, fabrics: int) -> None:
        self.servers = [MoodyServer(root / f"server-{number}", password) for number in range(servers)]
        self.revisions: dict[str, int] = {}
        """Each fabric's newest."""
        self.revisions_at: dict[str, dict[str, int]] = {}
        """Commit → the revisions of its repository's fabrics."""
        self._places: dict[str, tuple[MoodyServer, str]] = {}
        self._turn = threading.Lock()
        for number in range(fabrics):
            server = self.servers[number % servers]
            self._places[f"fabric-{number:03}"] = (server, f"repository-{number % repositories:02}.git")

    def __enter__(self) -> Self:
        for server in self.servers:
            server.root.mkdir(parents=True)
            server.__enter__()
        for fabric in self._places:
            self.change(fabric)
        return self

    def __exit__(self, *error: object) -> None:
        for server in self.servers:
            server.set_mood("")
            server.__exit__(*error)

    def repositories(self) -> dict[str, tuple[str, str]]:
        """Fabric → name and URL of its repository."""
        return {
            fabric: (f"{server.root.name}/{name}", server.url(name)) for fabric, (server, name) in self._places.items()
        }

    def change(self, fabric: str) -> None:
        """Commit the next revision of a fabric: every resource changes, one may come or go."""
        with self._turn:
            server, name = self._places[fabric]
            revision = self.revisions.get(fabric, 0) + 1
            files = {f"{fabric}/{number}.yaml": self._file(number, revision) for number in range(3)}
            extra = f"{fabric}/extra.yaml"
            if revision % 2:
                files[extra] = _document("extra", revision)
            elif revision > 1:
                files[extra] = None
            commit = commit_files(server.root / name, files, f"{fabric} at {revision}")
            self.revisions[fabric] = revision
            self.revisions_at[commit] = {
                each: self.revisions[each]
                for each, place in self._places.items()
                if place == (server, name) and each in self.revisions
            }

    def change_any(self, choice: random.Random) -> None:
        """Commit the next revision of some fabric."""
        self.change(choice.choice(list(self._places)))

    @staticmethod
    def _file(number: int, revision: int) -> bytes:
        return b"".join(_document(f"server-{number}-{part}", revision) for part in range(2))


def documents_at(revision: int) -> set[tuple[str, str, str]]:
    """Name, label and description of every resource that a fabric has at a revision."""
    names = [f"server-{number}-{part}" for number in range(3) for part in range(2)] + ["extra"] * (revision % 2)
    return {(name, str(revision), f"at {revision}") for name in names}


def _document(name: str, revision: int) -> bytes:
    return (
        "---\napiVersion: wiring.githedgehog.com/v1beta1\nkind: Server\n"
        f'metadata: {{name: {name}, labels: {{revision: "{revision}"}}}}\nspec: {{description: at {revision}}}\n'
    ).encode()
