"""Every fabric of the golden corpus through a whole sync: the database holds what its expectations say."""

from __future__ import annotations

import pytest

from netbox_hedgehog.models import FabricFinding, FabricResource
from netbox_hedgehog.sync.run import run_sync
from tests.support.corpus import CORPUS, FABRICS
from tests.support.corpus import files as corpus_files
from tests.support.git_server import commit_files

pytestmark = pytest.mark.django_db


def stored_resources(fabric_id: int) -> set[str]:
    return {
        f"{row.source_path}:{row.source_line} {row.api_version} {row.kind} {row.namespace}/{row.name} {row.digest}"
        for row in FabricResource.objects.filter(fabric=fabric_id)
    }


def stored_findings(fabric_id: int) -> set[str]:
    return {
        f"{row.source_path}:{row.source_line} {row.severity} {row.code} {row.kind} {row.namespace}/{row.name}"
        f" {row.field}: {row.message}"
        for row in FabricFinding.objects.filter(fabric=fabric_id)
    }


@pytest.fixture
def all_fabrics(remote):
    """The corpus in one repository, each fabric in a directory of its own."""
    commit_files(
        remote.path,
        {f"{fabric.relative_to(CORPUS)}/{path}": data for fabric in FABRICS for path, data in corpus_files(fabric)},
        "the corpus",
    )
    return remote


def test_the_database_holds_the_resources_and_findings_that_are_written_down(all_fabrics):
    for expected in FABRICS:
        directory = str(expected.relative_to(CORPUS))
        fabric = all_fabrics.fabric(directory, git_repository__url=all_fabrics.url)
        assert run_sync(fabric.pk, worker="test")["status"] == "succeeded"
        for name, stored in (("resources", stored_resources(fabric.pk)), ("findings", stored_findings(fabric.pk))):
            lines = (expected / f"{name}.txt").read_text().splitlines()
            assert {line.replace(f"{directory}/", "") for line in stored} == set(lines), directory
