"""What a sync needs of Git: ours, a fresh clone by dulwich as NetBox makes it, and the git command."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from typing import Protocol

from dulwich import porcelain

from netbox_hedgehog.git import (
    GitSource,
    ManifestFile,
    UrlPolicy,
    directory_tree,
    has_tree,
    head_of,
    list_manifests,
    manifest_changes,
    mirror_at,
    read_manifest,
)
from tests.support.git_server import clean_git_environment


class Contestant(Protocol):
    """Finds out what changed below some directories of one repository, and reads it; keeps all in ``scratch``."""

    def __init__(self, url: str, scratch: Path) -> None: ...

    def forget(self) -> None:
        """As if it had never seen the repository."""

    def look(self, directories: Sequence[str]) -> int:
        """Look at the remote for the fabric of each directory; how many files were read."""


class Ours:
    """The steps of ``netbox_hedgehog.sync`` that concern Git, with the head and tree of each fabric remembered."""

    def __init__(self, url: str, scratch: Path) -> None:
        policy = UrlPolicy(schemes=frozenset({"http"}), allow_private=True)
        self._source = GitSource(url=url, ref="main", policy=policy)
        self._root = scratch / "ours"
        self._known: dict[str, tuple[str, str]] = {}

    def forget(self) -> None:
        shutil.rmtree(self._root, ignore_errors=True)
        self._known.clear()

    def look(self, directories: Sequence[str]) -> int:
        since = datetime.now(UTC)
        return sum(self._look_at(directory, since) for directory in directories)

    def _look_at(self, directory: str, since: datetime) -> int:
        head = head_of(self._root, self._source, since)
        known_head, known_tree = self._known.get(directory, ("", ""))
        if head == known_head:
            return 0
        with mirror_at(self._root, self._source, head) as mirror:
            tree = directory_tree(mirror, head, directory)
            files: list[ManifestFile] = []
            if tree == known_tree:
                pass
            elif known_tree and has_tree(mirror, known_tree):
                files = manifest_changes(mirror, known_tree, tree, directory, self._source.limits).changed
            else:
                files = list_manifests(mirror, tree, directory, self._source.limits)
            for file in files:
                read_manifest(mirror, file, self._source.limits)
        self._known[directory] = (head, tree)
        return len(files)


class DulwichClone:
    """A shallow clone with a checkout for each fabric, every file of its directory read and hashed.

    So does ``GitBackend`` of NetBox 4 (core/data_backends.py), and ``DataSource.sync`` with what it fetched.
    """

    def __init__(self, url: str, scratch: Path) -> None:
        self._url = url
        self._scratch = scratch

    def forget(self) -> None:
        """It never remembers anything."""

    def look(self, directories: Sequence[str]) -> int:
        return sum(self._look_at(directory) for directory in directories)

    def _look_at(self, directory: str) -> int:
        with tempfile.TemporaryDirectory(dir=self._scratch) as target:
            porcelain.clone(self._url, target, depth=1, checkout=True, errstream=porcelain.NoneStream()).close()
            files = [path for path in Path(target, directory).rglob("*.yaml") if path.is_file()]
            for path in files:
                sha256(path.read_bytes()).hexdigest()
        return len(files)


class GitCommand:
    """``git fetch`` into a bare repository, then ``diff-tree`` and one ``cat-file`` for what changed."""

    def __init__(self, url: str, scratch: Path) -> None:
        self._url = url
        self._repository = scratch / "command.git"
        self._known: dict[str, str] = {}

    def forget(self) -> None:
        shutil.rmtree(self._repository, ignore_errors=True)
        self._known.clear()

    def look(self, directories: Sequence[str]) -> int:
        if not self._repository.exists():
            self._git("init", "--quiet", "--bare", str(self._repository), inside=False)
        return sum(self._look_at(directory) for directory in directories)

    def _look_at(self, directory: str) -> int:
        self._git("fetch", "--quiet", "--depth=1", self._url, "+main:main")
        head = self._git("rev-parse", "main").strip()
        known = self._known.get(directory)
        if head == known:
            return 0
        listing = (
            self._git("diff-tree", "-r", "--diff-filter=d", known, head, "--", directory or ".")
            if known
            else self._git("ls-tree", "-r", head, "--", directory or ".")
        )
        column = 3 if known else 2
        blobs = [line.split()[column] for line in listing.splitlines()]
        if blobs:
            self._git("cat-file", "--batch", given="\n".join(blobs))
        self._known[directory] = head
        return len(blobs)

    def _git(self, *arguments: str, given: str = "", inside: bool = True) -> str:
        command = ["git", *(["-C", str(self._repository)] if inside else []), *arguments]
        done = subprocess.run(
            command, env=clean_git_environment(), input=given, stdout=subprocess.PIPE, text=True, check=True
        )
        return done.stdout
