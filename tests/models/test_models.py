"""What the contract says about the five models: docs/architecture.md, "Fixed names"."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.core.exceptions import ValidationError
from django.db import IntegrityError, models, transaction
from model_bakery import baker

from netbox_hedgehog import models as ours
from netbox_hedgehog.conf import YEAR_SECONDS
from netbox_hedgehog.models import (
    Activity,
    FabricResource,
    FabricStatus,
    GitRepository,
    HedgehogFabric,
    RunStatus,
    SchedulerRun,
    SyncRun,
    SyncStatus,
    TickStatus,
    Trigger,
)

CONTRACT: dict[type[models.Model], dict[str, dict[str, Any]]] = {
    HedgehogFabric: {
        "name": {"unique": True, "null": False},
        "description": {"blank": True, "default": ""},
        "status": {"default": "planned", "values": FabricStatus.values},
        "sync_enabled": {"default": True},
        "sync_interval": {"default": 300},
        "last_sync": {"null": True, "default": None},
        "sync_status": {"default": "never_synced", "values": SyncStatus.values},
        "sync_error": {"blank": True, "default": ""},
        "git_repository": {"null": True, "related_model": GitRepository},
        "gitops_directory": {"default": "/"},
        "desired_state_commit": {"blank": True, "default": ""},
    },
    GitRepository: {
        "name": {"unique": True},
        "url": {"blank": False},
        "branch": {"default": "main"},
        "username": {"blank": True},
        "password": {"blank": True},
        "ssh_private_key": {"blank": True},
        "ssh_key_passphrase": {"blank": True},
    },
    FabricResource: {
        "fabric": {"related_model": HedgehogFabric, "null": False},
        "api_version": {},
        "kind": {},
        "namespace": {},
        "name": {},
        "labels": {"default": {}},
        "annotations": {"default": {}},
        "spec": {"default": {}},
        "source_path": {},
    },
    SyncRun: {
        "fabric": {"related_model": HedgehogFabric},
        "status": {"values": RunStatus.values},
        "trigger": {"values": Trigger.values},
        "created": {"default": 0},
        "updated": {"default": 0},
        "deleted": {"default": 0},
        "unchanged": {"default": 0},
        "error_code": {"blank": True},
        "error_message": {"blank": True},
    },
    SchedulerRun: {
        "status": {"values": TickStatus.values},
        "fabrics_checked": {"default": 0},
        "fabrics_due": {"default": 0},
        "syncs_triggered": {"default": 0},
        "syncs_skipped": {"default": {}},
        "errors": {"default": []},
        "duration_seconds": {"default": 0},
    },
}


@pytest.mark.parametrize(
    ("model", "name"), [(model, name) for model, fields in CONTRACT.items() for name in fields], ids=str
)
def test_a_field_is_as_the_contract_says(model, name):
    field = model._meta.get_field(name)
    seen = {
        "unique": field.unique,
        "null": field.null,
        "blank": field.blank,
        "default": field.get_default(),
        "values": [value for value, _ in field.choices or ()],
        "related_model": field.related_model,
    }
    for key, expected in CONTRACT[model][name].items():
        assert seen[key] == expected, key


def test_the_states_are_those_of_the_contract():
    assert FabricStatus.values == ["planned", "active", "maintenance", "decommissioned"]
    assert SyncStatus.values == ["never_synced", "in_sync", "held", "error"]
    assert Activity.values == ["idle", "queued", "syncing"]
    assert {"succeeded", "unchanged", "held", "failed", "skipped"} <= set(RunStatus.values)
    assert TickStatus.values == ["completed", "skipped", "partial", "failed"]


def test_the_five_models_are_exported():
    assert {"HedgehogFabric", "GitRepository", "FabricResource", "SyncRun", "SchedulerRun"} <= set(ours.__all__)


def test_whether_a_sync_runs_is_stored_nowhere():
    """A status that says "syncing" outlives the worker that would have changed it."""
    stored = {value for field in HedgehogFabric._meta.concrete_fields for value, _ in field.choices or ()}
    assert not stored & {"syncing", "queued", "running"}


@pytest.mark.django_db
class TestUniqueness:
    @pytest.mark.parametrize("recipe", ["tests.due_fabric", "tests.repository"])
    def test_names_are_unique(self, recipe):
        baker.make_recipe(recipe, name="same")
        with pytest.raises(IntegrityError), transaction.atomic():
            baker.make_recipe(recipe, name="same")

    def resource(self, **changes: Any) -> FabricResource:
        identity = {"kind": "VPC", "namespace": "default", "name": "a", "api_version": "vpc.githedgehog.com/v1beta1"}
        return FabricResource.objects.create(**identity | changes)

    def test_a_resource_is_unique_in_its_fabric(self):
        fabric, other = baker.make_recipe("tests.due_fabric", _quantity=2)
        self.resource(fabric=fabric)
        for change in ({"kind": "Switch"}, {"namespace": "x"}, {"name": "b"}, {"api_version": "v2"}, {"fabric": other}):
            self.resource(**{"fabric": fabric} | change)
        with pytest.raises(IntegrityError), transaction.atomic():
            self.resource(fabric=fabric, spec={"different": True}, source_path="elsewhere.yaml")


@pytest.mark.django_db
class TestDeletion:
    def test_a_repository_in_use_stays(self):
        fabric = baker.make_recipe("tests.due_fabric")
        with pytest.raises(models.ProtectedError):
            fabric.git_repository.delete()

    def test_a_fabric_takes_its_resources_and_history_along(self, now):
        fabric = baker.make_recipe("tests.due_fabric")
        baker.make(FabricResource, fabric=fabric, _quantity=2)
        baker.make(SyncRun, fabric=fabric, started_at=now)
        fabric.delete()
        assert not FabricResource.objects.exists()
        assert not SyncRun.objects.exists()
        assert GitRepository.objects.exists()


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("interval", "valid"),
    [(-(2**31), False), (-1, False), (0, True), (10 * YEAR_SECONDS, True), (10 * YEAR_SECONDS + 1, False)],
)
def test_the_interval_that_people_enter_is_none_or_at_most_ten_years(interval, valid):
    fabric = baker.make_recipe("tests.due_fabric")
    fabric.sync_interval = interval
    if valid:
        fabric.full_clean()
    else:
        with pytest.raises(ValidationError, match="sync_interval"):
            fabric.full_clean()


SECOND = timedelta(seconds=1)


@pytest.mark.parametrize(
    ("started", "expires", "expected"),
    [
        (None, None, Activity.IDLE),
        (None, SECOND, Activity.QUEUED),
        (None, timedelta(0), Activity.IDLE),
        (None, -SECOND, Activity.IDLE),
        (-SECOND, SECOND, Activity.SYNCING),
        (-SECOND, timedelta(microseconds=1), Activity.SYNCING),
        (-SECOND, timedelta(0), Activity.IDLE),
        (-SECOND, -SECOND, Activity.IDLE),
        (-SECOND, None, Activity.IDLE),
    ],
)
def test_activity_is_derived_from_the_claim_and_its_expiry(now, started, expires, expected):
    fabric = HedgehogFabric(
        claim_started_at=None if started is None else now + started,
        claim_expires_at=None if expires is None else now + expires,
    )
    assert fabric.activity(now) is expected


def test_every_index_names_what_it_serves():
    indexes = {index.name for model in CONTRACT for index in model._meta.indexes}
    assert {"fabric_due", "fabric_claim", "syncrun_newest", "syncrun_of_fabric", "schedulerrun_newest"} <= indexes


def test_no_index_has_a_column_that_changes_while_a_claim_lasts():
    """Otherwise every confirmation, begin and renewal writes into all indexes of the fabric's row."""
    indexed = " ".join(f"{index.fields} {index.condition}" for index in HedgehogFabric._meta.indexes)
    assert "has_claim" in indexed
    assert not [name for name in ("token", "worker", "started_at", "expires_at") if f"claim_{name}" in indexed]
