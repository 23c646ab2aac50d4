"""Keep what the checks found, for operators to read."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from itertools import islice
from typing import Final

from django.db.models import Count, Q, QuerySet

from netbox_hedgehog.manifests import FINDINGS_OF_READING, Finding
from netbox_hedgehog.manifests.finding import MOST_OF_A_CODE
from netbox_hedgehog.models import FabricFinding
from netbox_hedgehog.observability.redaction import redact

# More than the checks report: they bound each code, and say how many more there are.
MOST_FINDINGS: Final = 3000
LONGEST_MESSAGE: Final = 1000

OF_READING: Final = Q(*(("code__startswith", prefix) for prefix in FINDINGS_OF_READING), _connector=Q.OR)
"""The findings that come from one file alone, not from between resources."""


def store_findings(fabric_id: int, findings: Sequence[Finding]) -> None:
    """Replace what the checks between resources found, errors first; the caller holds the transaction."""
    _replace(FabricFinding.objects.filter(fabric_id=fabric_id).exclude(OF_READING), fabric_id, findings)


def store_findings_of_reading(fabric_id: int, findings: Sequence[Finding], paths: Collection[str] | None) -> None:
    """Replace what was found in the files at ``paths`` as they were read, None for all; the caller holds the
    transaction.
    """
    old = FabricFinding.objects.filter(OF_READING, fabric_id=fabric_id)
    _replace(old if paths is None else old.filter(source_path__in=paths), fabric_id, findings)


def has_dropped_findings(fabric_id: int) -> bool:
    """Whether more may have been found in files than is kept: then reading some of them cannot tell what is left."""
    rows = FabricFinding.objects.filter(OF_READING, fabric_id=fabric_id).order_by()
    counts = [count for _, count in rows.values_list("code").annotate(Count("pk"))]
    return sum(counts) >= MOST_FINDINGS or any(count >= MOST_OF_A_CODE for count in counts)


def _replace(old: QuerySet[FabricFinding], fabric_id: int, findings: Sequence[Finding]) -> None:
    old.delete()
    worst_first = sorted(findings, key=lambda finding: finding.severity)
    FabricFinding.objects.bulk_create(_row(fabric_id, finding) for finding in islice(worst_first, MOST_FINDINGS))


def _row(fabric_id: int, finding: Finding) -> FabricFinding:
    api_version, kind, namespace, name = finding.key
    return FabricFinding(
        fabric_id=fabric_id,
        severity=finding.severity.value,
        code=finding.code,
        api_version=api_version,
        kind=kind,
        namespace=namespace,
        name=name,
        field=finding.field[:LONGEST_MESSAGE],
        message=redact(finding.message)[:LONGEST_MESSAGE],
        source_path=finding.path,
        source_line=finding.line,
    )
