"""The demo's bare Git repositories, written without a checkout; one that exists is never made anew."""

from __future__ import annotations

import shutil
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import pygit2

from netbox_hedgehog.local.demo.fabrics import Files, files
from netbox_hedgehog.local.demo.plans import PLANS, Plan

BRANCH: Final = "main"
# A fixed birthday makes the first commit, and so its id, the same everywhere.
BORN: Final = datetime(2026, 1, 5, 9, tzinfo=UTC)


def path_of(root: Path, plan: Plan) -> Path:
    """Where the repository of one fabric is."""
    return root / f"{plan.name}.git"


def ensure(root: Path) -> list[Plan]:
    """Make each missing repository with its first commit; return the plans of those that were made."""
    root.mkdir(parents=True, exist_ok=True)
    missing = [plan for plan in PLANS if not path_of(root, plan).exists()]
    for plan in missing:
        _create(path_of(root, plan), files(plan), f"Import {plan.name}")
    return missing


def read(path: Path) -> Files:
    """Every file at the tip of the branch."""
    repository = pygit2.Repository(str(path))
    index = _index(repository)
    return {entry.path: repository[entry.id].read_raw() for entry in index}


def history(path: Path) -> int:
    """How many commits the branch has, the first one included."""
    repository = pygit2.Repository(str(path))
    return sum(1 for _ in repository.walk(_tip(repository).id))


def commit(path: Path, before: Files, after: Files, message: str) -> str:
    """Commit what differs between two trees and return the commit's short id.

    Raises:
        pygit2.GitError: somebody else committed in between.

    """
    repository = pygit2.Repository(str(path))
    index = _index(repository)
    for gone in before.keys() - after.keys():
        index.remove(gone)
    changed = {name: content for name, content in after.items() if before.get(name) != content}
    return _commit(repository, index, changed, message, _tip(repository).id)


def compact(path: Path) -> None:
    """Move all objects into one pack: each loose one costs a disk block, and there is a commit a minute."""
    objects = path / "objects"
    old = {*objects.glob("[0-9a-f][0-9a-f]/*"), *objects.glob("pack/pack-*")}
    pygit2.Repository(str(path)).pack()
    new = set(objects.glob("pack/pack-*")) - old
    for file in old if new else ():
        file.unlink()


def _create(path: Path, content: Files, message: str) -> None:
    # Renamed into place when complete, so that an interrupted start leaves no half repository behind.
    draft = path.with_suffix(".draft")
    shutil.rmtree(draft, ignore_errors=True)
    repository = pygit2.init_repository(str(draft), bare=True, initial_head=BRANCH)
    _commit(repository, pygit2.Index(), content, message, None)
    repository.free()
    draft.rename(path)


def _commit(
    repository: pygit2.Repository, index: pygit2.Index, content: Files, message: str, parent: pygit2.Oid | None
) -> str:
    for name, data in content.items():
        blob = repository.create_blob(data)
        index.add(pygit2.IndexEntry(name, blob, pygit2.enums.FileMode.BLOB))
    when = datetime.now(UTC) if parent else BORN
    author = pygit2.Signature("Demo Operator", "demo@example.com", int(when.timestamp()), 0)
    parents: list[str | pygit2.Oid] = [parent] if parent else []
    return str(repository.create_commit(_ref(), author, author, message, index.write_tree(repository), parents))[:10]


def _index(repository: pygit2.Repository) -> pygit2.Index:
    """The tree at the branch's tip as an index in memory, which keeps the mode of every file."""
    index = pygit2.Index()
    index.read_tree(_tip(repository).tree)
    return index


def _tip(repository: pygit2.Repository) -> pygit2.Commit:
    return repository.references[_ref()].peel(pygit2.Commit)


def _ref() -> str:
    return f"refs/heads/{BRANCH}"
