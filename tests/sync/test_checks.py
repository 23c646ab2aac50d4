"""After a sync the findings are those of the fabric as it now stands."""

from __future__ import annotations

import pytest

from netbox_hedgehog.manifests import ManifestLimits, Resource, read_manifests
from netbox_hedgehog.models import HedgehogFabric
from netbox_hedgehog.sync.checks import findings_of, with_stored
from netbox_hedgehog.sync.run import run_sync
from tests.support.corpus import CORPUS, findings, resources
from tests.support.corpus import files as corpus_files
from tests.support.remote import document

pytestmark = pytest.mark.django_db

ESLAG = CORPUS / "spine-leaf-eslag-externals"
WEB = "web.yaml"  # after the other files, so that findings are about it


def web(**changes: object) -> str:
    text = document("web", "VPC", subnets={"default": {"subnet": "10.20.9.0/24", "vlan": 2009} | changes})
    return text.replace("wiring", "vpc")


def read(path: str, text: str) -> list[Resource]:
    return read_manifests([(path, text.encode())], limits=ManifestLimits()).resources


@pytest.fixture
def fabric(remote):
    remote.commit({path: data.decode() for path, data in corpus_files(ESLAG)})
    fabric = remote.fabric()
    run_sync(fabric.pk, worker="test")
    return fabric


def codes(fabric) -> list[str]:
    return sorted(fabric.findings.values_list("code", flat=True))


def test_a_sound_fabric_has_none(fabric):
    assert fabric.resources.count() == len(resources(ESLAG))
    assert codes(fabric) == []


def test_a_commit_that_breaks_something_brings_a_finding_and_the_commit_that_mends_it_takes_it_away(fabric, remote):
    remote.commit({WEB: web(vlan=2001)})
    assert run_sync(fabric.pk, worker="test")["status"] == "succeeded"
    row = fabric.findings.get()
    assert (row.code, row.severity, row.kind, row.name) == ("vlan.in_use", "error", "VPC", "web")
    assert (row.source_path, row.source_line, row.field) == (WEB, 2, "spec.subnets.default.vlan")
    assert row.message == "2001 is also spec.subnets.default.vlan of VPC default/shared (vpcs.yaml:2)"
    remote.commit({WEB: web()})
    run_sync(fabric.pk, worker="test")
    assert codes(fabric) == []


def test_deleting_what_others_name_is_found_in_those_that_did_not_change(fabric, remote):
    remote.commit({"servers.json": '{"apiVersion": "v1", "kind": "List", "items": []}'})
    run_sync(fabric.pk, worker="test")
    assert set(codes(fabric)) == {"reference.unverified"}


def test_what_only_moved_is_found_at_its_new_place(fabric, remote):
    remote.commit({WEB: web(vlan=2001)})
    run_sync(fabric.pk, worker="test")
    remote.commit({WEB: "# Our web servers.\n\n" + web(vlan=2001)})
    run_sync(fabric.pk, worker="test")
    assert fabric.findings.get().source_line == 4


def test_what_moved_to_another_file_is_named_there_also_as_the_other_place(fabric, remote):
    remote.commit({WEB: web(vlan=2001)})
    run_sync(fabric.pk, worker="test")
    remote.commit({"vpcs.yaml": None, "tenants.yaml": dict(corpus_files(ESLAG))["vpcs.yaml"].decode()})
    assert run_sync(fabric.pk, worker="test")["updated"] == 0
    assert "VPC default/shared (tenants.yaml:2)" in fabric.findings.get().message


def test_a_sync_that_fails_leaves_them_alone(fabric, remote):
    remote.commit({WEB: web(vlan=2001)})
    run_sync(fabric.pk, worker="test")
    remote.commit({WEB: "kind: ["})
    run_sync(fabric.pk, worker="test")
    assert codes(fabric) == ["vlan.in_use"]


@pytest.mark.parametrize("share", [0, 1, 2])
def test_they_are_the_same_whatever_part_of_the_fabric_was_read(fabric, remote, share):
    text = web(vlan=2001, subnet="10.20.2.0/25")
    remote.commit({WEB: text})
    run_sync(fabric.pk, worker="test")
    everything = resources(ESLAG) + read(WEB, text)
    part = [each for number, each in enumerate(everything) if number % 2 < share]
    assert findings_of(with_stored(fabric.pk, part)) == findings(everything)


def test_what_was_read_in_full_is_not_loaded_from_the_database_again(fabric, remote, monkeypatch):
    loaded = []
    monkeypatch.setattr("netbox_hedgehog.sync.run.with_stored", lambda *_: loaded.append(1) or [])
    HedgehogFabric.objects.update(synced_source="read by another version")
    remote.commit({WEB: web(vlan=2001)})
    run_sync(fabric.pk, worker="test")
    assert (codes(fabric), loaded) == (["vlan.in_use"], [])
    remote.commit({WEB: web(vlan=2002)})
    run_sync(fabric.pk, worker="test")
    assert loaded == [1]


@pytest.fixture
def checks_done(monkeypatch):
    """Counts how often a sync checks the whole fabric."""
    done = []

    def counted(*args):
        done.append(args)
        return findings_of(*args)

    monkeypatch.setattr("netbox_hedgehog.sync.run.findings_of", counted)
    return done


def test_a_commit_that_changes_nothing_that_is_checked_costs_no_check(fabric, remote, checks_done):
    remote.commit({WEB: web()})
    run_sync(fabric.pk, worker="test")
    assert len(checks_done) == 1
    remote.commit({WEB: "# Our web servers.\n" + web(isolated=True)})
    assert run_sync(fabric.pk, worker="test")["updated"] == 1
    assert len(checks_done) == 1
    remote.commit({WEB: web(isolated=True, vlan=2010)})
    run_sync(fabric.pk, worker="test")
    assert len(checks_done) == 2


def test_a_whole_reading_is_always_checked_since_the_rules_may_be_others(fabric, remote, checks_done):
    remote.commit({WEB: web(vlan=2001)})
    run_sync(fabric.pk, worker="test")
    fabric.findings.all().delete()
    HedgehogFabric.objects.update(synced_source="read by another version")
    assert run_sync(fabric.pk, worker="test")["status"] == "unchanged"
    assert codes(fabric) == ["vlan.in_use"]
