from __future__ import annotations

import pytest
from model_bakery import baker

from netbox_hedgehog.manifests import Finding, Severity
from netbox_hedgehog.manifests.finding import MOST_OF_A_CODE
from netbox_hedgehog.manifests.rules import CODES
from netbox_hedgehog.models import FabricFinding, FindingSeverity
from netbox_hedgehog.sync import findings as module
from netbox_hedgehog.sync.findings import store_findings
from tests.support.resources import LEAF

pytestmark = pytest.mark.django_db


def finding(severity: Severity = Severity.WARNING, **changes: object) -> Finding:
    values = {"code": "reference.missing", "field": "spec.role", "message": "no such role", "path": "a.yaml", "line": 7}
    return Finding(severity=severity, key=LEAF.key, **(values | changes))  # type: ignore[arg-type]


@pytest.fixture
def fabric():
    return baker.make_recipe("tests.due_fabric")


def test_a_finding_is_stored_as_it_is(fabric):
    store_findings(fabric.pk, [finding()])
    row = fabric.findings.get()
    assert (row.severity, row.code, row.field, row.message) == (
        "warning",
        "reference.missing",
        "spec.role",
        "no such role",
    )
    assert (row.api_version, row.kind, row.namespace, row.name) == LEAF.key
    assert (row.source_path, row.source_line) == ("a.yaml", 7)


def test_they_replace_those_of_the_sync_before_and_of_no_other_fabric(fabric):
    other = baker.make_recipe("tests.due_fabric")
    for each in (fabric, other):
        store_findings(each.pk, [finding(), finding(code="a.b")])
    store_findings(fabric.pk, [finding(code="c.d")])
    assert [row.code for row in fabric.findings.all()] == ["c.d"]
    store_findings(fabric.pk, [])
    assert (fabric.findings.count(), other.findings.count()) == (0, 2)


def test_when_there_are_too_many_the_errors_are_kept(fabric, monkeypatch):
    monkeypatch.setattr(module, "MOST_FINDINGS", 2)
    store_findings(fabric.pk, [finding(), finding(), finding(Severity.ERROR)])
    assert list(fabric.findings.values_list("severity", flat=True)) == ["error", "warning"]


def test_all_that_the_checks_report_has_room():
    assert len(CODES) * MOST_OF_A_CODE <= module.MOST_FINDINGS


def test_a_secret_in_a_message_is_not_stored(fabric):
    store_findings(fabric.pk, [finding(message="password: hunter2 is no role")])
    assert "hunter2" not in FabricFinding.objects.get().message


def test_the_severities_are_those_of_the_checks():
    assert set(FindingSeverity.values) == {severity.value for severity in Severity}
