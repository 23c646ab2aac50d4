"""From a tree in the mirror to the fabric's desired resources; reads, never writes."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from hashlib import blake2b
from importlib.metadata import version
from typing import TYPE_CHECKING, Final

from netbox_hedgehog.git import GitSource, ManifestFile, has_tree, list_manifests, manifest_changes, read_manifest
from netbox_hedgehog.manifests import Manifests, ReadingPolicy, Resource, read_manifests
from netbox_hedgehog.models import FabricResource, HedgehogFabric
from netbox_hedgehog.sync.healing import healing
from netbox_hedgehog.sync.progress import READING, Listener
from netbox_hedgehog.sync.source import git_limits, manifest_limits

if TYPE_CHECKING:
    from pygit2 import Repository

_VERSION: Final = version("netbox-hedgehog")

# Beyond these much of a fabric has changed, and reading it whole costs no more than asking what the rest says.
_MOST_CHANGED_FILES: Final = 500
_MOST_CHANGED_NAMES: Final = 2000


@dataclass(frozen=True, slots=True)
class Reading:
    """What a tree says of a fabric."""

    tree: str
    manifests: Manifests
    paths: frozenset[str] | None = None
    """The files that changed or are gone, if only these were read; what the others say is what is stored."""


def reading_rules(source: str, policy: str) -> str:
    """A digest of all that decides what a tree says: while it stays, so does what was read of an unchanged file.

    That is the source (its fingerprint), the fabric's policy (its rules), this program's version and the limits. The
    source's part is the first half, so that it can be replaced alone.
    """
    return source_part(source) + _short_digest(f"{policy} {_VERSION} {git_limits()} {manifest_limits()}")


def source_part(source: str) -> str:
    """How :func:`reading_rules` begin for a source."""
    return _short_digest(source)


def _short_digest(text: str) -> str:
    return blake2b(text.encode(), digest_size=8).hexdigest()


def read_tree(
    repository: Repository,
    tree: str,
    fabric: HedgehogFabric,
    source: GitSource,
    since: str,
    *,
    policy: ReadingPolicy,
    tell: Listener = lambda *_: None,
) -> Reading:
    """Read the manifests of ``tree``; only what differs from the tree ``since``, if the stored resources are its.

    ``since`` may be empty. ``tell`` is called with (stage, done, total) before each file and at the end. Bad manifests
    are reported in the result. Raises what the Git engine raises of a tree.
    """
    reader = _Reader(repository, fabric, source, policy, tell)
    with healing(source):
        if since and has_tree(repository, since) and (partial := reader.changes(since, tree)):
            return partial
        return Reading(tree, reader.manifests(reader.files(tree)))


@dataclass(frozen=True, slots=True)
class _Reader:
    repository: Repository
    fabric: HedgehogFabric
    source: GitSource
    policy: ReadingPolicy
    tell: Listener

    def files(self, tree: str) -> list[ManifestFile]:
        return list_manifests(self.repository, tree, self.fabric.gitops_directory, self.source.limits)

    def changes(self, since: str, tree: str) -> Reading | None:
        """What the changed files say; None if that must be read beside what the others say.

        An error may name its counterpart in another file, so errors are left to the reading of all.
        """
        changes = manifest_changes(self.repository, since, tree, self.fabric.gitops_directory, self.source.limits)
        paths = changes.paths
        if len(paths) > _MOST_CHANGED_FILES:
            return None
        manifests = self.manifests(changes.changed)
        if manifests.problems or _defined_elsewhere(self.fabric.pk, manifests.resources, paths):
            return None
        return Reading(tree, manifests, paths)

    def manifests(self, files: Collection[ManifestFile]) -> Manifests:
        return read_manifests(self._contents(files), limits=manifest_limits(), policy=self.policy)

    def _contents(self, files: Collection[ManifestFile]) -> Iterator[tuple[str, bytes]]:
        for number, file in enumerate(files):
            self.tell(READING, number, len(files))
            yield file.path, read_manifest(self.repository, file, self.source.limits)
        self.tell(READING, len(files), len(files))


def _defined_elsewhere(fabric_id: int, resources: list[Resource], paths: frozenset[str]) -> bool:
    """Whether a stored resource of another file than ``paths`` is one of these, as far as can be told cheaply."""
    objects = {resource.object_key for resource in resources}
    names = {resource.name for resource in resources}
    if len(names) > _MOST_CHANGED_NAMES:
        return True
    rows = FabricResource.objects.filter(fabric_id=fabric_id, name__in=names).exclude(source_path__in=paths).order_by()
    stored = rows.values_list("api_version", "kind", "namespace", "name")
    return any((version.partition("/")[0], *rest) in objects for version, *rest in stored)
