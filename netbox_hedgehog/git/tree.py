"""Read the manifests below one directory of one commit; nothing is checked out, links are not followed."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import pygit2
from pygit2.enums import FileMode, ObjectType

from netbox_hedgehog.errors import ContentProblem, NeedsOperator, RetryLater, SyncError
from netbox_hedgehog.git.ignore import IGNORE_FILE, MAX_IGNORE_BYTES, IgnoreRules, parse_ignore_file

if TYPE_CHECKING:
    from collections.abc import Iterator

    from netbox_hedgehog.git.limits import GitLimits

MANIFEST_SUFFIXES: Final = (".yaml", ".yml", ".json")
_LFS_POINTER: Final = b"version https://git-lfs.github.com/spec/"
_REGULAR: Final = frozenset({FileMode.BLOB, FileMode.BLOB_EXECUTABLE})


@dataclass(frozen=True, slots=True)
class ManifestFile:
    """One manifest in a commit."""

    path: str
    """From the root of the repository; bytes that are not UTF-8 stand as ``\\xNN``."""
    blob_id: str
    """Changes exactly when the content changes."""


def directory_tree(repo: pygit2.Repository, commit: str, directory: str) -> str:
    """The tree id (hex) of ``directory`` at ``commit``; ``/`` or nothing is the root.

    The id changes exactly when anything below the directory changes.
    Raises NeedsOperator ``git.directory_not_found``, ``git.not_a_directory``; RetryLater ``git.corrupt``.
    """
    with _reading():
        tree = _commit(repo, commit).tree
        for part in _parts(directory):
            entry = next((each for each in tree if each.raw_name == part.encode()), None)
            if entry is None:
                raise NeedsOperator(
                    "git.directory_not_found",
                    f"The directory {directory} is not in the repository at commit {commit[:12]}.",
                    "Correct the fabric's GitOps directory, or push the directory.",
                )
            if entry.filemode != FileMode.TREE:
                raise NeedsOperator(
                    "git.not_a_directory",
                    f"{directory} is not a directory of the repository: links and submodules are not followed.",
                    "Enter the directory that holds the manifests themselves.",
                )
            tree = repo[entry.id].peel(pygit2.Tree)
        return str(tree.id)


def has_tree(repo: pygit2.Repository, tree_id: str) -> bool:
    """Whether the mirror has this tree, and so all that is below it."""
    return tree_id in repo


def list_manifests(repo: pygit2.Repository, tree_id: str, directory: str, limits: GitLimits) -> list[ManifestFile]:
    """The ``.yaml``, ``.yml`` and ``.json`` files below ``tree_id``, the tree of ``directory``, sorted by path.

    Links, submodules, everything whose name begins with a dot (settings of tools), and what the directory's own
    ``.hedgehogignore`` says are left out.
    Raises NeedsOperator ``git.too_many_files``, ``git.too_deep``; ContentProblem ``git.ignore_invalid``; RetryLater
    ``git.corrupt``.
    """
    prefix = "".join(f"{part}/" for part in _parts(directory))
    found: list[ManifestFile] = []
    with _reading():
        rules = _ignore_rules(repo, tree_id, prefix)
        for path, entry in _walk(repo, tree_id, prefix, limits, rules):
            if len(found) == limits.max_files:
                raise NeedsOperator(
                    "git.too_many_files",
                    f"There are more than {limits.max_files} manifests below {directory}.",
                    "Check the fabric's GitOps directory; if it is right, raise the limit.",
                )
            found.append(ManifestFile(path, str(entry.id)))
    return sorted(found, key=lambda manifest: manifest.path)


def read_manifest(repo: pygit2.Repository, file: ManifestFile, limits: GitLimits) -> bytes:
    """The content of one manifest.

    Raises NeedsOperator ``git.file_too_large``, ``git.lfs_pointer``; RetryLater ``git.corrupt``.
    """
    with _reading():
        # The header alone: reading a blob to learn its size would inflate the very file the limit is against.
        _check_size(file.path, repo.odb.read_header(file.blob_id)[1], limits.max_file_bytes)
        kind, data = repo.odb.read(file.blob_id)
        if kind != ObjectType.BLOB:
            raise KeyError(file.blob_id)
    if data.startswith(_LFS_POINTER):
        raise NeedsOperator(
            "git.lfs_pointer",
            f"{file.path} is stored in Git LFS: the repository holds only a pointer to it.",
            "Store manifests in Git itself (git lfs untrack, then git add --renormalize).",
        )
    return data


def _ignore_rules(repo: pygit2.Repository, tree_id: str, prefix: str) -> IgnoreRules:
    tree = repo[tree_id].peel(pygit2.Tree)
    if IGNORE_FILE not in tree:
        return IgnoreRules()
    entry = tree[IGNORE_FILE]
    if entry.filemode not in _REGULAR:
        raise ContentProblem(
            "git.ignore_invalid",
            f"{prefix}{IGNORE_FILE} is no regular file: links are not followed.",
            "Put the patterns themselves into the file, or remove it.",
        )
    size = repo.odb.read_header(entry.id)[1]
    _check_size(prefix + IGNORE_FILE, size, MAX_IGNORE_BYTES)
    return parse_ignore_file(repo.odb.read(entry.id)[1], prefix + IGNORE_FILE)


def _walk(
    repo: pygit2.Repository, tree_id: str, prefix: str, limits: GitLimits, rules: IgnoreRules
) -> Iterator[tuple[str, pygit2.Object]]:
    """Every manifest with its path; directories are kept on a list, so that depth costs no stack."""
    start = len(prefix)
    pending = [(tree_id, prefix, 0)]
    while pending:
        directory_id, path, depth = pending.pop()
        if depth > limits.max_depth:
            raise NeedsOperator(
                "git.too_deep",
                f"Directories are nested more than {limits.max_depth} deep below {prefix or '/'}.",
                "Check the fabric's GitOps directory.",
            )
        for entry in repo[directory_id].peel(pygit2.Tree):
            if entry.raw_name is None or entry.raw_name.startswith(b"."):
                continue
            name = entry.raw_name.decode("utf-8", "backslashreplace")
            full = path + name
            if entry.filemode == FileMode.TREE:
                if not rules.ignores_directory(full[start:]):
                    pending.append((str(entry.id), full + "/", depth + 1))
            elif _is_manifest(entry, name) and not rules.ignores_file(full[start:]):
                yield full, entry


def _is_manifest(entry: pygit2.Object, name: str) -> bool:
    return entry.filemode in _REGULAR and name.endswith(MANIFEST_SUFFIXES)


def _parts(directory: str) -> list[str]:
    parts = [part for part in directory.split("/") if part not in {"", "."}]
    if ".." in parts or "\0" in directory:
        raise NeedsOperator(
            "git.directory_not_found",
            f"The directory {directory!r} is not a path inside the repository.",
            "Enter the path from the root of the repository, without '..'.",
        )
    return parts


def _commit(repo: pygit2.Repository, commit: str) -> pygit2.Commit:
    return repo[commit].peel(pygit2.Commit)


def _check_size(path: str, size: int, most: int) -> None:
    if size > most:
        raise NeedsOperator(
            "git.file_too_large",
            f"{path} has {size} bytes, more than the limit of {most}.",
            "Split the file, keep it outside the GitOps directory, or raise the limit.",
        )


@contextmanager
def _reading() -> Iterator[None]:
    """Say that the mirror is damaged where an object that must be there cannot be read."""
    try:
        yield
    except SyncError:
        raise
    except (pygit2.GitError, KeyError, ValueError, OSError) as error:
        raise RetryLater(
            "git.corrupt",
            f"The mirror of the repository is damaged: {type(error).__name__} {error}",
            "It is fetched anew by itself; if it stays, check the worker's disk and run git fsck on the server.",
        ) from error
