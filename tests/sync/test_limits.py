"""Each limit of the Git engine, as an operator meets it: a failed sync with a code, and a disk without debris."""

from __future__ import annotations

import random

import pytest

from netbox_hedgehog.models import FabricResource
from netbox_hedgehog.sync.run import run_sync
from netbox_hedgehog.sync.source import mirror_root
from tests.support.git_server import commit_files
from tests.support.remote import document

pytestmark = pytest.mark.django_db

BIG = random.Random(1).randbytes(200_000)


@pytest.mark.parametrize(
    ("setting", "limit", "code"),
    [
        ("GIT_MAX_FETCH_BYTES", 100_000, "git.too_large"),
        ("GIT_MAX_OBJECTS", 2, "git.too_many_objects"),
        ("GIT_MAX_FILE_BYTES", 1024, "git.file_too_large"),
        ("GIT_MAX_FILES", 2, "git.too_many_files"),
        ("GIT_MIN_FREE_BYTES", 2**60, "git.disk_full"),
    ],
)
def test_each_limit_ends_a_sync_with_its_own_error_and_leaves_nothing(remote, settings, setting, limit, code):
    texts = {f"{number}.yaml": document(f"leaf-{number}", note="x" * 2000) for number in range(3)}
    commit_files(remote.path, {name: text.encode() for name, text in texts.items()} | {"big.bin": BIG}, "all")
    fabric = remote.fabric()
    usual = getattr(settings, f"HEDGEHOG_{setting}", None)
    setattr(settings, f"HEDGEHOG_{setting}", limit)
    assert run_sync(fabric.pk, worker="test")["error"]["code"] == code
    assert not FabricResource.objects.exists()
    assert not [path for path in mirror_root().rglob("*") if "unfinished" in path.name or path.name.startswith("pack_")]
    links = [path for path in mirror_root().iterdir() if path.is_symlink()]
    directories = [path for path in mirror_root().iterdir() if path.is_dir() and path.name != "heads"]
    assert len(links) * 2 == len(directories)  # each mirror is a link to a directory, and nothing else lies about
    if usual is None:
        delattr(settings, f"HEDGEHOG_{setting}")
    else:
        setattr(settings, f"HEDGEHOG_{setting}", usual)
    assert run_sync(fabric.pk, worker="test")["status"] == "succeeded"
