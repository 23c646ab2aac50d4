"""Where mirrors lie on the disk, who uses one, and how one is replaced or deleted.

A mirror's name is a link to its directory. libgit2 shares open packs between all repositories of a process, by path: a
mirror that is built anew needs a new path, or a reader of the damaged one would pass its damage on. Two locks, both the
kernel's and freed by it: who fetches or deletes holds the mirror's lock file; who reads shares a lock on the directory,
which nobody deletes meanwhile.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from netbox_hedgehog.git.files import UNFINISHED
from netbox_hedgehog.git.locks import is_at
from netbox_hedgehog.git.names import mirror_name

if TYPE_CHECKING:
    from collections.abc import Iterator

    from netbox_hedgehog.git.source import GitSource


def link_of(root: Path, source: GitSource) -> Path:
    """The name of the mirror of ``source``."""
    return root / f"{mirror_name(root, source)}.git"


def link_to(directory: Path) -> Path:
    """The name that leads to this directory of a mirror, or once did."""
    return directory.parent / f"{directory.name.partition('.')[0]}.git"


def lock_of(link: Path) -> Path:
    """The file that is locked by who fetches into the mirror, or deletes it."""
    return link.with_suffix(".lock")


def hold(directory: Path) -> int | None:
    """Keep ``directory`` from being deleted until the returned descriptor is closed; None if it is gone already.

    Counts as a use of the mirror.
    """
    try:
        descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except OSError:
        return None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
        held = is_at(directory, descriptor)
        os.utime(descriptor)
    except OSError:
        held = False
    if held:
        return descriptor
    os.close(descriptor)
    return None


@contextmanager
def new_directory(link: Path) -> Iterator[Path]:
    """An empty directory that takes the place of the mirror if the ``with`` ends well; the caller holds the lock."""
    clear_leftovers(link)
    directory = Path(tempfile.mkdtemp(prefix=f"{link.stem}.", dir=link.parent))
    try:
        yield directory
        _point(link, directory)
    except BaseException:
        shutil.rmtree(directory, ignore_errors=True)
        raise
    clear_leftovers(link)


def _point(link: Path, directory: Path) -> None:
    """Let ``link`` lead to ``directory`` from one moment to the next."""
    fresh = link.with_suffix(UNFINISHED)
    fresh.unlink(missing_ok=True)
    fresh.symlink_to(directory.name)
    fresh.replace(link)


def clear_leftovers(link: Path) -> None:
    """Delete what earlier mirrors and killed processes left, unless somebody still reads it; under the lock."""
    current = link.resolve()
    for directory in link.parent.glob(f"{link.stem}.*"):
        if directory.is_dir() and not directory.is_symlink() and directory != current:
            _delete_unless_used(directory)


def delete(link: Path) -> None:
    """Delete the mirror; who reads it may finish. The caller holds the lock, and gives it up with the file."""
    link.unlink(missing_ok=True)
    clear_leftovers(link)
    lock_of(link).unlink(missing_ok=True)


def is_used(link: Path) -> bool:
    """Whether somebody reads the mirror now."""
    with _alone(link.resolve()) as alone:
        return not alone


@contextmanager
def _alone(directory: Path) -> Iterator[bool]:
    """Whether nobody reads ``directory``; nobody can begin to inside the ``with``."""
    try:
        descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except OSError:
        yield True
        return
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
        else:
            yield True
    finally:
        os.close(descriptor)


def _delete_unless_used(directory: Path) -> None:
    with _alone(directory) as alone:
        if alone:
            shutil.rmtree(directory)
