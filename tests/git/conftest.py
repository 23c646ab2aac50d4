"""Repositories, a server and sources for the tests of the Git engine."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from netbox_hedgehog.git import GitSource, UrlPolicy
from tests.support.git_server import GitServer, commit_files

LOOSE = UrlPolicy(allow_private=True, schemes=frozenset({"http", "https", "ssh"}))


@pytest.fixture
def served(tmp_path: Path) -> Path:
    """The directory whose repositories the server serves."""
    path = tmp_path / "served"
    path.mkdir()
    return path


@pytest.fixture
def fabric(served: Path) -> Path:
    """A repository with one manifest."""
    commit_files(served / "fabric.git", {"fabric/switch.yaml": b"kind: Switch\n"}, "first")
    return served / "fabric.git"


@pytest.fixture
def server(served: Path) -> Iterator[GitServer]:
    with GitServer(served) as running:
        yield running


@pytest.fixture
def source(server: GitServer, fabric: Path) -> Callable[..., GitSource]:
    """Makes a source of the served repository; every field can be given."""

    def make(**fields: Any) -> GitSource:
        return replace(GitSource(url=server.url("fabric.git"), ref="main", policy=LOOSE), **fields)

    return make


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Where the mirrors go; made on demand."""
    return tmp_path / "mirrors"


def remains(root: Path) -> list[str]:
    """What lies below ``root`` apart from its own files: links and directories of mirrors, and unfinished files."""
    return sorted(path.name for path in root.iterdir() if path.suffix not in {".lock", ".key"})
