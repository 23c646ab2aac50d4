"""From a tree in the mirror to the fabric's desired resources; reads, never writes."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import contextmanager
from dataclasses import dataclass
from hashlib import blake2b
from importlib.metadata import version
from typing import TYPE_CHECKING, Final

from netbox_hedgehog.errors import SyncError
from netbox_hedgehog.git import GitSource, ManifestFile, discard_mirror, has_tree, list_manifests, read_manifest
from netbox_hedgehog.manifests import Manifests, Resource, read_manifests
from netbox_hedgehog.models import FabricResource, HedgehogFabric
from netbox_hedgehog.sync.source import git_limits, manifest_limits, mirror_root

if TYPE_CHECKING:
    from collections.abc import Iterator

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


def reading_rules(source: str) -> str:
    """A digest of all that decides what a tree says: while it stays, so does what was read of an unchanged file.

    That is the source (its fingerprint), this program's version and the limits.
    """
    return blake2b(f"{source} {_VERSION} {git_limits()} {manifest_limits()}".encode(), digest_size=16).hexdigest()


def read_tree(repository: Repository, tree: str, fabric: HedgehogFabric, source: GitSource, since: str) -> Reading:
    """Read the manifests of ``tree``; only what differs from the tree ``since``, if the stored resources are its.

    ``since`` may be empty. Bad manifests are reported in the result. Raises what the Git engine raises of a tree.
    """
    with healing(source):
        files = list_manifests(repository, tree, fabric.gitops_directory, source.limits)
        if since and has_tree(repository, since):
            before = list_manifests(repository, since, fabric.gitops_directory, source.limits)
            partial = _read_changes(repository, tree, fabric, source, (set(before), files))
            if partial:
                return partial
        return Reading(tree, _read(repository, files, source))


@contextmanager
def healing(source: GitSource) -> Iterator[None]:
    """Delete a mirror that turns out to be damaged while it is read, so that the next sync fetches it anew."""
    try:
        yield
    except SyncError as error:
        if error.code == "git.corrupt":
            discard_mirror(mirror_root(), source)
        raise


def _read_changes(
    repository: Repository,
    tree: str,
    fabric: HedgehogFabric,
    source: GitSource,
    listings: tuple[set[ManifestFile], list[ManifestFile]],
) -> Reading | None:
    """What the changed files say; None if that must be read beside what the others say.

    An error may name its counterpart in another file, so errors are left to the reading of all.
    """
    before, after = listings
    changed = [file for file in after if file not in before]
    paths = frozenset(file.path for file in before.symmetric_difference(after))
    if len(paths) > _MOST_CHANGED_FILES:
        return None
    manifests = _read(repository, changed, source)
    if manifests.problems or _defined_elsewhere(fabric.pk, manifests.resources, paths):
        return None
    return Reading(tree, manifests, paths)


def _read(repository: Repository, files: Iterable[ManifestFile], source: GitSource) -> Manifests:
    return read_manifests(
        ((file.path, read_manifest(repository, file, source.limits)) for file in files), limits=manifest_limits()
    )


def _defined_elsewhere(fabric_id: int, resources: list[Resource], paths: frozenset[str]) -> bool:
    """Whether a stored resource of another file than ``paths`` is one of these, as far as can be told cheaply."""
    objects = {resource.object_key for resource in resources}
    names = {resource.name for resource in resources}
    if len(names) > _MOST_CHANGED_NAMES:
        return True
    rows = FabricResource.objects.filter(fabric_id=fabric_id, name__in=names).exclude(source_path__in=paths).order_by()
    stored = rows.values_list("api_version", "kind", "namespace", "name")
    return any((version.partition("/")[0], *rest) in objects for version, *rest in stored)
