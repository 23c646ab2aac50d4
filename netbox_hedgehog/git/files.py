"""Write small files so that nobody ever reads half of one."""

from __future__ import annotations

import os
import tempfile
from contextlib import suppress
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from pathlib import Path

UNFINISHED: Final = ".unfinished"
"""How the name of a file ends while it is written; what a killed process leaves behind keeps it."""


def write_whole(path: Path, content: bytes) -> None:
    """Put ``content`` at ``path``, readable by this user alone; readers see what was there before, or all of it."""
    descriptor, unfinished = tempfile.mkstemp(prefix=f"{path.name}.", suffix=UNFINISHED, dir=path.parent)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
        os.replace(unfinished, path)  # noqa: PTH105 - mkstemp gives a text
    except BaseException:
        with suppress(OSError):
            os.unlink(unfinished)  # noqa: PTH108
        raise
