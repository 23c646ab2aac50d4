"""Damaged mirrors are fetched anew."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from netbox_hedgehog.errors import SyncError
from netbox_hedgehog.git import GitSource, discard_mirror
from netbox_hedgehog.sync.source import mirror_root


@contextmanager
def healing(source: GitSource) -> Iterator[None]:
    """Delete a mirror that turns out to be damaged while it is read, so that the next sync fetches it anew."""
    try:
        yield
    except SyncError as error:
        if error.code == "git.corrupt":
            discard_mirror(mirror_root(), source)
        raise
