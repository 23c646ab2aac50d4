"""Keep the disk: mirrors within their bounds, a floor of free space, nothing left behind by what was killed."""

from __future__ import annotations

import os
import shutil
import tempfile
import time
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple

from netbox_hedgehog.errors import RetryLater
from netbox_hedgehog.git.files import UNFINISHED
from netbox_hedgehog.git.heads import HEADS
from netbox_hedgehog.git.limits import Deadline
from netbox_hedgehog.git.locks import exclusive
from netbox_hedgehog.git.storage import clear_leftovers, delete, is_used, link_of, link_to, lock_of

if TYPE_CHECKING:
    from netbox_hedgehog.git.limits import GitLimits
    from netbox_hedgehog.git.source import GitSource

_STAMP: Final = "tidy.lock"
_TIDY_EVERY_SECONDS: Final = 30.0
_OLD_ANSWER_SECONDS: Final = 7 * 86_400.0
_ABANDONED_SECONDS: Final = 3600.0
# What remote.py and session.py keep in the machine's temporary directory while they run.
_TEMPORARY: Final = ("hedgehog-ls-remote-*", "hedgehog-known-hosts-*")
_BLOCK_BYTES: Final = 512  # stat's unit on every system


def require_room(root: Path, limits: GitLimits) -> None:
    """Keep the disk's floor: delete the mirrors whose use is longest ago, and refuse to fetch if that is not enough.

    Raises RetryLater ``git.disk_full``.
    """
    if free_bytes(root) >= limits.min_free_bytes:
        return
    for mirror in _by_last_use(root):
        if _evict(mirror.link) and free_bytes(root) >= limits.min_free_bytes:
            return
    raise below_floor(limits)


def below_floor(limits: GitLimits) -> RetryLater:
    """The error of a fetch that would take the last room on the disk."""
    return RetryLater(
        "git.disk_full",
        f"The disk that holds the mirrors has less than {limits.min_free_bytes} bytes left.",
        "Free space on the worker, or let the mirrors take less of it.",
    )


def free_bytes(path: Path) -> int:
    """What is left on the disk of ``path``."""
    return shutil.disk_usage(path).free


def tidy_up(root: Path, limits: GitLimits) -> None:
    """Bring the mirrors below ``root`` within their age and their size, and clear away what nobody needs.

    Every half minute at most, and by one process at a time: others return at once. Never raises, because no sync
    fails for it: the next one tries again.
    """
    stamp = root / _STAMP
    with suppress(OSError, RetryLater):
        if 0 <= _age(stamp) < _TIDY_EVERY_SECONDS:
            return
        with exclusive(stamp, Deadline(0)):
            os.utime(stamp)
            _keep_within(root, limits)
            _clear_strays(root)
            _clear_old_answers(root / HEADS)
            _delete_abandoned(root, f"*{UNFINISHED}")
            _delete_abandoned(root / HEADS, f"*{UNFINISHED}")
            for pattern in _TEMPORARY:
                _delete_abandoned(Path(tempfile.gettempdir()), pattern)


class _Mirror(NamedTuple):
    last_use: float
    size: int
    link: Path


def bytes_of_mirrors(root: Path) -> int:
    """What all mirrors below ``root`` take on the disk."""
    return sum(mirror.size for mirror in _by_last_use(root))


def bytes_of_mirror(root: Path, source: GitSource) -> int | None:
    """What the mirror of ``source`` takes on the disk; None if this machine has none."""
    if not root.is_dir():
        return None
    link = link_of(root, source)
    try:
        return _size(link.resolve(strict=True))
    except FileNotFoundError:  # or it was fetched anew while we looked
        return None


def _by_last_use(root: Path) -> list[_Mirror]:
    found = []
    for link in root.glob("*.git"):
        with suppress(OSError):
            found.append(_Mirror(link.stat().st_mtime, _size(link.resolve()), link))
    return sorted(found)


def _size(directory: Path) -> int:
    return sum(path.lstat().st_blocks for path in directory.rglob("*")) * _BLOCK_BYTES


def _keep_within(root: Path, limits: GitLimits) -> None:
    oldest_use = time.time() - limits.max_unused_seconds
    mirrors = _by_last_use(root)
    total = sum(mirror.size for mirror in mirrors)
    for mirror in mirrors:
        if total <= limits.max_mirrors_bytes and mirror.last_use >= oldest_use:
            return
        if _evict(mirror.link):
            total -= mirror.size


def _evict(link: Path) -> bool:
    """Delete a mirror that nobody fetches or reads; whether that was done."""
    with suppress(RetryLater), exclusive(lock_of(link), Deadline(0)):
        if not is_used(link):
            delete(link)
            return True
    return False


def _clear_strays(root: Path) -> None:
    """Delete directories that no mirror's name leads to: of killed processes, and of mirrors that were still read."""
    current = {link.resolve() for link in root.glob("*.git")}
    directories = (path for path in root.iterdir() if path.is_dir() and not path.is_symlink() and path.name != HEADS)
    for link in {link_to(path) for path in directories if path.resolve() not in current}:
        with suppress(RetryLater), exclusive(lock_of(link), Deadline(0)):
            if link.is_symlink():
                clear_leftovers(link)
            else:
                delete(link)


def _clear_old_answers(heads: Path) -> None:
    for lock in heads.glob("*.lock"):
        answer = lock.with_suffix(".json")
        if _age(answer) > _OLD_ANSWER_SECONDS:
            with suppress(RetryLater), exclusive(lock, Deadline(0)):
                answer.unlink(missing_ok=True)
                lock.unlink()


def _delete_abandoned(directory: Path, pattern: str) -> None:
    for path in directory.glob(pattern):
        if _age(path) < _ABANDONED_SECONDS or path.lstat().st_uid != os.getuid():
            continue
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink(missing_ok=True)


def _age(path: Path) -> float:
    """Seconds since ``path`` changed; infinite if there is none."""
    try:
        return time.time() - path.lstat().st_mtime
    except FileNotFoundError:
        return float("inf")
