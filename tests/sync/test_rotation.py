from __future__ import annotations

import shutil

import pytest
from model_bakery import baker

from netbox_hedgehog.models import Decision, GitRepository, HeldChange
from netbox_hedgehog.scheduling.due import due
from netbox_hedgehog.sync.rotation import SECRET_COLUMNS, Rotation, rotate
from netbox_hedgehog.sync.run import run_sync
from netbox_hedgehog.sync.source import mirror_root
from tests.baker_recipes import NOW
from tests.support.remote import document

pytestmark = pytest.mark.django_db

OLD, NEW, OTHER = ("a former key of at least 32 characters", "the new key of at least 32 characters", "another " * 5)


@pytest.fixture
def repositories(settings):
    settings.HEDGEHOG_ENCRYPTION_KEYS = [OLD]
    made = [
        baker.make_recipe("tests.repository", **{name: f"{name} of {number}" for name in SECRET_COLUMNS})
        for number in range(5)
    ]
    settings.HEDGEHOG_ENCRYPTION_KEYS = [NEW, OLD]
    return made


def rotated(**options):
    return sum(rotate(**options), Rotation())


def test_afterwards_the_new_key_alone_reads_every_secret(repositories, settings):
    assert rotated(batch_size=2) == Rotation(renewed=5 * len(SECRET_COLUMNS))
    settings.HEDGEHOG_ENCRYPTION_KEYS = [NEW]
    for number, repository in enumerate(repositories):
        repository.refresh_from_db()
        assert [getattr(repository, name).reveal() for name in SECRET_COLUMNS] == [
            f"{name} of {number}" for name in SECRET_COLUMNS
        ]


def test_every_column_with_a_secret_is_one_of_them():
    assert {"password", "ssh_private_key", "ssh_key_passphrase", "proxy_password"} <= set(SECRET_COLUMNS)


def test_a_second_time_changes_nothing(repositories):
    rotated()
    before = list(GitRepository.objects.order_by("pk").values())
    assert rotated() == Rotation(current=5 * len(SECRET_COLUMNS))
    assert list(GitRepository.objects.order_by("pk").values()) == before


def test_stopped_in_the_middle_it_goes_on_where_it_was(repositories):
    next(rotate(batch_size=2))
    assert rotated() == Rotation(renewed=3 * len(SECRET_COLUMNS), current=2 * len(SECRET_COLUMNS))


def test_counting_alone_changes_nothing(repositories):
    before = list(GitRepository.objects.order_by("pk").values())
    assert rotated(dry_run=True).renewed == 5 * len(SECRET_COLUMNS)
    assert list(GitRepository.objects.order_by("pk").values()) == before


def test_what_no_key_reads_is_named_and_left_alone(repositories, settings):
    settings.HEDGEHOG_ENCRYPTION_KEYS = [OTHER]
    repositories[1].password = "of another installation"
    repositories[1].save()
    settings.HEDGEHOG_ENCRYPTION_KEYS = [NEW, OLD]
    result = rotated()
    assert result.unreadable == (f"{repositories[1]}: password",)
    assert result.renewed == 5 * len(SECRET_COLUMNS) - 1


class TestWhatDependsOnTheSource:
    def test_a_fabric_that_backs_off_goes_on_doing_so(self, repositories):
        fabric = baker.make_recipe("tests.backing_off_fabric", git_repository=repositories[0])
        assert not due(NOW).filter(pk=fabric.pk)
        rotated()
        assert not due(NOW).filter(pk=fabric.pk)

    def test_nothing_is_fetched_or_read_again(self, remote, settings):
        settings.HEDGEHOG_ENCRYPTION_KEYS = [OLD]
        remote.commit({"a.yaml": document("a")})
        fabric = remote.fabric(git_repository__password="hunter2")
        assert run_sync(fabric.pk, worker="here")["status"] == "succeeded"
        fetches = remote.server.fetches
        shutil.rmtree(mirror_root())
        settings.HEDGEHOG_ENCRYPTION_KEYS = [NEW, OLD]
        assert rotated().renewed == 1
        assert run_sync(fabric.pk, worker="here")["status"] == "unchanged"
        assert remote.server.fetches == fetches

    def test_nor_for_fabrics_that_read_the_same_directory_in_different_ways(self, remote, settings):
        settings.HEDGEHOG_ENCRYPTION_KEYS = [OLD]
        remote.commit({"a.yaml": document("a")})
        first = remote.fabric(git_repository__password="hunter2")
        second = remote.fabric(git_repository=first.git_repository, foreign_documents="warn", default_namespace="lab")
        for fabric in (first, second):
            run_sync(fabric.pk, worker="here")
        shutil.rmtree(mirror_root())
        settings.HEDGEHOG_ENCRYPTION_KEYS = [NEW, OLD]
        fetches = remote.server.fetches
        rotated()
        assert {run_sync(fabric.pk, worker="here")["status"] for fabric in (first, second)} == {"unchanged"}
        assert remote.server.fetches == fetches

    def test_a_decision_about_a_held_change_stays(self, remote, settings):
        settings.HEDGEHOG_ENCRYPTION_KEYS = [OLD]
        remote.commit({f"{n}.yaml": document(f"s{n}") for n in range(8)})
        fabric = remote.fabric(git_repository__password="hunter2")
        run_sync(fabric.pk, worker="here")
        remote.commit({f"{n}.yaml": None for n in range(6)})
        assert run_sync(fabric.pk, worker="here")["status"] == "held"
        HeldChange.objects.update(decision=Decision.REJECTED)
        settings.HEDGEHOG_ENCRYPTION_KEYS = [NEW, OLD]
        rotated()
        assert run_sync(fabric.pk, worker="here")["status"] == "held"
        assert HeldChange.objects.get().decision == Decision.REJECTED
