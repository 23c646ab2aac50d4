"""Delete the mirrors of repositories that are gone or lead elsewhere; other machines' mirrors age out (git/tidy.py).

A mirror is a machine's own, and a task reaches one machine only. So each machine tidies up after its fetches, and the
scheduled pruning does it for the machine that it lands on, which is another one each time.
"""

from __future__ import annotations

from functools import partial
from typing import Any, Final

import structlog
from django.db import transaction
from django.db.models.signals import post_delete, post_save, pre_save
from django.dispatch import receiver

from netbox_hedgehog.errors import SyncError
from netbox_hedgehog.git import GitSource, bytes_of_mirror, discard_mirror, same_mirror, tidy_up
from netbox_hedgehog.models import GitRepository
from netbox_hedgehog.sync.source import git_limits, mirror_root, source_at

# Who edits a repository does not wait for a fetch.
_PATIENCE_SECONDS: Final = 0.5
_BEFORE: Final = "_source_before"

log = structlog.get_logger(__name__)


def tidy_mirrors() -> None:
    """Bring this machine's mirrors within their age and size; never raises."""
    tidy_up(mirror_root(), git_limits())


def mirror_bytes(repository: GitRepository) -> int | None:
    """What the repository's mirror takes on this machine's disk; None where this machine has none, or cannot tell."""
    source = _source(repository)
    try:
        return bytes_of_mirror(mirror_root(), source) if source else None
    except OSError:
        return None


@receiver(pre_save, sender=GitRepository)
def remember_source(instance: GitRepository, **_kwargs: Any) -> None:
    """Keep what the row says until it has been overwritten."""
    stored = GitRepository.objects.filter(pk=instance.pk).first() if instance.pk else None
    instance.__dict__[_BEFORE] = _source(stored)


@receiver(post_save, sender=GitRepository)
def discard_replaced(instance: GitRepository, **_kwargs: Any) -> None:
    """Once the change is committed, delete the mirror of the former URL or credential."""
    _discard_after_commit(instance.__dict__.pop(_BEFORE, None))


@receiver(post_delete, sender=GitRepository)
def discard_deleted(instance: GitRepository, **_kwargs: Any) -> None:
    """Once the deletion is committed, delete the mirror."""
    _discard_after_commit(_source(instance))


def _source(repository: GitRepository | None) -> GitSource | None:
    try:
        return source_at(repository) if repository else None
    except SyncError:  # a credential that cannot be decrypted has no mirror that could be found
        return None


def _discard_after_commit(source: GitSource | None) -> None:
    if source is not None:
        transaction.on_commit(partial(_discard_unless_used, source), robust=True)


def _discard_unless_used(source: GitSource) -> None:
    root = mirror_root()
    if not root.is_dir():  # this machine runs no workers
        return
    if any(same_mirror(source, other) for other in map(_source, GitRepository.objects.filter(url=source.url)) if other):
        return
    try:
        discard_mirror(root, source, patience_seconds=_PATIENCE_SECONDS)
    except SyncError as error:
        log.info("mirror.not_discarded", code=error.code, error=error.message)
