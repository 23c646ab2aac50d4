from __future__ import annotations

import os

import pytest
from django.db import transaction

from netbox_hedgehog.git import mirror_at
from netbox_hedgehog.git.storage import link_of
from netbox_hedgehog.models import GitRepository
from netbox_hedgehog.sync.run import run_sync
from netbox_hedgehog.sync.source import mirror_root, source_at
from netbox_hedgehog.tasks import prune_history
from tests.support.remote import document

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def repository(remote) -> GitRepository:
    """One whose fabric was synced, and then deleted."""
    remote.commit({"a.yaml": document("leaf-1")})
    fabric = remote.fabric(git_repository__password="first")
    run_sync(fabric.pk, worker="test")
    fabric.delete()
    return fabric.git_repository


def mirrors() -> int:
    return len(list(mirror_root().glob("*.git")))


def test_a_deleted_repositorys_mirror_is_deleted_on_commit(repository):
    with transaction.atomic():
        repository.delete()
        assert mirrors() == 1
    assert mirrors() == 0


@pytest.mark.parametrize(
    "change", [{"url": "https://git.example.com/other.git"}, {"username": "other"}, {"password": "second"}]
)
def test_that_of_a_former_url_or_credential_is_deleted_on_commit(repository, change):
    vars(repository).update(change)
    with transaction.atomic():
        repository.save()
        assert mirrors() == 1
    assert mirrors() == 0


def test_a_change_that_is_taken_back_deletes_nothing(repository):
    with transaction.atomic():
        repository.delete()
        transaction.set_rollback(True)
    assert mirrors() == 1


@pytest.mark.parametrize("change", [{}, {"name": "other"}, {"branch": "lab"}])
def test_any_other_change_leaves_it(repository, change):
    vars(repository).update(change)
    repository.save()
    assert mirrors() == 1


def test_one_that_another_repository_uses_as_well_stays(repository):
    twin = GitRepository.objects.create(name="twin", url=repository.url, branch="lab", password="first")
    repository.delete()
    assert mirrors() == 1
    twin.delete()
    assert mirrors() == 0


def test_whoever_reads_it_may_finish(repository, remote):
    source = source_at(repository)
    head = remote.commit({"b.yaml": "b"})
    with mirror_at(mirror_root(), source, head) as mirror:
        repository.delete()
        assert not link_of(mirror_root(), source).exists()
        assert mirror[head].tree["b.yaml"].data == b"b"


def test_a_credential_that_cannot_be_decrypted_keeps_nobody_from_deleting(repository, settings):
    settings.HEDGEHOG_ENCRYPTION_KEYS = ["another key, and a long one, of this installation"]
    GitRepository.objects.get().delete()
    assert not GitRepository.objects.exists()


def test_a_machine_without_mirrors_makes_no_place_for_them(settings, tmp_path):
    settings.DATA_DIR = tmp_path
    GitRepository.objects.create(name="one", url="https://git.example.com/one.git").delete()
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(("days_unused", "left"), [(29, 1), (31, 0)])
def test_the_scheduled_pruning_deletes_those_of_its_machine_that_nobody_used(repository, days_unused, left):
    root = mirror_root()
    used = (root / "tidy.lock").stat().st_mtime - days_unused * 86_400
    os.utime(link_of(root, source_at(repository)), (used, used))
    (root / "tidy.lock").unlink()
    assert prune_history()["status"] == "completed"
    assert mirrors() == left
