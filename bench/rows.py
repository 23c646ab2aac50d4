"""The fabrics that are measured, made by SQL in bulk."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any, Final

from django.db import connection
from django.db.models import Model

from netbox_hedgehog.celery import app
from netbox_hedgehog.models import FabricStatus, GitRepository, HedgehogFabric, SchedulerRun
from netbox_hedgehog.scheduling.claims import FREE

INTERVAL_SECONDS: Final = 300
FABRICS_PER_REPOSITORY: Final = 100

_TABLE: Final = HedgehogFabric._meta.db_table  # noqa: SLF001 - Django's documented model API


def fill(count: int) -> None:
    """Replace all fabrics by ``count`` active ones, copies of one but for name and repository."""
    HedgehogFabric.objects.all().delete()
    GitRepository.objects.all().delete()
    repositories = GitRepository.objects.bulk_create(
        GitRepository(name=f"repository-{number}", url=f"https://git.example.com/fabrics-{number}.git")
        for number in range(-(-count // FABRICS_PER_REPOSITORY))
    )
    pattern = HedgehogFabric.objects.create(
        name="fabric-0",
        status=FabricStatus.ACTIVE,
        sync_interval=INTERVAL_SECONDS,
        git_repository=repositories[0],
        desired_state_commit="c" * 40,
        desired_state_tree="7" * 40,
        synced_source="5" * 32,
    )
    copies(
        pattern,
        count - 1,
        {"name": "'fabric-' || n", "git_repository_id": f"{repositories[0].pk} + n / {FABRICS_PER_REPOSITORY}"},
    )


def copies(pattern: HedgehogFabric, count: int, differing: dict[str, str]) -> None:
    """Copy a fabric's row; ``differing`` columns have SQL expressions of n, which counts from one."""
    columns = written_columns(HedgehogFabric)
    with connection.cursor() as cursor:
        cursor.execute(
            f"INSERT INTO {_TABLE} ({', '.join(columns)})"
            f" SELECT {', '.join(differing.get(column, column) for column in columns)}"
            f" FROM {_TABLE} CROSS JOIN generate_series(1, %s) AS n WHERE {_TABLE}.id = %s",
            [count, pattern.pk],
        )


def written_columns(model: type[Model]) -> list[str]:
    """The columns of a row that a copy of it must be given."""
    fields = model._meta.concrete_fields  # noqa: SLF001
    return [field.column for field in fields if field.column and not field.primary_key and not field.generated]


def make_due(now: datetime, every: int) -> None:
    """Make each ``every``-th fabric overdue at ``now``, by up to one interval; the others are synced just now."""
    with connection.cursor() as cursor:
        cursor.execute(
            f"UPDATE {_TABLE} SET last_sync = CASE WHEN id %% %s = 0"
            f" THEN %s - (%s + id %% {INTERVAL_SECONDS}) * interval '1 second' ELSE %s END",
            [every, now, INTERVAL_SECONDS, now - timedelta(seconds=1)],
        )
    reset()


def reset() -> None:
    """Forget what the last run did: claims, messages, history, and the dead rows that autovacuum would clear."""
    HedgehogFabric.objects.exclude(claim_token=None).update(**FREE)
    SchedulerRun.objects.all().delete()
    with connection.cursor() as cursor:
        cursor.execute(f"VACUUM ANALYZE {_TABLE}")
    with app.connection_for_write() as broker:
        channel: Any = broker.default_channel
        channel.client.flushdb()
