"""A disk that is small enough to be filled."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

DISK_BYTES: Final = 24 * 1024 * 1024


@contextmanager
def small_disk(place: Path) -> Iterator[None]:
    """Mount one at ``place``. Who may not mount gets a plain directory, and filling it hurts nobody."""
    place.mkdir(parents=True)
    mount = ["mount", "-t", "tmpfs", "-o", f"size={DISK_BYTES}", "tmpfs", str(place)]
    is_mounted = subprocess.run(mount, capture_output=True, check=False).returncode == 0
    try:
        yield
    finally:
        if is_mounted:
            subprocess.run(["umount", "--lazy", str(place)], check=True)


def fill(place: Path) -> Path:
    """Fill a small disk; the file to delete when it shall have room again."""
    ballast = place / "ballast"
    with suppress(OSError), ballast.open("wb", buffering=0) as file:
        for _ in range(DISK_BYTES // 65536):
            file.write(b"x" * 65536)
    return ballast
