"""What Git operations may cost, and the clock that enforces it."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace

_MIB = 1024 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class GitLimits:
    """Bounds of one operation against one repository, and of what all of them leave on the disk.

    The defaults are far above any real fabric: a thousand switches make about 2,000 manifests and 10 MiB, so a limit
    that is hit means the wrong repository or a hostile one, not growth.
    """

    connect_timeout_seconds: float = 10.0
    """Time to open a connection to one address of the server."""
    timeout_seconds: float = 120.0
    """Time for the whole operation: waiting for the mirror's lock, connecting, receiving and indexing."""
    max_received_bytes: int = 256 * _MIB
    """Bytes received from the server in one operation, a list of refs included."""
    max_objects: int = 200_000
    """Git objects announced by the server for one fetch."""
    max_file_bytes: int = 4 * _MIB
    """Size of one manifest."""
    max_files: int = 50_000
    """Manifests below one GitOps directory."""
    max_entries: int = 1_000_000
    """Files and directories of any kind that are looked at below one GitOps directory."""
    max_depth: int = 32
    """Nesting of directories below one GitOps directory."""
    max_mirrors_bytes: int = 10 * 1024 * _MIB
    """Disk space of all mirrors of this machine; those whose use is longest ago make room."""
    max_unused_seconds: float = 30 * 86_400.0
    """Mirrors of this machine that nobody used for longer are deleted."""
    min_free_bytes: int = 256 * _MIB
    """Disk space that no fetch may touch."""

    def within(self, seconds: float) -> GitLimits:
        """These limits, with at most ``seconds`` for a whole operation; 0 leaves it as it is."""
        return replace(self, timeout_seconds=min(seconds, self.timeout_seconds)) if seconds else self


class Deadline:
    """A moment on the monotonic clock by which an operation has to end."""

    def __init__(self, seconds: float) -> None:
        self._at = time.monotonic() + seconds

    @property
    def remaining_seconds(self) -> float:
        """Seconds left; never below zero."""
        return max(0.0, self._at - time.monotonic())

    @property
    def passed(self) -> bool:
        return time.monotonic() >= self._at
