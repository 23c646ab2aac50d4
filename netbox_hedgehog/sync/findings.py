"""Keep what the checks found, for operators to read."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import islice
from typing import Final

from netbox_hedgehog.manifests import Finding
from netbox_hedgehog.models import FabricFinding
from netbox_hedgehog.observability.redaction import redact

# A rule that every resource breaks says nothing more the thousandth time, but costs a row each.
MOST_FINDINGS: Final = 1000
LONGEST_MESSAGE: Final = 1000


def store_findings(fabric_id: int, findings: Sequence[Finding]) -> None:
    """Replace the fabric's findings, errors first; the caller holds the transaction."""
    FabricFinding.objects.filter(fabric_id=fabric_id).delete()
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
