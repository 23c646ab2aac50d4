"""One bare, shallow mirror per repository and credential, shared by all fabrics and processes of a machine."""

from __future__ import annotations

import hashlib
import os
import threading
import time
import weakref
from contextlib import ExitStack
from typing import TYPE_CHECKING, Final, Self

import pygit2

from netbox_hedgehog.errors import RetryLater, SyncError
from netbox_hedgehog.git.failures import ref_not_found, translate
from netbox_hedgehog.git.limits import Deadline
from netbox_hedgehog.git.locks import exclusive
from netbox_hedgehog.git.remote import Tip, check_ref, find_tip, is_commit_id
from netbox_hedgehog.git.session import LIBGIT2_ERRORS, connect, create_bare
from netbox_hedgehog.git.storage import delete, hold, link_of, link_to, lock_of, new_directory
from netbox_hedgehog.git.tidy import below_floor, free_bytes, require_room, tidy_up
from netbox_hedgehog.git.urls import check_url

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from pygit2.remotes import RemoteHead

    from netbox_hedgehog.git.callbacks import Progress
    from netbox_hedgehog.git.source import GitSource

# Errors that a damaged mirror causes as well as a bad server: worth one fetch into an empty mirror.
_MAYBE_OURS: Final = frozenset({"git.corrupt", "git.failed"})
_SHA1_BYTES: Final = 20
# Each update adds a pack, and each look for an object may look into all of them.
_MAX_PACKS: Final = 50
_WORN_BYTES: Final = 64 * 1024**2
_LOOK_EVERY_SECONDS: Final = 0.05
# Within this time after a look at its files, a mirror is opened again without another: damage that comes in between
# shows when it is read.
_TRUSTED_SECONDS: Final = 1.0
# What libgit2 says of a server that hands out no commit by its id.
_NO_IDS: Final = "cannot fetch a specific object"
_WHOLE_HISTORY: Final = 2**31 - 1  # libgit2 reads it as "no longer shallow"


class Mirror(pygit2.Repository):
    """An open mirror. Its files stay until it is closed, by ``with`` or :meth:`close`, as a file is; or forgotten."""

    def __init__(self, directory: Path, held: int) -> None:
        """``held`` is the descriptor that keeps ``directory``; it now belongs to this object."""
        self._directory = directory
        self._link, self._name = str(link_to(directory)), directory.name
        self._let_go = weakref.finalize(self, os.close, held)
        self._stamps = _stamps(directory)
        self._trusted_until = time.monotonic() + _TRUSTED_SECONDS
        super().__init__(str(directory))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Let the files be deleted; nothing may be read any more, unless it is opened again."""
        self._let_go()

    def reopen(self) -> bool:
        """Open it again as it was; whether that was possible: nobody has it open, its files are there and untouched."""
        if self._let_go.alive or not self._is_current():
            return False
        held = hold(self._directory)
        if held is None:
            return False
        self._let_go = weakref.finalize(self, os.close, held)
        if self._is_untouched():
            return True
        self.close()
        return False

    def _is_current(self) -> bool:
        """Whether its name still leads to it: a damaged one is replaced, though it stays while somebody reads it."""
        try:
            return os.readlink(self._link) == self._name  # noqa: PTH115 - a Path costs more than the call itself
        except OSError:
            return False

    def _is_untouched(self) -> bool:
        if (now := time.monotonic()) < self._trusted_until:
            return True
        self._trusted_until = now + _TRUSTED_SECONDS
        return all(_stamp(path) == stamp for path, stamp in self._stamps)


class _Latest(threading.local):
    """What this thread opened last. The fabrics of one repository come one after the other, and most of the time of
    each would go into opening and verifying the same mirror.
    """

    use: tuple[Path, GitSource, str] | None = None
    mirror: Mirror | None = None

    def again(self, use: tuple[Path, GitSource, str]) -> Mirror | None:
        """The mirror if it was opened for this very ``use``; otherwise it is forgotten, and with it its memory."""
        if self.use == use and self.mirror is not None and self.mirror.reopen():
            return self.mirror
        self.use = self.mirror = None
        return None


_latest: Final = _Latest()


def mirror_at(root: Path, source: GitSource, commit: str, *, progress: Progress | None = None) -> Mirror:
    """Open the mirror of ``source`` below ``root``, fetching first unless it has ``commit`` (hex); close it after use.

    One process fetches, the others wait and use the result. A damaged mirror is deleted and fetched anew, once.
    ``progress`` is called with (stage, done, total), often. The whole call ends within ``limits.timeout_seconds``.

    Raises what :func:`remote_head` raises, and RetryLater ``git.mirror_busy``, ``git.ref_moved``, ``git.disk_full``,
    ``git.corrupt``; NeedsOperator ``git.too_large``; InternalFault ``git.storage``. Nothing is left behind then.
    """
    use = (root, source, commit)
    if mirror := _latest.again(use):
        return mirror
    check_url(source.url, source.policy)
    if len(commit) != 2 * _SHA1_BYTES:
        raise ref_not_found(source.ref, "repositories with SHA-256 ids are not supported yet")
    mirror = _opened(root, source, commit, progress)
    _latest.use, _latest.mirror = use, mirror
    return mirror


def _opened(root: Path, source: GitSource, commit: str, progress: Progress | None) -> Mirror:
    deadline = Deadline(source.limits.timeout_seconds)
    try:
        link = link_of(root, source)
        if repository := _open_with(link, commit):
            return repository
        with exclusive(lock_of(link), deadline):
            repository = _open_with(link, commit)
            if repository is None:
                require_room(root, source.limits)
                repository = _fetch_into(link, source, commit, deadline, _minding_the_floor(root, source, progress))
    except OSError as error:
        raise translate(error, source.credential) from None
    tidy_up(root, source.limits)
    return repository


def _minding_the_floor(root: Path, source: GitSource, progress: Progress | None) -> Progress:
    """Pass progress on, and stop a fetch that takes the disk's last room: libgit2 maps the pack that it writes into
    memory, and on a full disk that ends the process instead of the fetch.
    """
    next_look = 0.0

    def tell(stage: str, done: int, total: int) -> None:
        nonlocal next_look
        if (now := time.monotonic()) >= next_look:
            next_look = now + _LOOK_EVERY_SECONDS
            if free_bytes(root) < source.limits.min_free_bytes:
                raise below_floor(source.limits)
        if progress is not None:
            progress(stage, done, total)

    return tell


def discard_mirror(root: Path, source: GitSource, *, patience_seconds: float | None = None) -> None:
    """Delete the mirror of ``source``, if there is one: after ``git.corrupt`` while reading, or with its repository.

    Who reads it may finish. A fetch into it is waited for, ``limits.timeout_seconds`` unless told otherwise.
    Raises RetryLater ``git.mirror_busy``, InternalFault ``git.storage``.
    """
    patience = source.limits.timeout_seconds if patience_seconds is None else patience_seconds
    try:
        link = link_of(root, source)
        if link.is_symlink():
            with exclusive(lock_of(link), Deadline(patience)):
                delete(link)
    except OSError as error:
        raise translate(error, source.credential) from None


def _open_with(link: Path, commit: str) -> Mirror | None:
    """The mirror at ``link`` if it is sound and has ``commit`` with its tree."""
    directory = link.resolve()
    held = hold(directory)
    if held is None:
        return None
    with ExitStack() as unless_sound:
        try:
            mirror = Mirror(directory, held)
            unless_sound.enter_context(mirror)
            if not _packs_are_whole(directory):
                return None
            mirror[commit].peel(pygit2.Tree)
        except LIBGIT2_ERRORS:
            return None
        unless_sound.pop_all()
    return mirror


def _stamps(directory: Path) -> list[tuple[str, tuple[int, int] | None]]:
    """The packs and their directory, each with what changes when it is written to, or something in it comes or goes."""
    packs = directory / "objects" / "pack"
    return [(str(path), _stamp(str(path))) for path in (packs, *packs.glob("*"))]


def _stamp(path: str) -> tuple[int, int] | None:
    try:
        status = os.stat(path)  # noqa: PTH116 - a Path costs more than the call itself
    except OSError:
        return None
    return status.st_size, status.st_mtime_ns


def _packs_are_whole(directory: Path) -> bool:
    """Whether each pack ends as its index says: a write that a crash cut off shows here, not in mid-sync."""
    for index in _packs(directory, "*.idx"):
        with index.open("rb") as index_file, index.with_suffix(".pack").open("rb") as pack_file:
            index_file.seek(-2 * _SHA1_BYTES, os.SEEK_END)
            pack_file.seek(-_SHA1_BYTES, os.SEEK_END)
            if index_file.read(_SHA1_BYTES) != pack_file.read(_SHA1_BYTES):
                return False
    return True


def _fetch_into(link: Path, source: GitSource, commit: str, deadline: Deadline, progress: Progress) -> Mirror:
    """Bring ``commit`` into the mirror at ``link``; the caller holds its lock."""
    if repository := _update(link, source, commit, deadline, progress):
        return repository
    with new_directory(link) as building:
        return _fetch_whole(building, source, commit, deadline, progress)


def _update(link: Path, source: GitSource, commit: str, deadline: Deadline, progress: Progress) -> Mirror | None:
    """Fetch into an existing mirror; None if there is none, a damaged or a worn one."""
    directory = link.resolve()
    try:
        if not _packs_are_whole(directory) or _is_worn(directory):
            return None
        repository = pygit2.Repository(str(directory))
    except LIBGIT2_ERRORS:
        return None
    _clear_unfinished_packs(directory)
    try:
        _fetch(repository, source, commit, deadline, progress)
    except SyncError as error:
        if error.code in _MAYBE_OURS:
            return None
        raise
    return _open_with(link, commit)


def _is_worn(directory: Path) -> bool:
    """Whether so many packs, or so much that nothing leads to any more, came together that it pays to begin anew."""
    *others, largest = sorted(pack.stat().st_size for pack in _packs(directory, "*.pack")) or [0]
    return len(others) >= _MAX_PACKS or sum(others) > max(_WORN_BYTES, largest)


def _clear_unfinished_packs(directory: Path) -> None:
    """Delete what libgit2 was writing when its process was killed; the caller holds the lock, so nobody writes now."""
    for unfinished in _packs(directory, "pack_*"):
        unfinished.unlink()


def _packs(directory: Path, pattern: str) -> Iterator[Path]:
    return (directory / "objects" / "pack").glob(pattern)


def _fetch_whole(building: Path, source: GitSource, commit: str, deadline: Deadline, progress: Progress) -> Mirror:
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
    progress: Progress,
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


def _fetch_all(repository: pygit2.Repository, source: GitSource, deadline: Deadline, progress: Progress) -> None:
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
