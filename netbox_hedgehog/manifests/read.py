"""All files of a GitOps directory to all resources of a fabric, or to everything that is wrong with them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from netbox_hedgehog.manifests.parse import parse
from netbox_hedgehog.manifests.problem import Problem
from netbox_hedgehog.manifests.resource import Resource
from netbox_hedgehog.manifests.validate import HEDGEHOG_GROUPS, to_resource

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from netbox_hedgehog.manifests.limits import ManifestLimits


@dataclass(frozen=True, slots=True)
class Manifests:
    """What a set of files holds.

    ``problems`` has at most ``max_problems`` entries of ``total_problems``; ``ignored`` counts the documents that
    are not a fabric's. ``resources`` are all that is desired only if there is no problem.
    """

    resources: list[Resource]
    problems: list[Problem]
    total_problems: int
    ignored: int


def read_manifests(
    files: Iterable[tuple[str, bytes]],
    *,
    limits: ManifestLimits,
    default_namespace: str = "default",
    groups: Sequence[str] = HEDGEHOG_GROUPS,
) -> Manifests:
    """Read (path, content) pairs; files are taken one at a time. Bad content is reported, never raised."""
    resources: list[Resource] = []
    problems: list[Problem] = []
    total = ignored = 0

    def report(found: Sequence[Problem]) -> None:
        nonlocal total
        total += len(found)
        problems.extend(found[: limits.max_problems - len(problems)])

    for path, data in files:
        documents, unreadable = parse(data, path, limits)
        report(unreadable)
        for document in documents:
            result = to_resource(document, default_namespace, groups)
            if isinstance(result, Resource):
                resources.append(result)
            elif result is None:
                ignored += 1
            else:
                report(result)
    report(duplicates(resources))
    return Manifests(resources, problems, total, ignored)


def duplicates(resources: Iterable[Resource]) -> list[Problem]:
    """A problem for each resource that another one before it already describes.

    The version in ``apiVersion`` makes no difference: to Kubernetes they are one object.
    """
    first: dict[tuple[str, str, str, str], Resource] = {}
    problems: list[Problem] = []
    for resource in resources:
        group = resource.api_version.partition("/")[0]
        other = first.setdefault((group, resource.kind, resource.namespace, resource.name), resource)
        if other is not resource:
            what = f"{resource.kind} {resource.namespace}/{resource.name}"
            message = f"{what} is already defined at {other.path}:{other.line}"
            problems.append(Problem(resource.path, resource.line, "metadata.name", message))
    return problems
