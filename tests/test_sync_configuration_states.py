"""Every state of a fabric's configuration: whether the schedule syncs it, why not, and that an edit counts at once."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import datetime, timedelta
from itertools import product
from typing import Any

import pytest
from django.core import serializers
from django.core.exceptions import ValidationError
from django.db import connection
from model_bakery import baker

from netbox_hedgehog.conf import YEAR_SECONDS
from netbox_hedgehog.models import FabricStatus, GitRepository, HedgehogFabric
from netbox_hedgehog.scheduling.tick import run_tick
from tests.baker_recipes import INTERVAL, NOW

pytestmark = pytest.mark.django_db

MICROSECOND = timedelta(microseconds=1)


def sent_at(now: datetime) -> list[int]:
    """Whom a tick at ``now`` sends; the tick takes its claims back, so that each question is asked afresh."""
    sent: list[int] = []

    def dispatch(fabric_id: int) -> None:
        sent.append(fabric_id)
        raise InterruptedError

    run_tick(now, dispatch)
    return sent


def is_sent(fabric: HedgehogFabric, now: datetime = NOW) -> bool:
    return fabric.pk in sent_at(now)


@pytest.mark.parametrize(
    ("status", "enabled", "interval"), list(product(FabricStatus.values, [True, False], [300, 1, 0, -1, -300]))
)
def test_only_an_active_enabled_fabric_with_a_positive_interval_is_sent(status, enabled, interval):
    fabric = baker.make_recipe("tests.never_synced_fabric", status=status, sync_enabled=enabled, sync_interval=interval)
    assert is_sent(fabric) == (status == "active" and enabled and interval > 0)


@pytest.mark.parametrize(
    ("last_sync", "sent"),
    [
        pytest.param(None, True, id="never synced"),
        pytest.param(NOW - INTERVAL + MICROSECOND, False, id="a microsecond too early"),
        pytest.param(NOW - INTERVAL, True, id="exactly at its time"),
        pytest.param(NOW - INTERVAL - MICROSECOND, True, id="a microsecond late"),
        pytest.param(NOW - timedelta(days=3650), True, id="ten years ago"),
        pytest.param(datetime.min.replace(tzinfo=NOW.tzinfo) + timedelta(days=1), True, id="at the beginning of time"),
        pytest.param(NOW, False, id="just now"),
        pytest.param(NOW + timedelta(days=1), False, id="in the future"),
        pytest.param(datetime.max.replace(tzinfo=NOW.tzinfo), False, id="at the end of time"),
    ],
)
def test_it_is_sent_from_its_last_sync_plus_its_interval_on(last_sync, sent):
    fabric = baker.make_recipe("tests.due_fabric", sync_interval=int(INTERVAL.total_seconds()), last_sync=last_sync)
    assert is_sent(fabric) == sent


@pytest.mark.parametrize("interval", [1, 59, 60, 3600, 86_400, YEAR_SECONDS, 10 * YEAR_SECONDS, 2**31 - 1])
def test_its_own_interval_decides_to_the_microsecond(interval):
    last_sync = NOW - timedelta(days=1)
    fabric = baker.make_recipe("tests.due_fabric", sync_interval=interval, last_sync=last_sync)
    due_at = last_sync + timedelta(seconds=interval)
    assert not is_sent(fabric, due_at - MICROSECOND)
    assert is_sent(fabric, due_at)


@pytest.mark.parametrize(
    ("source", "sent", "skipped"),
    [
        pytest.param({}, True, {}, id="a repository with a URL"),
        pytest.param({"git_repository": None}, False, {"no_source": 1}, id="no repository"),
        pytest.param({"git_repository__url": ""}, False, {"no_source": 1}, id="a repository without a URL"),
    ],
)
def test_a_fabric_without_a_usable_source_is_skipped_and_counted(source, sent, skipped):
    baker.make_recipe("tests.due_fabric", **source)
    summary = run_tick(NOW, lambda _: None)
    assert (summary.syncs_triggered, summary.syncs_skipped) == (sent, skipped)


def test_a_fabric_without_a_source_that_is_not_yet_due_is_not_complained_about():
    baker.make_recipe("tests.idle_fabric", git_repository=None)
    assert run_tick(NOW, pytest.fail).syncs_skipped == {}


@pytest.mark.parametrize(
    ("recipe", "reason"),
    [
        ("sourceless_fabric", "no_source"),
        ("claimed_fabric", "claimed"),
        ("running_fabric", "claimed"),
        ("backing_off_fabric", "backing_off"),
    ],
)
def test_the_summary_says_why_a_fabric_whose_time_has_come_is_not_sent(recipe, reason):
    baker.make_recipe(f"tests.{recipe}")
    assert run_tick(NOW, pytest.fail).syncs_skipped == {reason: 1}


@pytest.mark.parametrize("recipe", ["idle_fabric", "disabled_fabric", "planned_fabric"])
def test_a_fabric_whose_time_has_not_come_needs_no_reason(recipe):
    baker.make_recipe(f"tests.{recipe}")
    assert run_tick(NOW, pytest.fail).syncs_skipped == {}


def test_a_fabric_with_several_reasons_counts_once():
    baker.make_recipe("tests.claimed_fabric", git_repository=None, retry_at=NOW + INTERVAL)
    assert run_tick(NOW, pytest.fail).syncs_skipped == {"no_source": 1}


def test_a_new_fabric_waits_until_somebody_activates_it():
    assert HedgehogFabric(name="new").status == "planned"


@pytest.mark.parametrize("interval", [10 * YEAR_SECONDS + 1, 2**31])
def test_an_interval_beyond_ten_years_is_refused_in_forms(interval):
    fabric = baker.prepare_recipe("tests.due_fabric", sync_interval=interval, git_repository=None)
    with pytest.raises(ValidationError, match="sync_interval"):
        fabric.full_clean()


# --- An edit by any path counts at the next tick


def by_form(fabric: HedgehogFabric, **fields: Any) -> None:
    """As the admin saves: the whole row, validated."""
    for name, value in fields.items():
        setattr(fabric, name, value)
    fabric.full_clean()
    fabric.save()


def by_bulk_update(fabric: HedgehogFabric, **fields: Any) -> None:
    HedgehogFabric.objects.filter(pk=fabric.pk).update(**fields)


def by_sql(fabric: HedgehogFabric, **fields: Any) -> None:
    columns = ", ".join(f"{name} = %s" for name in fields)
    with connection.cursor() as cursor:
        cursor.execute(
            f"UPDATE netbox_hedgehog_hedgehogfabric SET {columns} WHERE id = %s", [*fields.values(), fabric.pk]
        )


def by_fixture(fabric: HedgehogFabric, **fields: Any) -> None:
    (row,) = json.loads(serializers.serialize("json", [fabric]))
    row["fields"] |= fields
    for loaded in serializers.deserialize("json", json.dumps([row])):
        loaded.save()


@pytest.fixture(params=[by_form, by_bulk_update, by_sql, by_fixture], ids=lambda way: way.__name__)
def edit(request) -> Callable[..., None]:
    return request.param


@pytest.mark.parametrize("change", [{"sync_enabled": False}, {"status": "maintenance"}, {"sync_interval": 0}])
def test_what_leaves_the_schedule_is_not_sent_by_the_next_tick(edit, change):
    fabric = baker.make_recipe("tests.due_fabric")
    assert is_sent(fabric)
    edit(fabric, **change)
    assert not is_sent(fabric)


@pytest.mark.parametrize(
    ("recipe", "change"),
    [
        ("disabled_fabric", {"sync_enabled": True}),
        ("planned_fabric", {"status": "active"}),
        ("idle_fabric", {"sync_interval": 60}),
        ("idle_fabric", {"last_sync": None}),
    ],
)
def test_what_joins_the_schedule_is_sent_by_the_next_tick(edit, recipe, change):
    fabric = baker.make_recipe(f"tests.{recipe}")
    assert not is_sent(fabric)
    edit(fabric, **change)
    assert is_sent(fabric)


def test_an_interval_that_grows_delays_what_was_due(edit):
    fabric = baker.make_recipe("tests.due_fabric")
    edit(fabric, sync_interval=3600)
    assert not is_sent(fabric)


# --- A back-off lasts as long as what failed stays as it is


def test_a_back_off_lasts_until_its_time_and_not_longer():
    fabric = baker.make_recipe("tests.backing_off_fabric")
    assert not is_sent(fabric, fabric.retry_at - MICROSECOND)
    assert is_sent(fabric, fabric.retry_at)


def test_a_changed_directory_ends_a_back_off(edit):
    fabric = baker.make_recipe("tests.backing_off_fabric")
    assert not is_sent(fabric)
    edit(fabric, gitops_directory="/corrected")
    assert is_sent(fabric)


@pytest.mark.parametrize(
    "change",
    [
        {"url": "https://git.example.com/corrected.git"},
        {"branch": "release"},
        {"username": "robot"},
        {"password": "a new token"},
        {"ssh_private_key": "a new key"},
        {"ssh_key_passphrase": "a new passphrase"},
        {"ssh_known_hosts": "git.example.com ssh-ed25519 AAAA"},
        {"ca_certificates": "-----BEGIN CERTIFICATE-----"},
        {"proxy_url": "http://proxy.example.com:3128"},
        {"proxy_username": "robot"},
        {"proxy_password": "a new password"},
        {"password_reference": "env:HEDGEHOG_CREDENTIAL_CORE"},
        {"ssh_private_key_reference": "file:core"},
        {"ssh_key_passphrase_reference": "file:core-phrase"},
        {"proxy_password_reference": "file:proxy"},
    ],
    ids=lambda change: next(iter(change)),
)
@pytest.mark.parametrize("in_bulk", [False, True], ids=["saved", "bulk update"])
def test_a_corrected_repository_ends_the_back_off_of_its_fabrics(change, in_bulk):
    fabric = baker.make_recipe("tests.backing_off_fabric")
    repository = fabric.git_repository
    if in_bulk:
        GitRepository.objects.filter(pk=repository.pk).update(**change)
    else:
        for name, value in change.items():
            setattr(repository, name, value)
        repository.save()
    assert is_sent(fabric)


def test_another_repository_ends_a_back_off(edit):
    fabric = baker.make_recipe("tests.backing_off_fabric")
    column = "git_repository_id" if edit in {by_sql, by_bulk_update, by_form} else "git_repository"
    edit(fabric, **{column: baker.make_recipe("tests.repository").pk})
    assert is_sent(fabric)


@pytest.mark.parametrize("change", [{"description": "noted"}, {"name": "renamed"}, {"sync_interval": 1}])
def test_an_edit_that_mends_nothing_leaves_a_back_off(edit, change):
    fabric = baker.make_recipe("tests.backing_off_fabric")
    edit(fabric, **change)
    assert not is_sent(fabric)


def test_saving_a_repository_as_it_is_leaves_a_back_off():
    fabric = baker.make_recipe("tests.backing_off_fabric", git_repository__password="a token")
    GitRepository.objects.get(pk=fabric.git_repository_id).save()
    assert not is_sent(fabric)


def test_the_back_off_of_one_fabric_does_not_hold_another_of_the_same_repository():
    waiting = baker.make_recipe("tests.backing_off_fabric")
    other = baker.make_recipe("tests.due_fabric", git_repository=waiting.git_repository)
    assert sent_at(NOW) == [other.pk]
