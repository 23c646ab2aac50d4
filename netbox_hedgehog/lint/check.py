"""Run the checks of a sync over files."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from netbox_hedgehog.git import GitLimits
from netbox_hedgehog.lint.files import UsageError, content_of, manifest_files
from netbox_hedgehog.lint.report import Diagnostic, Report, in_order, of_finding, of_problem
from netbox_hedgehog.manifests import (
    ManifestLimits,
    ReadingPolicy,
    Severity,
    check,
    facts_of,
    read_manifests,
)
from netbox_hedgehog.manifests.problem import printable
from netbox_hedgehog.manifests.schemas import SchemaSet, compile_definitions

# A sync's error lists a few; here everything is to be mended before the next push.
_MOST_PROBLEMS = 10_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Checks:
    """What is checked: definitions (files or folders; none: no schema), and whether between resources too."""

    schemas: Sequence[str] = ()
    references: bool = True
    policy: ReadingPolicy = field(default_factory=ReadingPolicy)
    git_limits: GitLimits = field(default_factory=GitLimits)
    manifest_limits: ManifestLimits = field(default_factory=ManifestLimits)


def lint(paths: Sequence[str], checks: Checks) -> Report:
    """Check the manifests at ``paths`` as one fabric.

    Raises:
        UsageError: a path cannot be read, or there is no manifest at all.
    """
    files = manifest_files(paths, checks.git_limits)
    if not files:
        raise UsageError(f"There is no manifest in {', '.join(paths)}.")
    schemas = _schemas(checks) if checks.schemas else None
    manifests = read_manifests(
        _contents(files, checks.git_limits),
        limits=replace(checks.manifest_limits, max_problems=_MOST_PROBLEMS),
        # By definitions of which some are broken, every resource of those kinds would be wrong.
        policy=replace(checks.policy, schemas=None if schemas and schemas.problems else schemas, enforce=True),
    )
    diagnostics: list[Diagnostic] = [of_problem(problem) for problem in manifests.problems]
    diagnostics += map(of_finding, manifests.findings)
    if checks.references:
        facts = (facts_of(resource) for resource in manifests.resources)
        diagnostics += map(of_finding, check(each for each in facts if each))
    if schemas:
        diagnostics += _about_definitions(schemas)
    return Report(in_order(diagnostics), tuple(printable(str(file)) for file in files), len(manifests.resources))


def _schemas(checks: Checks) -> SchemaSet:
    files = manifest_files(checks.schemas, checks.git_limits)
    if not files:
        raise UsageError(f"There is no definition in {', '.join(checks.schemas)}.")
    return compile_definitions(_contents(files, checks.git_limits), checks.manifest_limits)


def _contents(files: Iterable[Path], limits: GitLimits) -> Iterator[tuple[str, bytes]]:
    return ((str(file), content_of(file, limits)) for file in files)


def _about_definitions(schemas: SchemaSet) -> Iterator[Diagnostic]:
    for problem in schemas.problems:
        yield of_problem(problem, code="schema.definition")
    for problem in schemas.unchecked:
        yield of_problem(problem, Severity.WARNING, "schema.unchecked")
