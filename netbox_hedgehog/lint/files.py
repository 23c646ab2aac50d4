"""Which files are manifests: the rules of the sync, applied to folders."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

from netbox_hedgehog.errors import ContentProblem
from netbox_hedgehog.git import (
    IGNORE_FILE,
    MANIFEST_SUFFIXES,
    MAX_IGNORE_BYTES,
    GitLimits,
    IgnoreRules,
    parse_ignore_file,
)


class UsageError(Exception):
    """The command was asked for something that it cannot do."""


def manifest_files(paths: Iterable[str], limits: GitLimits) -> list[Path]:
    """The manifests below the folders among ``paths``, and the files among them whatever their names; sorted.

    Raises:
        UsageError: a path does not exist; there are too many files, or they are too deep.
    """
    found: set[Path] = set()
    for path in map(Path, paths):
        if path.is_dir():
            for file in _below(path, limits):
                found.add(file)
                if len(found) > limits.max_files:
                    raise UsageError(f"There are more than {limits.max_files} manifests.")
        elif path.is_file():
            found.add(path)
        else:
            raise UsageError(f"{path} is neither a file nor a folder.")
    return sorted(found)


def content_of(file: Path, limits: GitLimits) -> bytes:
    """The content, or just more of it than is allowed: enough to be refused as too large.

    Raises:
        UsageError: the file cannot be read.
    """
    return _first_bytes(file, limits.max_file_bytes + 1)


def _first_bytes(file: Path, count: int) -> bytes:
    try:
        with file.open("rb") as stream:
            return stream.read(count)
    except OSError as error:
        raise UsageError(f"{file} cannot be read: {error.strerror}.") from None


def _below(folder: Path, limits: GitLimits) -> Iterator[Path]:
    """Links are not followed; what begins with a dot are settings of tools; an ignore file is honoured."""
    rules = _ignore_rules(folder)
    pending = [(folder, 0)]
    while pending:
        current, depth = pending.pop()
        if depth > limits.max_depth:
            raise UsageError(f"Folders are nested more than {limits.max_depth} deep below {folder}.")
        try:
            entries = list(current.iterdir())
        except OSError as error:
            raise UsageError(f"{current} cannot be read: {error.strerror}.") from None
        for entry in entries:
            if entry.name.startswith(".") or entry.is_symlink():
                continue
            place = entry.relative_to(folder).as_posix()
            if entry.is_dir():
                if not rules.ignores_directory(place):
                    pending.append((entry, depth + 1))
            elif _is_manifest(entry) and not rules.ignores_file(place):
                yield entry


def _is_manifest(entry: Path) -> bool:
    return entry.name.endswith(MANIFEST_SUFFIXES) and entry.is_file()


def _ignore_rules(folder: Path) -> IgnoreRules:
    """The rules of the folder that is given, as a sync takes those of the GitOps directory."""
    file = folder / IGNORE_FILE
    if not file.is_file():
        return IgnoreRules()
    try:
        return parse_ignore_file(_first_bytes(file, MAX_IGNORE_BYTES + 1), str(file))
    except ContentProblem as problem:
        raise UsageError(problem.message) from None
