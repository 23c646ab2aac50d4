"""Schema sources in the admin."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from netbox_hedgehog.models import GitRepository, HedgehogFabric, SchemaSource
from tests.support.definitions import definition

pytestmark = pytest.mark.django_db

ADD = reverse("admin:netbox_hedgehog_schemasource_add")
LIST = reverse("admin:netbox_hedgehog_schemasource_changelist")


@pytest.fixture
def root(tmp_path: Path, settings: Any) -> Path:
    (tmp_path / "crds").mkdir()
    settings.HEDGEHOG_SCHEMA_ROOT = str(tmp_path)
    return tmp_path


@pytest.fixture
def source(repository: GitRepository) -> SchemaSource:
    return SchemaSource.objects.create(name="hedgehog", git_repository=repository, directory="/config/crd")


def change(source: SchemaSource) -> str:
    return reverse("admin:netbox_hedgehog_schemasource_change", args=[source.pk])


def add(client: Client, **fields: Any) -> Any:
    return client.post(ADD, {"name": "hedgehog", "directory": "/", "ref": "", "local_folder": ""} | fields)


def test_one_in_a_repository_can_be_added(boss: Client, repository: GitRepository) -> None:
    assert add(boss, git_repository=repository.pk, ref="v25.03", directory="/config/crd").status_code == 302
    source = SchemaSource.objects.get()
    assert (source.git_repository, source.ref, source.directory) == (repository, "v25.03", "/config/crd")


def test_one_on_disk_can_be_added_below_the_root_only(boss: Client, root: Path) -> None:
    for folder in ("../elsewhere", "nowhere", "/etc"):
        assert "HEDGEHOG_SCHEMA_ROOT" in add(boss, local_folder=folder).content.decode()
    assert SchemaSource.objects.count() == 0
    assert add(boss, local_folder="crds").status_code == 302


def test_a_repository_and_a_folder_or_neither_is_refused(boss: Client, root: Path, repository: GitRepository) -> None:
    assert "not both" in add(boss, git_repository=repository.pk, local_folder="crds").content.decode()
    assert "Choose a repository, or name a local folder" in add(boss).content.decode()


def test_its_state_is_what_the_last_sync_found(boss: Client, source: SchemaSource) -> None:
    assert "not used yet" in boss.get(LIST).content.decode()
    SchemaSource.objects.update(version="a" * 40, kind_count=22)
    assert "usable" in boss.get(LIST).content.decode()
    SchemaSource.objects.update(unchecked="crds/a.yaml:7: the <b>pattern</b>")
    page = boss.get(change(source)).content.decode()
    assert "usable in part" in page
    assert "the &lt;b&gt;pattern&lt;/b&gt;" in page
    SchemaSource.objects.update(error="[schema.invalid] broken → mend it")
    assert "unusable" in boss.get(LIST).content.decode()


def test_saving_leaves_the_machines_columns_alone(boss: Client, source: SchemaSource) -> None:
    SchemaSource.objects.update(version="a" * 40, commit="b" * 40)
    form = {"name": "renamed", "git_repository": source.git_repository_id, "directory": "/", "version": "forged"}
    assert boss.post(change(source), form).status_code == 302
    source.refresh_from_db()
    assert (source.name, source.version, source.commit) == ("renamed", "a" * 40, "b" * 40)


def test_one_in_use_cannot_be_deleted_nor_its_repository(boss: Client, source: SchemaSource) -> None:
    HedgehogFabric.objects.create(name="east", schema_source=source, schema_mode="warn")
    delete = reverse("admin:netbox_hedgehog_schemasource_delete", args=[source.pk])
    assert "give it another schema source" in boss.get(delete).content.decode()
    boss.post(delete, {"post": "yes"})
    assert source.git_repository is not None
    delete = reverse("admin:netbox_hedgehog_gitrepository_delete", args=[source.git_repository.pk])
    assert "Schema source" in boss.get(delete).content.decode()
    boss.post(delete, {"post": "yes"})
    assert (SchemaSource.objects.count(), GitRepository.objects.count()) == (1, 1)


def test_checks_without_definitions_are_refused_on_the_fabrics_page(boss: Client, fabric: HedgehogFabric) -> None:
    page = reverse("admin:netbox_hedgehog_hedgehogfabric_change", args=[fabric.pk])
    form = {
        "name": fabric.name,
        "status": fabric.status,
        "git_repository": fabric.git_repository_id,
        "gitops_directory": "/",
        "sync_interval": 300,
        "default_namespace": "default",
        "schema_mode": "enforce",
    }
    assert "Choose the definitions to check against" in boss.post(page, form).content.decode()
    assert "lower-case letters" in boss.post(page, form | {"default_namespace": "No_Name"}).content.decode()


def test_a_fabrics_page_says_that_it_is_not_checked(boss: Client, fabric: HedgehogFabric, source: SchemaSource) -> None:
    SchemaSource.objects.update(error="[schema.unavailable] broken → mend it")
    page = reverse("admin:netbox_hedgehog_hedgehogfabric_change", args=[fabric.pk])
    assert "unusable" not in boss.get(page).content.decode()
    HedgehogFabric.objects.update(schema_source=source, schema_mode="warn")
    text = boss.get(page).content.decode()
    assert "unusable" in text
    assert change(source) in text


def load(client: Client, source: SchemaSource) -> Any:
    address = reverse("admin:netbox_hedgehog_schemasource_load", args=[source.pk])
    assert client.get(address).status_code == 405
    return client.post(address, follow=True)


def test_load_now_says_what_is_there(boss: Client, root: Path) -> None:
    source = SchemaSource.objects.create(name="local", local_folder="crds")
    assert "there is no CustomResourceDefinition" in load(boss, source).content.decode()
    (root / "crds" / "rack.json").write_text(json.dumps(definition({"type": "object"})))
    page = load(boss, source).content.decode()
    assert "Loaded. Kinds that it defines: 1." in page
    assert "Load now" in page
    source.refresh_from_db()
    assert (source.kind_count, source.error) == (1, "")


def test_load_now_is_for_who_may_change_it(viewer: Client, source: SchemaSource) -> None:
    assert load(viewer, source).status_code == 403
    assert "Load now" not in viewer.get(change(source)).content.decode()


def test_who_may_only_look_cannot_change_one(viewer: Client, source: SchemaSource) -> None:
    assert viewer.get(change(source)).status_code == 200
    assert viewer.post(change(source), {"name": "x"}).status_code == 403
    assert viewer.get(ADD).status_code == 403
