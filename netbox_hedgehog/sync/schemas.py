"""The definitions of a schema source, fetched or read from disk, and compiled once per version and process."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from hashlib import blake2b
from pathlib import Path
from threading import Lock
from typing import Any, Final

import structlog

from netbox_hedgehog.conf import conf
from netbox_hedgehog.errors import ContentProblem, RetryLater, SyncError
from netbox_hedgehog.git import (
    GitLimits,
    GitSource,
    Mirror,
    directory_tree,
    head_of,
    list_manifests,
    mirror_at,
    read_manifest,
)
from netbox_hedgehog.lint.files import UsageError, content_of, manifest_files
from netbox_hedgehog.manifests import problems_error
from netbox_hedgehog.manifests.schemas import SchemaSet, compile_definitions
from netbox_hedgehog.models import SchemaSource
from netbox_hedgehog.sync.healing import healing
from netbox_hedgehog.sync.source import git_limits, manifest_limits, mirror_root, source_at

# Hedgehog's own are 22 files with 300 KB; a directory with more than these is the wrong one.
MOST_FILES: Final = 2000
MOST_BYTES: Final = 32 * 1024**2
# One takes 3 MiB, and 40 at most.
_MOST_COMPILED: Final = 4

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class LoadedSchemas:
    """Compiled definitions; ``version`` changes exactly when the files do."""

    schemas: SchemaSet
    version: str


def load_schemas(
    source: SchemaSource, since: datetime, *, is_noted: bool = True, timeout_seconds: float = 0
) -> LoadedSchemas:
    """The definitions of ``source`` as of ``since`` or later.

    What became of them is noted in its row, unless ``is_noted`` is false. ``timeout_seconds`` may shorten what the
    settings allow for listing and for fetching, each.

    Raises:
        ContentProblem: ``schema.unavailable``, whatever the reason: what mends it lies outside the fabric, where only
            another look can notice, so it is not backed off from.
    """
    try:
        commit, loaded = _load(source, since, _limits(timeout_seconds))
        if loaded.schemas.problems:
            raise _broken(loaded.schemas)
    except SyncError as error:
        failure = ContentProblem(
            "schema.unavailable",
            f"The definitions of schema source {source.name} cannot be used. [{error.code}] {error.message}",
            error.remedy,
        )
        if is_noted:
            _note(source, error=str(failure))
        raise failure from None
    if is_noted:
        kinds, unchecked = len(loaded.schemas.kinds), "\n".join(map(str, loaded.schemas.unchecked))
        _note(source, version=loaded.version, commit=commit, kind_count=kinds, unchecked=unchecked, error="")
    return loaded


def folder_of(source: SchemaSource) -> Path:
    """The local folder, which must lie below HEDGEHOG_SCHEMA_ROOT, links resolved.

    Raises:
        ContentProblem: ``schema.folder_not_allowed``, ``schema.folder_not_found``.
    """
    if not conf.schema_root:
        raise ContentProblem(
            "schema.folder_not_allowed",
            "Local folders are not allowed here.",
            "Set HEDGEHOG_SCHEMA_ROOT on every worker, or choose a Git repository.",
        )
    root = Path(conf.schema_root).resolve()
    folder = (root / source.local_folder).resolve()
    if not folder.is_relative_to(root):
        raise ContentProblem(
            "schema.folder_not_allowed",
            f"The folder {source.local_folder!r} is not below HEDGEHOG_SCHEMA_ROOT.",
            "Name a folder below it, without '..' and without links that lead out.",
        )
    if not folder.is_dir():
        raise ContentProblem(
            "schema.folder_not_found",
            f"There is no folder {source.local_folder!r} below HEDGEHOG_SCHEMA_ROOT.",
            "Correct the name, or provide the folder on every worker.",
        )
    return folder


def _limits(timeout_seconds: float) -> GitLimits:
    return replace(git_limits().within(timeout_seconds), max_files=MOST_FILES)


def _load(source: SchemaSource, since: datetime, limits: GitLimits) -> tuple[str, LoadedSchemas]:
    """The commit, if there is one, and what was compiled of it by this process, now or before."""
    if source.local_folder:
        version, contents = _local(folder_of(source), limits)
        return "", _compiled.get((version,), lambda: _compile(contents, version))
    if source.git_repository is None:
        raise ContentProblem(
            "schema.no_place", "It names neither a repository nor a folder.", "Choose a repository on its page."
        )
    git_source = source_at(source.git_repository, source.ref, limits)
    commit = _head(source, git_source, since)
    key = (commit, source.directory)
    return commit, _compiled.get(key, lambda: _fetched(git_source, commit, source.directory))


def _local(folder: Path, limits: GitLimits) -> tuple[str, list[tuple[str, bytes]]]:
    """A digest of the files, and the files."""
    try:
        files = manifest_files([str(folder)], limits)
        contents = list(_bounded((str(file.relative_to(folder)), content_of(file, limits)) for file in files))
    except UsageError as error:
        raise ContentProblem(
            "schema.folder_unreadable", str(error), "Correct the folder's content or its permissions."
        ) from None
    digest = blake2b(digest_size=20)
    for path, data in contents:
        digest.update(f"{len(path)} {path} {len(data)} ".encode(errors="surrogateescape"))
        digest.update(data)
    return digest.hexdigest(), contents


def _fetched(git_source: GitSource, commit: str, directory: str) -> LoadedSchemas:
    with mirror_at(mirror_root(), git_source, commit) as mirror, healing(git_source):
        tree = directory_tree(mirror, commit, directory)
        return _compile(_in_tree(mirror, tree, directory, git_source.limits), tree)


def _compile(files: Iterable[tuple[str, bytes]], version: str) -> LoadedSchemas:
    return LoadedSchemas(compile_definitions(_bounded(files), manifest_limits()), version)


def _in_tree(mirror: Mirror, tree: str, directory: str, limits: GitLimits) -> Iterator[tuple[str, bytes]]:
    for file in list_manifests(mirror, tree, directory, limits):
        yield file.path, read_manifest(mirror, file, limits)


def _bounded(files: Iterable[tuple[str, bytes]]) -> Iterator[tuple[str, bytes]]:
    total = 0
    for path, data in files:
        total += len(data)
        if total > MOST_BYTES:
            raise ContentProblem(
                "schema.source_too_large",
                f"The files have more than {MOST_BYTES // 1024**2} MiB in all.",
                "Name the directory that holds the definitions alone.",
            )
        yield path, data


def _head(source: SchemaSource, git_source: GitSource, since: datetime) -> str:
    """The commit to use; while the server cannot be reached, the last one that could be."""
    try:
        return head_of(mirror_root(), git_source, since)
    except RetryLater as error:
        if not source.commit:
            raise
        log.warning("schemas.not_asked", schema_source=source.name, code=error.code, commit=source.commit[:12])
        return source.commit


def _broken(schemas: SchemaSet) -> SyncError:
    told = problems_error(schemas.problems).message.replace("The manifests have", "The definitions have", 1)
    return ContentProblem("schema.invalid", told, "Correct the definitions, or choose others.")


def _note(source: SchemaSource, **found: Any) -> None:
    """Write what changed since the row was loaded: hundreds of fabrics may share it."""
    changed = {name: value for name, value in found.items() if getattr(source, name) != value}
    if changed:
        SchemaSource.objects.filter(pk=source.pk).update(**changed)
        log.info(
            "schemas.noted", schema_source=source.name, **{name: str(value)[:200] for name, value in changed.items()}
        )


class _Compiled:
    """The last few sets that this process compiled, by where they come from and the limits; broken ones, too."""

    def __init__(self) -> None:
        self._sets: dict[tuple[object, ...], LoadedSchemas] = {}
        self._lock = Lock()

    def get(self, place: tuple[str, ...], load: Callable[[], LoadedSchemas]) -> LoadedSchemas:
        key = (*place, manifest_limits())
        with self._lock:
            found = self._sets.pop(key, None) or load()
            self._sets[key] = found
            while len(self._sets) > _MOST_COMPILED:
                del self._sets[next(iter(self._sets))]
            return found


_compiled: Final = _Compiled()
