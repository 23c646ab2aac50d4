"""The text of a stored sync error, taken apart for display."""

from __future__ import annotations

import re
from typing import Final, NamedTuple

_ERROR: Final = re.compile(r"(?:\[(?P<code>[a-z0-9_.]+)\] )?(?P<rest>.*)", re.DOTALL)


class Problem(NamedTuple):
    """The parts of a stored sync error."""

    code: str
    message: str
    remedy: str


def problem_of(sync_error: str) -> Problem | None:
    """Take the text of a SyncError apart again."""
    match = _ERROR.fullmatch(sync_error)
    if match is None or not sync_error:
        return None
    message, arrow, remedy = match["rest"].rpartition(" → ")
    return Problem(match["code"] or "", message if arrow else match["rest"], remedy if arrow else "")
