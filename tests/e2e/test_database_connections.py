"""A worker keeps its connection to the database from task to task, and replaces one that broke."""

from __future__ import annotations

import pytest
from django.db import connection

from netbox_hedgehog.models import HedgehogFabric, SyncRun
from netbox_hedgehog.tasks import git_sync_fabric
from tests.e2e.conftest import PATIENCE_SECONDS

pytestmark = pytest.mark.e2e


def others() -> set[int]:
    """The processes of PostgreSQL that serve other connections to this database than the test's."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
            " AND backend_type = 'client backend'"
        )
        return {pid for (pid,) in cursor.fetchall()}


def sync(fabric: HedgehogFabric) -> str:
    return git_sync_fabric.delay(fabric.pk).get(timeout=PATIENCE_SECONDS)["status"]


def test_a_worker_keeps_its_connection_from_task_to_task_and_replaces_one_that_broke(system, fabric):
    if connection.vendor != "postgresql":
        pytest.skip("SQLite has no connections to keep")
    before = others()
    system.worker(concurrency=1)
    assert sync(fabric) == "succeeded"
    (kept,) = others() - before
    assert sync(fabric) == "unchanged"
    assert others() - before == {kept}

    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_terminate_backend(%s, 5000)", [kept])
    assert sync(fabric) == "unchanged"
    assert kept not in others()
    assert SyncRun.objects.exclude(status__in=("succeeded", "unchanged")).count() == 0
