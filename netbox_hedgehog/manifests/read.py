"""All files of a GitOps directory to all resources of a fabric, or to everything that is wrong with them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from netbox_hedgehog.manifests.finding import Finding, Severity, bounded
from netbox_hedgehog.manifests.parse import parse
from netbox_hedgehog.manifests.policy import ForeignRule, ReadingPolicy
from netbox_hedgehog.manifests.problem import Problem, dotted, printable, quoted
from netbox_hedgehog.manifests.resource import Resource, ResourceKey
from netbox_hedgehog.manifests.validate import to_resource

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from netbox_hedgehog.manifests.limits import ManifestLimits
    from netbox_hedgehog.manifests.parse import Document
    from netbox_hedgehog.manifests.schemas import Violation

FINDINGS_OF_READING: Final = ("schema.", "manifest.")
"""With what the codes begin of findings that come from one file alone."""

# What the database keeps of each.
_LONGEST_KEY: Final = (320, 63, 63, 253)


@dataclass(slots=True)
class FileContent:
    """What one file holds; ``ignored`` counts the documents that are not a fabric's."""

    resources: list[Resource] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)
    ignored: int = 0


@dataclass(frozen=True, slots=True)
class Manifests:
    """What a set of files holds.

    ``problems`` has at most ``max_problems`` entries of ``total_problems``; ``ignored`` counts the documents that
    are not a fabric's. ``resources`` are all that is desired only if there is no problem. ``findings`` are what the
    policy asks to be told without stopping.
    """

    resources: list[Resource]
    problems: list[Problem]
    total_problems: int
    ignored: int
    findings: list[Finding] = field(default_factory=list)


def read_manifests(
    files: Iterable[tuple[str, bytes]], *, limits: ManifestLimits, policy: ReadingPolicy | None = None
) -> Manifests:
    """Read (path, content) pairs; files are taken one at a time. Bad content is reported, never raised."""
    policy = policy or ReadingPolicy()
    found = _Found(limits.max_problems)
    # One at a time, so that findings beyond those that are kept never pile up.
    findings = bounded(
        finding for path, data in files for finding in found.add(read_file(path, data, limits, policy)).findings
    )
    found.report(duplicates(found.resources))
    return Manifests(found.resources, found.problems, found.total_problems, found.ignored, findings)


class _Found:
    """What the files read so far hold."""

    def __init__(self, max_problems: int) -> None:
        self.resources: list[Resource] = []
        self.problems: list[Problem] = []
        self.total_problems = 0
        self.ignored = 0
        self._max_problems = max_problems

    def add(self, content: FileContent) -> FileContent:
        self.resources.extend(content.resources)
        self.ignored += content.ignored
        self.report(content.problems)
        return content

    def report(self, problems: Sequence[Problem]) -> None:
        self.total_problems += len(problems)
        self.problems.extend(problems[: self._max_problems - len(self.problems)])


def read_file(path: str, data: bytes, limits: ManifestLimits, policy: ReadingPolicy) -> FileContent:
    """Read one file, for itself: what it has in common with others is for :func:`duplicates` to find."""
    documents, unreadable = parse(data, path, limits)
    content = FileContent(problems=unreadable)
    for document in documents:
        result = to_resource(document, policy.default_namespace, policy.groups)
        if result is None:
            content.ignored += 1
            _foreign(document, policy.foreign, content)
            continue
        if isinstance(result, Resource):
            content.resources.append(result)
        else:
            content.problems.extend(result)
        if policy.schemas is not None:
            key = result.key if isinstance(result, Resource) else _key(document.content)
            for violation in policy.schemas.check(document.content):
                _violation(violation, document, key, content, enforce=policy.enforce)
    return content


def _violation(
    violation: Violation, document: Document, key: ResourceKey, content: FileContent, *, enforce: bool
) -> None:
    severity, code, place, message = violation
    if enforce and severity is Severity.ERROR:
        content.problems.append(document.problem(place, message, code))
    else:
        where = printable(dotted(place))
        content.findings.append(
            Finding(severity, code, key, where, printable(message), document.path, document.line_of(place))
        )


def _foreign(document: Document, rule: ForeignRule, content: FileContent) -> None:
    if rule is ForeignRule.IGNORE:
        return
    key = _key(document.content)
    what = " ".join(part for part in key[:2] if part)
    message = f"this is no Hedgehog resource ({quoted(what) or 'no Kubernetes object at all'}), so it is not read"
    if rule is ForeignRule.REFUSE:
        content.problems.append(document.problem((), f"{message}; such documents are refused here", "manifest.foreign"))
    else:
        warning = Severity.WARNING
        content.findings.append(Finding(warning, "manifest.foreign", key, "", message, document.path, document.line))


def _key(content: dict[str, Any]) -> ResourceKey:
    """The identity of a document that may have none."""
    metadata = content.get("metadata")
    metadata = metadata if isinstance(metadata, dict) else {}
    parts = (content.get("apiVersion"), content.get("kind"), metadata.get("namespace"), metadata.get("name"))
    texts = (
        printable(part)[:most] if isinstance(part, str) else "" for part, most in zip(parts, _LONGEST_KEY, strict=True)
    )
    api_version, kind, namespace, name = texts
    return api_version, kind, namespace, name


def duplicates(resources: Iterable[Resource]) -> list[Problem]:
    """A problem for each resource that describes an object which another one before it already describes."""
    first: dict[ResourceKey, Resource] = {}
    problems: list[Problem] = []
    for resource in resources:
        other = first.setdefault(resource.object_key, resource)
        if other is not resource:
            what = f"{resource.kind} {resource.namespace}/{resource.name}"
            message = f"{what} is already defined at {other.path}:{other.line}"
            problems.append(Problem(resource.path, resource.line, "metadata.name", message, "manifest.duplicate"))
    return problems
