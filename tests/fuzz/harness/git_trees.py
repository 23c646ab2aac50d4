"""Trees of a hostile server, and the path of a GitOps directory. Promise: a list of manifests whose paths are below
the directory and unique per entry, the same whether all is listed or what changed; or ContentProblem or RetryLater
``git.corrupt``.

An input is trees, divided by a line ``====``; twenty times a letter stands for the id of that tree (``a`` the first),
so later ones can name earlier ones. The last is the root; before it may stand ``path====``.
"""

import shutil
import tempfile
from pathlib import Path

import pygit2
from pygit2.enums import ObjectType

from netbox_hedgehog.errors import ContentProblem, RetryLater
from netbox_hedgehog.git.limits import GitLimits
from netbox_hedgehog.git.session import create_bare
from netbox_hedgehog.git.tree import directory_tree, list_manifests, manifest_changes, read_manifest

WORDS = (
    *(b"100644 a.yaml\0" + b"z" * 20, b"40000 d\0" + b"a" * 20, b"120000 l.yaml\0", b"160000 m\0", b"\n====\n"),
    *(b"a" * 20, b"b" * 20, b"z" * 20, b"..", b"/", b".hedgehogignore\0" + b"z" * 20, b"777777 ", b"\xff.yaml\0"),
)
_LIMITS = GitLimits(max_files=50, max_entries=500, max_depth=10)
_EMPTY_AFTER = 2000

_directory = Path(tempfile.mkdtemp(prefix="hedgehog-fuzz-"))
_repository = create_bare(_directory)
_taken = 0


def take(data: bytes) -> None:
    _tidy()
    path, *trees = data.split(b"\n====\n")[:20]
    manifest = _repository.odb.write(ObjectType.BLOB, data)
    ids = [manifest]
    for tree in trees or [data]:
        ids.append(_repository.odb.write(ObjectType.TREE, _linked(tree, ids)))
    lists = [_listed(str(tree), path.decode("utf-8", "replace")) for tree in ids[-2:]]
    _compared(str(ids[-2]), str(ids[-1]), lists)


def _linked(tree: bytes, ids: list[pygit2.Oid]) -> bytes:
    tree = tree.replace(b"z" * 20, ids[0].raw)
    for letter, each in zip(b"abcdefghijklmnopqrs", ids[1:], strict=False):
        tree = tree.replace(bytes([letter]) * 20, each.raw)
    return tree


def _listed(tree: str, directory: str) -> list | None:
    try:
        who = pygit2.Signature("a", "a", 0, 0)
        commit = _repository.create_commit(None, who, who, "", tree, [])
    except (pygit2.GitError, ValueError):
        commit = None
    try:
        if commit is not None:
            directory_tree(_repository, str(commit), directory)
        files = list_manifests(_repository, tree, "/", _LIMITS)
        for file in files:
            assert file.path.endswith((".yaml", ".yml", ".json"))
            assert not file.path.startswith("/")
            read_manifest(_repository, file, _LIMITS)
    except (ContentProblem, RetryLater) as error:
        assert error.code.startswith("git.")
        assert len(str(error)) < 5000
        return None
    return files


def _compared(old: str, new: str, lists: list) -> None:
    try:
        changes = manifest_changes(_repository, old, new, "/", _LIMITS)
    except (ContentProblem, RetryLater) as error:
        assert error.code.startswith("git.")
        return
    before, after = lists
    if before is not None and after is not None:
        assert set(changes.changed) == set(after) - set(before)
        assert changes.removed == {file.path for file in before} - {file.path for file in after}


def _tidy() -> None:
    """Objects are files; millions of inputs would fill the disk."""
    global _repository, _taken
    _taken += 1
    if _taken % _EMPTY_AFTER == 0:
        shutil.rmtree(_directory)
        _directory.mkdir()
        _repository = create_bare(_directory)
