"""One bare, shallow mirror per repository URL, shared by all fabrics and processes of a machine."""

from __future__ import annotations

import hashlib
import os
import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Final

import pygit2

from netbox_hedgehog.errors import RetryLater, SyncError
from netbox_hedgehog.git.failures import ref_not_found, translate
from netbox_hedgehog.git.limits import Deadline
from netbox_hedgehog.git.locks import exclusive
from netbox_hedgehog.git.remote import Tip, check_ref, find_tip, is_commit_id
from netbox_hedgehog.git.session import LIBGIT2_ERRORS, connect, create_bare
from netbox_hedgehog.git.urls import check_url

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pygit2.remotes import RemoteHead

    from netbox_hedgehog.git.callbacks import Progress
    from netbox_hedgehog.git.source import GitSource

# Errors that a damaged mirror causes as well as a bad server: worth one fetch into an empty mirror.
_MAYBE_OURS: Final = frozenset({"git.corrupt", "git.failed"})
_SHA1_BYTES: Final = 20
# What libgit2 says of a server that hands out no commit by its id.
_NO_IDS: Final = "cannot fetch a specific object"
_WHOLE_HISTORY: Final = 2**31 - 1  # libgit2 reads it as "no longer shallow"


def mirror_at(root: Path, source: GitSource, commit: str, *, progress: Progress | None = None) -> pygit2.Repository:
    """Open the mirror of ``source`` below ``root``, fetching first unless ``commit`` (hex) is in it.

    One process fetches, the others wait and use the result. A damaged mirror is deleted and fetched anew, once.
    ``progress`` is called with (stage, done, total), often. The whole call ends within ``limits.timeout_seconds``.

    Raises what :func:`remote_head` raises, and RetryLater ``git.mirror_busy``, ``git.ref_moved``, ``git.disk_full``,
    ``git.corrupt``; NeedsOperator ``git.too_large``; InternalFault ``git.storage``. Nothing is left behind then.
    """
    check_url(source.url, source.policy)
    if len(commit) != 2 * _SHA1_BYTES:
        raise ref_not_found(source.ref, "repositories with SHA-256 ids are not supported yet")
    deadline = Deadline(source.limits.timeout_seconds)
    path = _path(root, source.url)
    try:
        if repository := _open_with(path, commit):
            return repository
        root.mkdir(mode=0o700, parents=True, exist_ok=True)
        with exclusive(path.with_suffix(".lock"), deadline):
            return _open_with(path, commit) or _fetch_into(path, source, commit, deadline, progress)
    except OSError as error:
        raise translate(error, source.credential) from None


def discard_mirror(root: Path, source: GitSource) -> None:
    """Delete the mirror of ``source``, if there is one: after ``git.corrupt`` while reading, or with its repository.

    Raises RetryLater ``git.mirror_busy``, InternalFault ``git.storage``.
    """
    path = _path(root, source.url)
    if not path.is_symlink():
        return
    try:
        with exclusive(path.with_suffix(".lock"), Deadline(source.limits.timeout_seconds)):
            _clear_away(path)
    except OSError as error:
        raise translate(error, source.credential) from None


def _path(root: Path, url: str) -> Path:
    """A link to the mirror's directory.

    libgit2 shares open packs between all repositories of a process, by path: a mirror that is built anew needs a new
    path, or a reader of the damaged one would pass its damage on.
    """
    return root / (hashlib.sha256(url.encode()).hexdigest()[:32] + ".git")


def _open_with(path: Path, commit: str) -> pygit2.Repository | None:
    """The repository at ``path`` if it is sound and has ``commit`` with its tree."""
    try:
        if not _packs_are_whole(path):
            return None
        repository = pygit2.Repository(str(path.resolve()))
        repository[commit].peel(pygit2.Tree)
    except LIBGIT2_ERRORS:
        return None
    return repository


def _packs_are_whole(path: Path) -> bool:
    """Whether each pack ends as its index says: a write that a crash cut off shows here, not in mid-sync."""
    for index in (path / "objects" / "pack").glob("*.idx"):
        with index.open("rb") as index_file, index.with_suffix(".pack").open("rb") as pack_file:
            index_file.seek(-2 * _SHA1_BYTES, os.SEEK_END)
            pack_file.seek(-_SHA1_BYTES, os.SEEK_END)
            if index_file.read(_SHA1_BYTES) != pack_file.read(_SHA1_BYTES):
                return False
    return True


def _fetch_into(
    path: Path, source: GitSource, commit: str, deadline: Deadline, progress: Progress | None
) -> pygit2.Repository:
    """Bring ``commit`` into the mirror at ``path``; the caller holds its lock."""
    if repository := _update(path, source, commit, deadline, progress):
        return repository
    _clear_away(path)
    return _create(path, source, commit, deadline, progress)


def _update(
    path: Path, source: GitSource, commit: str, deadline: Deadline, progress: Progress | None
) -> pygit2.Repository | None:
    """Fetch into an existing mirror; None if there is none, or a damaged one."""
    try:
        if not _packs_are_whole(path):
            return None
        repository = pygit2.Repository(str(path.resolve()))
    except LIBGIT2_ERRORS:
        return None
    try:
        _fetch(repository, source, commit, deadline, progress)
    except SyncError as error:
        if error.code in _MAYBE_OURS:
            return None
        raise
    return _open_with(path, commit)


def _create(
    path: Path, source: GitSource, commit: str, deadline: Deadline, progress: Progress | None
) -> pygit2.Repository:
    """Fetch into a new mirror that appears under its name only when it is complete."""
    building = Path(tempfile.mkdtemp(prefix=f"{path.stem}.", dir=path.parent))
    try:
        repository = _fetch_whole(building, source, commit, deadline, progress)
        path.symlink_to(building.name)
    except BaseException:
        shutil.rmtree(building, ignore_errors=True)
        raise
    return repository


def _fetch_whole(
    building: Path, source: GitSource, commit: str, deadline: Deadline, progress: Progress | None
) -> pygit2.Repository:
    _fetch(create_bare(building), source, commit, deadline, progress)
    if repository := _open_with(building, commit):
        return repository
    raise RetryLater(
        "git.corrupt",
        f"The server announced commit {commit} but did not send it whole.",
        "It is tried again by itself; if it stays, run git fsck on the server.",
    )


def _fetch(
    repository: pygit2.Repository,
    source: GitSource,
    commit: str,
    deadline: Deadline,
    progress: Progress | None,
) -> None:
    """Fetch ``commit`` by the ref that leads to it, or by its id, or with all history: the cheapest that works."""
    with connect(repository, source, deadline, progress) as (remote, callbacks):
        tip = _tip_of(remote.list_heads(connect=False), source.ref, commit)
        what = commit if tip is None else tip.name
        refspecs = [f"+{what}:{_local_name(source.ref)}"]
        try:
            remote.fetch(refspecs, callbacks=callbacks, depth=_depth(source, 1))
        except pygit2.GitError as error:
            if tip is not None or _NO_IDS not in str(error):
                raise
    if commit in repository:
        return
    if tip is None and is_commit_id(source.ref):
        _fetch_all(repository, source, deadline, progress)
        if commit not in repository:
            raise ref_not_found(source.ref, "no branch or tag of the server leads to this commit")
    elif tip is None:
        raise RetryLater(
            "git.ref_moved",
            f"{source.ref!r} moved on while it was fetched, and the server no longer hands out commit {commit}.",
            "Nothing: the next sync takes the new commit.",
        )


def _fetch_all(repository: pygit2.Repository, source: GitSource, deadline: Deadline, progress: Progress | None) -> None:
    """For servers that hand out no commit by its id: everything that any branch or tag leads to."""
    refspecs = ["+refs/heads/*:refs/hedgehog/heads/*", "+refs/tags/*:refs/hedgehog/tags/*"]
    with connect(repository, source, deadline, progress) as (remote, callbacks):
        remote.fetch(refspecs, callbacks=callbacks, depth=_depth(source, _WHOLE_HISTORY))


def _tip_of(heads: Sequence[RemoteHead], ref: str, commit: str) -> Tip | None:
    """The server's ref that points to ``commit`` now, if it is still the one that ``ref`` means."""
    if is_commit_id(ref):
        names = (head.name.removesuffix("^{}") for head in heads if head.name and str(head.oid) == commit)
        return next((Tip(name, commit) for name in names), None)
    check_ref(ref)
    tip = find_tip(heads, ref)
    return tip if tip.commit == commit else None


def _local_name(ref: str) -> str:
    # A ref's own name may be one that cannot live beside another (a and a/b); its digest always can.
    return "refs/hedgehog/wanted/" + hashlib.sha256(ref.encode()).hexdigest()[:32]


def _depth(source: GitSource, depth: int) -> int:
    # libgit2's transport for local directories refuses shallow fetches.
    return 0 if source.url.lower().startswith("file:") else depth


def _clear_away(path: Path) -> None:
    """Remove the mirror, and what killed processes left of earlier ones; the caller holds its lock."""
    if path.is_symlink():
        path.unlink()
    for directory in path.parent.glob(f"{path.stem}.*"):
        if directory.is_dir():
            shutil.rmtree(directory)
