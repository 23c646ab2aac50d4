"""A fabric's resources are checked against the definitions that its operator provides."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.core.exceptions import ValidationError
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from model_bakery import baker

from netbox_hedgehog.models import FabricFinding, GitRepository, HedgehogFabric, SchemaSource
from netbox_hedgehog.sync import reading, schemas
from netbox_hedgehog.sync.preview import preview
from netbox_hedgehog.sync.run import run_sync
from tests.support.definitions import definition
from tests.support.git_server import GitServer
from tests.support.remote import Remote, document

pytestmark = pytest.mark.django_db

SWITCH: dict[str, Any] = {"type": "object", "properties": {"role": {"type": "string", "enum": ["leaf", "spine"]}}}
TWO = {"a.yaml": document("a", role="leaf"), "b.yaml": document("b", role="leef", rack=1)}
FOREIGN = "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: web}\n"


def switch_definition(schema: Any = SWITCH) -> str:
    return json.dumps(definition(schema, kind="Switch", name="v1beta1"))


def sync(fabric: HedgehogFabric) -> dict[str, Any]:
    result = run_sync(fabric.pk, worker="test")
    fabric.refresh_from_db()
    return dict(result)


def codes(fabric: HedgehogFabric) -> list[str]:
    """What was found in the files themselves; the checks between resources have their own tests."""
    of_reading = fabric.findings.filter(code__regex="^(schema|manifest)")
    return sorted(of_reading.values_list("code", flat=True))


@pytest.fixture(autouse=True)
def _compiled_anew(monkeypatch) -> None:
    monkeypatch.setattr(schemas, "_compiled", schemas._Compiled())


@pytest.fixture
def definitions(remote, tmp_path) -> Iterator[Remote]:
    """A repository on another server, with a definition of switches in ``/crds``."""
    with GitServer(tmp_path / "elsewhere") as server:
        definitions = Remote(server, "definitions.git")
        definitions.commit({"crds/switch.json": switch_definition(), "crds/README.yaml": "# nothing"})
        yield definitions


@pytest.fixture
def source(definitions) -> SchemaSource:
    repository = baker.make(GitRepository, name="definitions", url=definitions.url)
    return SchemaSource.objects.create(name="hedgehog", git_repository=repository, directory="/crds")


@pytest.fixture
def fabric(remote, source) -> HedgehogFabric:
    """Two switches, of which one has a wrong role and a field too many; not synced yet."""
    remote.commit(TWO)
    return remote.fabric(schema_source=source, schema_mode="warn", budget_deletions_percent=100)


def set_mode(fabric: HedgehogFabric, mode: str) -> None:
    HedgehogFabric.objects.filter(pk=fabric.pk).update(schema_mode=mode)


class TestModes:
    def test_off_nothing_is_checked_nor_fetched(self, fabric, source):
        set_mode(fabric, "off")
        assert sync(fabric)["status"] == "succeeded"
        source.refresh_from_db()
        assert (codes(fabric), source.version) == ([], "")

    def test_warn_lists_what_is_wrong_and_stores_the_resources(self, fabric):
        assert sync(fabric)["created"] == 2
        rows = fabric.findings.filter(name="b").values_list(
            "severity", "code", "field", "name", "source_path", "source_line"
        )
        assert list(rows) == [
            ("error", "schema.enum", "spec.role", "b", "b.yaml", 2),
            ("warning", "schema.unknown_field", "spec.rack", "b", "b.yaml", 2),
        ]

    def test_enforce_fails_the_sync_with_every_error_and_applies_nothing(self, fabric, remote):
        set_mode(fabric, "enforce")
        remote.commit({"c.yaml": document("c", role="x")})
        result = sync(fabric)
        assert (result["status"], result["error"]["code"]) == ("failed", "manifest.invalid")
        assert result["error"]["message"].splitlines() == [
            "The manifests have 2 problems:",
            'b.yaml:2: spec.role: must be one of "leaf", "spine", not "leef"',
            'c.yaml:2: spec.role: must be one of "leaf", "spine", not "x"',
        ]
        assert fabric.resources.count() == 0

    def test_enforce_lets_warnings_pass(self, fabric, remote):
        set_mode(fabric, "enforce")
        remote.commit({"b.yaml": document("b", role="leaf", rack=1)})
        assert sync(fabric)["status"] == "succeeded"
        assert codes(fabric) == ["schema.unknown_field"]

    def test_a_mode_other_than_off_needs_definitions(self, fabric):
        fabric.schema_source = None
        with pytest.raises(ValidationError, match="Choose the definitions"):
            fabric.clean()
        HedgehogFabric.objects.update(schema_source=None, schema_mode="enforce")
        assert sync(fabric)["error"]["code"] == "schema.no_source"


class TestAFreshCheck:
    """An unchanged tree is read anew when what decides about it has changed."""

    def test_comes_with_another_mode(self, fabric):
        set_mode(fabric, "off")
        sync(fabric)
        set_mode(fabric, "warn")
        assert sync(fabric)["status"] == "unchanged"
        assert codes(fabric) == ["schema.enum", "schema.unknown_field"]
        set_mode(fabric, "enforce")
        assert sync(fabric)["status"] == "failed"
        set_mode(fabric, "off")
        assert sync(fabric)["status"] == "unchanged"
        assert codes(fabric) == []

    def test_comes_with_another_commit_of_the_definitions(self, fabric, definitions):
        sync(fabric)
        wider = SWITCH | {"properties": {"role": {"type": "string"}, "rack": {"type": "integer"}}}
        definitions.commit({"crds/switch.json": switch_definition(wider)})
        assert sync(fabric)["status"] == "unchanged"
        assert codes(fabric) == []

    def test_comes_with_another_rule_for_foreign_documents(self, fabric, remote, settings):
        remote.commit({"web.yaml": FOREIGN})
        set_mode(fabric, "off")
        sync(fabric)
        assert codes(fabric) == []
        settings.HEDGEHOG_FOREIGN_DOCUMENTS = "warn"
        assert sync(fabric)["status"] == "unchanged"
        assert codes(fabric) == ["manifest.foreign"]
        HedgehogFabric.objects.update(foreign_documents="refuse")
        assert sync(fabric)["error"]["code"] == "manifest.invalid"
        HedgehogFabric.objects.update(foreign_documents="ignore")
        sync(fabric)
        assert codes(fabric) == []

    def test_comes_with_another_namespace(self, fabric):
        sync(fabric)
        HedgehogFabric.objects.update(default_namespace="lab")
        assert sync(fabric)["created"] == 2
        assert set(fabric.resources.values_list("namespace", flat=True)) == {"lab"}

    def test_does_not_come_with_a_commit_elsewhere_in_the_definitions(self, fabric, definitions, monkeypatch):
        sync(fabric)
        definitions.commit({"docs/readme.md": "x"})
        monkeypatch.setattr(reading, "read_manifest", None)
        assert sync(fabric)["status"] == "unchanged"


class TestReadingOnlyWhatChanged:
    def test_findings_of_the_other_files_stay(self, fabric, remote):
        sync(fabric)
        remote.commit({"a.yaml": document("a", role="x")})
        assert sync(fabric)["updated"] == 1
        assert codes(fabric) == ["schema.enum", "schema.enum", "schema.unknown_field"]
        remote.commit({"b.yaml": None})
        sync(fabric)
        assert codes(fabric) == ["schema.enum"]
        assert fabric.findings.get(code="schema.enum").source_path == "a.yaml"

    def test_a_change_that_only_findings_show_is_seen(self, fabric, remote):
        HedgehogFabric.objects.update(foreign_documents="warn")
        sync(fabric)
        remote.commit({"web.yaml": FOREIGN})
        assert sync(fabric)["status"] == "unchanged"
        assert "manifest.foreign" in codes(fabric)
        remote.commit({"web.yaml": None})
        sync(fabric)
        assert "manifest.foreign" not in codes(fabric)

    def test_when_there_are_more_than_are_kept_all_is_read_so_that_their_number_is_right(self, fabric, remote):
        many = "".join(document(f"x{number}", role="x") for number in range(120))
        remote.commit({"many.yaml": many})
        sync(fabric)
        told = FabricFinding.objects.filter(code="schema.enum").order_by("pk").last()
        assert told is not None
        assert told.message.endswith("(and 21 more like this)")
        remote.commit({"b.yaml": None})
        sync(fabric)
        told = FabricFinding.objects.filter(code="schema.enum").order_by("pk").last()
        assert told is not None
        assert told.message.endswith("(and 20 more like this)")


class TestTheSource:
    def test_says_what_was_found_there(self, fabric, source, definitions):
        commit = definitions.commit({"crds/b.json": json.dumps(definition({"pattern": "(?=x)"}, kind="Rack"))})
        sync(fabric)
        source.refresh_from_db()
        assert (source.commit, source.kind_count, source.error) == (commit, 2, "")
        assert source.unchecked.startswith("crds/b.json:1: ")

    def test_may_name_a_tag_other_than_the_repositorys_branch(self, fabric, source, definitions):
        first = definitions.commit({"x.md": "x"})
        definitions.commit({"crds/switch.json": "["})
        SchemaSource.objects.update(ref=first)
        assert sync(fabric)["status"] == "succeeded"
        source.refresh_from_db()
        assert source.commit == first

    def test_is_compiled_once_for_all_fabrics(self, fabric, remote, source, monkeypatch):
        calls: list[object] = []
        compile_definitions = schemas.compile_definitions
        monkeypatch.setattr(
            schemas, "compile_definitions", lambda *given: calls.append(given) or compile_definitions(*given)
        )
        other = remote.fabric(git_repository=fabric.git_repository, schema_source=source, schema_mode="warn")
        for each in (fabric, other, fabric):
            assert sync(each)["status"] != "failed"
        assert len(calls) == 1

    def test_keeps_no_more_than_a_few_sets_in_memory(self):
        compiled = schemas._Compiled()
        for number in range(20):
            compiled.get(str(number), list)
        assert len(compiled._sets) == schemas._MOST_COMPILED

    def test_on_a_server_that_is_down_serves_what_was_fetched_last(self, fabric, source, definitions):
        set_mode(fabric, "enforce")
        definitions.server.status = 503
        assert sync(fabric)["error"]["code"] == "schema.unavailable"
        definitions.server.status = None
        assert sync(fabric)["error"]["code"] == "manifest.invalid"
        definitions.server.status = 503
        assert sync(fabric)["error"]["code"] == "manifest.invalid"
        source.refresh_from_db()
        assert source.error == ""


class TestAPreview:
    def test_is_judged_by_the_definitions_and_writes_nothing(self, fabric, source):
        set_mode(fabric, "enforce")
        with CaptureQueriesContext(connection) as queries:
            seen = preview(fabric.pk)
        assert seen.error is not None
        assert "must be one of" in seen.error.message
        assert not [query["sql"] for query in queries if not query["sql"].startswith("SELECT")]
        set_mode(fabric, "warn")
        assert preview(fabric.pk).counts.created == 2
        source.refresh_from_db()
        assert source.version == ""


class TestWhatCannotBeLoaded:
    def broken(self, definitions: Remote) -> None:
        definitions.commit({"crds/switch.json": switch_definition({"$ref": "#/"})})

    def test_fails_a_fabric_that_enforces_and_is_looked_at_again_at_its_interval(self, fabric, source, definitions):
        self.broken(definitions)
        set_mode(fabric, "enforce")
        before = timezone.now()
        error = sync(fabric)["error"]
        assert error["code"] == "schema.unavailable"
        assert error["message"].startswith(
            "The definitions of schema source hedgehog cannot be used. "
            "[schema.invalid] The definitions have 1 problem:\ncrds/switch.json:1: "
        )
        source.refresh_from_db()
        assert source.error.startswith("[schema.unavailable] The definitions of schema source hedgehog cannot")
        interval = timedelta(seconds=fabric.sync_interval)
        assert fabric.retry_at is not None
        assert before + interval <= fabric.retry_at <= timezone.now() + interval

    def test_does_not_stop_a_fabric_that_warns_which_is_checked_when_it_is_back(
        self, fabric, source, definitions, operator_log
    ):
        self.broken(definitions)
        assert sync(fabric)["created"] == 2
        assert codes(fabric) == []
        assert "sync.not_checked" in operator_log.getvalue()
        definitions.commit({"crds/switch.json": switch_definition()})
        assert sync(fabric)["status"] == "unchanged"
        assert codes(fabric) == ["schema.enum", "schema.unknown_field"]
        source.refresh_from_db()
        assert source.error == ""

    def test_takes_no_finding_away_from_files_that_did_not_change(self, fabric, definitions, remote):
        sync(fabric)
        self.broken(definitions)
        assert sync(fabric)["status"] == "unchanged"
        remote.commit({"c.yaml": document("c")})
        sync(fabric)
        assert codes(fabric) == ["schema.enum", "schema.unknown_field"]

    def test_is_not_read_to_the_end_when_it_is_too_large(self, fabric, monkeypatch):
        monkeypatch.setattr(schemas, "MOST_BYTES", 100)
        set_mode(fabric, "enforce")
        assert "[schema.source_too_large]" in sync(fabric)["error"]["message"]

    def test_names_the_source_when_git_fails(self, fabric, source):
        SchemaSource.objects.update(directory="/nowhere")
        set_mode(fabric, "enforce")
        error = sync(fabric)["error"]
        assert "schema source hedgehog cannot be used. [git.directory_not_found] The directory /now" in error["message"]


class TestALocalFolder:
    @pytest.fixture
    def root(self, tmp_path, settings) -> Path:
        root = tmp_path / "root"
        (root / "crds").mkdir(parents=True)
        (root / "crds" / "switch.json").write_text(switch_definition())
        settings.HEDGEHOG_SCHEMA_ROOT = str(root)
        return root

    @pytest.fixture
    def fabric(self, remote, root) -> HedgehogFabric:
        remote.commit(TWO)
        source = SchemaSource.objects.create(name="local", local_folder="crds")
        return remote.fabric(schema_source=source, schema_mode="enforce")

    def test_is_read_like_a_repository(self, fabric):
        assert "must be one of" in sync(fabric)["error"]["message"]

    def test_that_changes_brings_a_fresh_check(self, fabric, root):
        set_mode(fabric, "warn")
        sync(fabric)
        (root / "crds" / "switch.json").write_text(switch_definition({"type": "object"}))
        assert sync(fabric)["status"] == "unchanged"
        assert codes(fabric) == ["schema.unknown_field", "schema.unknown_field", "schema.unknown_field"]

    def test_is_refused_unless_the_operator_of_the_machine_allows_a_root(self, fabric, settings):
        settings.HEDGEHOG_SCHEMA_ROOT = ""
        assert "[schema.folder_not_allowed]" in sync(fabric)["error"]["message"]

    @pytest.mark.parametrize("folder", ["../outside", "/etc", "crds/../../outside", "link"])
    def test_outside_of_the_root_is_refused(self, folder, fabric, root):
        (root.parent / "outside").mkdir()
        (root / "link").symlink_to(root.parent / "outside")
        SchemaSource.objects.update(local_folder=folder)
        assert "[schema.folder_not_allowed]" in sync(fabric)["error"]["message"]

    def test_that_is_too_large_is_not_read_to_the_end(self, fabric, monkeypatch):
        monkeypatch.setattr(schemas, "MOST_BYTES", 100)
        assert "[schema.source_too_large]" in sync(fabric)["error"]["message"]

    def test_that_does_not_exist_is_told(self, fabric):
        SchemaSource.objects.update(local_folder="crd")
        assert "[schema.folder_not_found]" in sync(fabric)["error"]["message"]

    def test_without_definitions_is_told(self, fabric, root):
        (root / "crds" / "switch.json").unlink()
        error = sync(fabric)["error"]
        assert "[schema.invalid]" in error["message"]
        assert "there is no CustomResourceDefinition among the files" in error["message"]


@pytest.mark.parametrize("fields", [{}, {"git_repository": GitRepository(), "local_folder": "crds"}])
def test_a_source_is_a_repository_or_a_folder(fields):
    with pytest.raises(ValidationError):
        SchemaSource(name="x", **fields).clean()
