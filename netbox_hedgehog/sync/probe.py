"""Test connection: what a sync from a repository would meet now, by the very path that a sync takes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from time import monotonic
from typing import Any, Final

import pygit2
from django.utils import timezone

from netbox_hedgehog.errors import SyncError
from netbox_hedgehog.git import GitSource, directory_tree, head_of, list_manifests, mirror_at, shown_host_key
from netbox_hedgehog.models import GitRepository, HedgehogFabric
from netbox_hedgehog.sync.healing import healing
from netbox_hedgehog.sync.source import mirror_root, source_at

MOST_DIRECTORIES: Final = 20

_UNKNOWN_HOST: Final = "git.host_key"


@dataclass(frozen=True, slots=True)
class DirectoryReport:
    """What lies below one GitOps directory: how many manifests, or why that cannot be told."""

    directory: str
    manifests: int = 0
    error: SyncError | None = None

    def as_json(self) -> dict[str, Any]:
        return {
            "directory": self.directory,
            "manifests": self.manifests,
            "error": self.error.as_json() if self.error else None,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class ConnectionReport:
    """What a test of a repository found."""

    ref: str
    commit: str = ""
    directories: tuple[DirectoryReport, ...] = ()
    error: SyncError | None = None
    host_key: str = ""
    """The ``known_hosts`` line that an unknown SSH server asks to be trusted by."""
    duration_seconds: float = 0.0

    @property
    def failures(self) -> list[SyncError]:
        """Everything that would fail a sync."""
        return [error for error in (self.error, *(each.error for each in self.directories)) if error]

    def as_json(self) -> dict[str, Any]:
        return {
            "ok": not self.failures,
            "ref": self.ref,
            "commit": self.commit,
            "directories": [each.as_json() for each in self.directories],
            "error": self.error.as_json() if self.error else None,
            "host_key": self.host_key,
            "duration_seconds": round(self.duration_seconds, 3),
        }


def check_connection(
    repository: GitRepository, *, ref: str = "", directories: Sequence[str] = (), timeout_seconds: float = 0
) -> ConnectionReport:
    """Learn the head of ``ref`` and count the manifests below ``directories``; nothing is raised or recorded.

    Without a ref it is the repository's own, without directories those of the fabrics that use it.
    ``timeout_seconds`` may shorten what the settings allow for listing and for fetching, each.
    """
    started = monotonic()
    report = ConnectionReport(ref=ref or repository.branch)
    try:
        source = source_at(repository, ref)
        source = replace(source, limits=source.limits.within(timeout_seconds))
        report = _look(report, source, directories or _directories_of(repository))
    except SyncError as error:
        report = replace(report, error=error)
        if error.code == _UNKNOWN_HOST:
            report = replace(report, host_key=shown_host_key(source))
    return replace(report, duration_seconds=monotonic() - started)


def trust_host_key(repository: GitRepository, line: str) -> bool:
    """Add ``line`` to the known hosts that were loaded; whether they were still the same."""
    known = repository.ssh_known_hosts.rstrip("\n")
    lines = f"{known}\n{line}" if known else line
    same = GitRepository.objects.filter(pk=repository.pk, ssh_known_hosts=repository.ssh_known_hosts)
    return bool(same.update(ssh_known_hosts=lines))


def _look(report: ConnectionReport, source: GitSource, directories: Sequence[str]) -> ConnectionReport:
    commit = head_of(mirror_root(), source, timezone.now())
    with mirror_at(mirror_root(), source, commit) as mirror:
        reports = tuple(_look_into(mirror, source, commit, each) for each in directories)
    return replace(report, commit=commit, directories=reports)


def _look_into(mirror: pygit2.Repository, source: GitSource, commit: str, directory: str) -> DirectoryReport:
    try:
        with healing(source):
            tree = directory_tree(mirror, commit, directory)
            return DirectoryReport(directory, len(list_manifests(mirror, tree, directory, source.limits)))
    except SyncError as error:
        return DirectoryReport(directory, error=error)


def _directories_of(repository: GitRepository) -> list[str]:
    used = HedgehogFabric.objects.filter(git_repository=repository.pk).order_by("gitops_directory")
    return list(used.values_list("gitops_directory", flat=True).distinct()[:MOST_DIRECTORIES]) or ["/"]
