"""Read the manifests below one directory of one commit; nothing is checked out, links are not followed."""

from __future__ import annotations

import re
import sys
from dataclasses import dataclass
from stat import S_ISDIR, S_ISREG
from typing import TYPE_CHECKING, Final, NamedTuple

import pygit2
from pygit2.enums import ObjectType

from netbox_hedgehog.errors import ContentProblem, RetryLater, SyncError
from netbox_hedgehog.git.ignore import IGNORE_FILE, MAX_IGNORE_BYTES, IgnoreRules, parse_ignore_file

if TYPE_CHECKING:
    from collections.abc import Iterator

    from netbox_hedgehog.git.limits import GitLimits

MANIFEST_SUFFIXES: Final = (".yaml", ".yml", ".json")
_LFS_POINTER: Final = b"version https://git-lfs.github.com/spec/"
# Mode, name and id, see gitformat-tree. A mode has six digits at most, and a zero before them in old trees.
_ENTRY: Final = re.compile(rb"([0-7]{1,7}) ([^\0]+)\0(.{20})", re.DOTALL)
# The most files that a fabric may have, in one directory, take a tenth of it; a crafted object inflates to any size.
_MOST_TREE_BYTES: Final = 32 * 1024 * 1024
# Enough to see a slip of the pen; names come from the repository and may be of any number and length.
_MOST_NAMED: Final = 10
_LONGEST_NAMED: Final = 60


class ManifestFile(NamedTuple):
    """One manifest in a commit."""

    path: str
    """From the root of the repository; bytes that are not UTF-8 stand as ``\\xNN``."""
    blob_id: str
    """Changes exactly when the content changes."""


@dataclass(frozen=True, slots=True)
class ManifestChanges:
    """What leads from the manifests of one tree to those of another."""

    changed: list[ManifestFile]
    """New files and those with other content, sorted by path."""
    removed: frozenset[str]
    """The paths of those that are gone, or are left out now."""

    @property
    def paths(self) -> frozenset[str]:
        """All that are not what they were."""
        return self.removed.union(file.path for file in self.changed)


def directory_tree(repo: pygit2.Repository, commit: str, directory: str) -> str:
    """The tree id (hex) of ``directory`` at ``commit``; ``/`` or nothing is the root.

    The id changes exactly when anything below the directory changes.
    Raises ContentProblem ``git.directory_not_found``, ``git.not_a_directory``; RetryLater ``git.corrupt``.
    """
    with _READING:
        tree_id = str(repo[commit].peel(pygit2.Commit).tree_id)
        parts = _parts(directory)
        for depth, part in enumerate(parts):
            entry = _entry(repo, tree_id, part)
            if entry is None:
                there = f"/{'/'.join(parts[:depth])} has {_directories(repo, tree_id)}"
                raise ContentProblem(
                    "git.directory_not_found",
                    f"The directory {directory} is not in the repository at commit {commit[:12]}: {there}.",
                    "Correct the fabric's GitOps directory, or push the directory.",
                )
            if not S_ISDIR(entry.mode):
                raise ContentProblem(
                    "git.not_a_directory",
                    f"{directory} is not a directory of the repository: links and submodules are not followed.",
                    "Enter the directory that holds the manifests themselves.",
                )
            tree_id = entry.id
        return tree_id


def has_tree(repo: pygit2.Repository, tree_id: str) -> bool:
    """Whether the mirror has this tree, and so all that is below it."""
    return tree_id in repo


def list_manifests(repo: pygit2.Repository, tree_id: str, directory: str, limits: GitLimits) -> list[ManifestFile]:
    """The ``.yaml``, ``.yml`` and ``.json`` files below ``tree_id``, the tree of ``directory``, sorted by path.

    Links, submodules, everything whose name begins with a dot (settings of tools), and what the directory's own
    ``.hedgehogignore`` says are left out.
    Raises ContentProblem ``git.too_many_files``, ``git.too_many_entries``, ``git.too_deep``, ``git.ignore_invalid``;
    RetryLater ``git.corrupt``.
    """
    prefix = "".join(f"{part}/" for part in _parts(directory))
    found: list[ManifestFile] = []
    with _READING:
        rules = _ignore_rules(repo, tree_id, prefix)
        for file in _walk(repo, tree_id, prefix, limits, rules):
            if len(found) == limits.max_files:
                raise ContentProblem(
                    "git.too_many_files",
                    f"There are more than {limits.max_files} manifests below {directory}.",
                    "Check the fabric's GitOps directory; if it is right, raise the limit.",
                )
            found.append(file)
    return sorted(found)


def manifest_changes(repo: pygit2.Repository, old: str, new: str, directory: str, limits: GitLimits) -> ManifestChanges:
    """What differs between :func:`list_manifests` of the tree ``new`` and of ``old``, both in the mirror.

    Only directories that differ are looked into, unless the ignore file does.
    Raises what :func:`list_manifests` raises of the two.
    """
    prefix = "".join(f"{part}/" for part in _parts(directory))
    with _READING:
        if _entry(repo, old, IGNORE_FILE) == _entry(repo, new, IGNORE_FILE):
            before, after = _differing(repo, (old, new), prefix, _ignore_rules(repo, new, prefix), limits)
        else:
            before, after = (set(list_manifests(repo, tree, directory, limits)) for tree in (old, new))
    if len(after) > len(before):
        list_manifests(repo, new, directory, limits)  # its limits are for all files together
    removed = {file.path for file in before} - {file.path for file in after}
    return ManifestChanges(sorted(after - before), frozenset(removed))


def read_manifest(repo: pygit2.Repository, file: ManifestFile, limits: GitLimits) -> bytes:
    """The content of one manifest.

    Raises ContentProblem ``git.file_too_large``, ``git.lfs_pointer``; RetryLater ``git.corrupt``.
    """
    with _READING:
        # The header alone: reading a blob to learn its size would inflate the very file the limit is against.
        objects = repo.odb
        _check_size(file.path, objects.read_header(file.blob_id)[1], limits.max_file_bytes)
        kind, data = objects.read(file.blob_id)
        if kind != ObjectType.BLOB:
            raise KeyError(file.blob_id)
    if data.startswith(_LFS_POINTER):
        raise ContentProblem(
            "git.lfs_pointer",
            f"{file.path} is stored in Git LFS: the repository holds only a pointer to it.",
            "Store manifests in Git itself (git lfs untrack, then git add --renormalize).",
        )
    return data


def _ignore_rules(repo: pygit2.Repository, tree_id: str, prefix: str) -> IgnoreRules:
    entry = _entry(repo, tree_id, IGNORE_FILE)
    if entry is None:
        return IgnoreRules()
    if not S_ISREG(entry.mode):
        raise ContentProblem(
            "git.ignore_invalid",
            f"{prefix}{IGNORE_FILE} is no regular file: links are not followed.",
            "Put the patterns themselves into the file, or remove it.",
        )
    _check_size(prefix + IGNORE_FILE, repo.odb.read_header(entry.id)[1], MAX_IGNORE_BYTES)
    return parse_ignore_file(repo.odb.read(entry.id)[1], prefix + IGNORE_FILE)


def _walk(
    repo: pygit2.Repository, tree_id: str, prefix: str, limits: GitLimits, rules: IgnoreRules
) -> Iterator[ManifestFile]:
    """Every manifest with its path; directories are kept on a list, so that depth costs no stack."""
    start = len(prefix)
    seen = 0
    pending = [(tree_id, prefix, 0)]
    while pending:
        directory_id, path, depth = pending.pop()
        _check_depth(prefix, depth, limits)
        for entry in _entries(repo, directory_id):
            seen += 1
            _check_seen(prefix, seen, limits)
            if entry.name.startswith(b"."):
                continue
            name = path + _readable(entry.name)
            if S_ISDIR(entry.mode):
                if not rules.ignores_directory(name[start:]):
                    pending.append((entry.id, name + "/", depth + 1))
            elif _is_manifest(entry.mode, name) and not rules.ignores_file(name[start:]):
                yield ManifestFile(name, entry.id)


def _differing(
    repo: pygit2.Repository, trees: tuple[str, str], prefix: str, rules: IgnoreRules, limits: GitLimits
) -> tuple[set[ManifestFile], set[ManifestFile]]:
    """The manifests of two trees, without those in directories that are the same in both."""
    found: tuple[set[ManifestFile], set[ManifestFile]] = (set(), set())
    start = len(prefix)
    seen = 0
    pending: list[tuple[tuple[str | None, ...], str, int]] = [(trees, prefix, 0)]
    while pending:
        pair, path, depth = pending.pop()
        _check_depth(prefix, depth, limits)
        one, other = (set(_entries(repo, each)) if each else set[_Entry]() for each in pair)
        seen += len(one) + len(other)
        _check_seen(prefix, seen, limits)
        below: dict[bytes, list[str | None]] = {}
        for side, entries in enumerate((one - other, other - one)):
            for entry in entries:
                name = path + _readable(entry.name)
                if entry.name.startswith(b"."):
                    continue
                if S_ISDIR(entry.mode):
                    below.setdefault(entry.name, [None, None])[side] = entry.id
                elif _is_manifest(entry.mode, name) and not rules.ignores_file(name[start:]):
                    found[side].add(ManifestFile(name, entry.id))
        for raw, ids in below.items():
            name = path + _readable(raw)
            if not rules.ignores_directory(name[start:]):
                pending.append((tuple(ids), name + "/", depth + 1))
    return found


def _readable(name: bytes) -> str:
    return name.decode("utf-8", "backslashreplace")


def _check_depth(prefix: str, depth: int, limits: GitLimits) -> None:
    if depth > limits.max_depth:
        raise ContentProblem(
            "git.too_deep",
            f"Directories are nested more than {limits.max_depth} deep below {prefix or '/'}.",
            "Check the fabric's GitOps directory.",
        )


def _check_seen(prefix: str, seen: int, limits: GitLimits) -> None:
    """A few trees that name each other many times stand for billions of files."""
    if seen > limits.max_entries:
        raise _too_many_entries(f"There are more files of any kind below {prefix or '/'}", limits.max_entries)


def _is_manifest(mode: int, name: str) -> bool:
    return S_ISREG(mode) and name.endswith(MANIFEST_SUFFIXES)


class _Entry(NamedTuple):
    mode: int
    name: bytes
    id: str


def _entries(repo: pygit2.Repository, tree_id: str) -> Iterator[_Entry]:
    """What a tree holds, in its order.

    Taken from its bytes: that is faster than libgit2's objects, and listing is most of what a first sync does beside
    parsing.
    """
    _check_tree_size(repo, tree_id)
    kind, data = repo.odb.read(tree_id)
    if kind != ObjectType.TREE:
        raise KeyError(tree_id)
    at = 0
    for match in _ENTRY.finditer(data):
        if match.start() != at:
            break
        at = match.end()
        mode, name, object_id = match.groups()
        yield _Entry(int(mode, 8), name, object_id.hex())
    if at != len(data):
        raise ValueError(f"tree {tree_id} is no list of entries from byte {at} on")


def _entry(repo: pygit2.Repository, tree_id: str, name: str) -> _Entry | None:
    """What a tree holds under ``name``; libgit2 finds it without making an object of each of the others."""
    _check_tree_size(repo, tree_id)
    tree = repo[tree_id].peel(pygit2.Tree)
    # pygit2 1.21 never lets go of the text that a tree was asked for: it must be the same one each time.
    name = sys.intern(name)
    if name not in tree:
        return None
    entry = tree[name]
    return _Entry(int(entry.filemode), name.encode(), str(entry.id))


def _directories(repo: pygit2.Repository, tree_id: str) -> str:
    """The first directories of a tree in words, for whoever looks for another one."""
    entries = (entry for entry in _entries(repo, tree_id) if S_ISDIR(entry.mode) and not entry.name.startswith(b"."))
    names = [_readable(entry.name) for entry in entries]
    shown = ["".join(char if char.isprintable() else "?" for char in name)[:_LONGEST_NAMED] for name in names]
    more = [f"{len(names) - _MOST_NAMED:,} more"] if len(names) > _MOST_NAMED else []
    return ", ".join([*shown[:_MOST_NAMED], *more]) or "no directories"


def _check_tree_size(repo: pygit2.Repository, tree_id: str) -> None:
    size = repo.odb.read_header(tree_id)[1]
    if size > _MOST_TREE_BYTES:
        raise _too_many_entries(f"The list of a directory's files has {size} bytes", _MOST_TREE_BYTES)


def _parts(directory: str) -> list[str]:
    parts = [part for part in directory.split("/") if part not in {"", "."}]
    if ".." in parts or "\0" in directory:
        raise ContentProblem(
            "git.directory_not_found",
            f"The directory {directory!r} is not a path inside the repository.",
            "Enter the path from the root of the repository, without '..'.",
        )
    return parts


def _check_size(path: str, size: int, most: int) -> None:
    if size > most:
        raise ContentProblem(
            "git.file_too_large",
            f"{path} has {size} bytes, more than the limit of {most}.",
            "Split the file, keep it outside the GitOps directory, or raise the limit.",
        )


def _too_many_entries(what: str, limit: int) -> ContentProblem:
    return ContentProblem(
        "git.too_many_entries",
        f"{what}, more than the limit of {limit}.",
        "Check the fabric's GitOps directory: no fabric needs this much.",
    )


class _Reading:
    """Says that the mirror is damaged where an object that must be there cannot be read.

    A class, because a generator as context manager takes a tenth of the time of reading a manifest.
    """

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: object, error: BaseException | None, traceback: object) -> None:
        if isinstance(error, pygit2.GitError | KeyError | ValueError | OSError) and not isinstance(error, SyncError):
            raise RetryLater(
                "git.corrupt",
                f"The mirror of the repository is damaged: {type(error).__name__} {error}",
                "It is fetched anew by itself; if it stays, check the worker's disk and run git fsck on the server.",
            ) from error


_READING: Final = _Reading()
