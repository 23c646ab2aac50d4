"""A fleet to measure: repositories that change, fabrics as they are after their first sync, and the real processes."""

from __future__ import annotations

import os
import random
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, Any, Final

import pygit2
from django.core.cache import cache
from django.db import connection
from django.db.models import Count
from django_celery_beat.models import PeriodicTask

from bench import repository, usage
from bench.environment import INTERVAL_SECONDS
from bench.rows import copies, written_columns
from netbox_hedgehog.celery import app
from netbox_hedgehog.local import services
from netbox_hedgehog.local.supervisor import Service
from netbox_hedgehog.models import FabricResource, FabricStatus, GitRepository, HedgehogFabric, SchedulerRun, SyncRun
from netbox_hedgehog.pulse import workers_seen
from netbox_hedgehog.scheduling.due import source_fingerprint
from netbox_hedgehog.sync.policy import policy_of
from netbox_hedgehog.sync.reading import reading_rules
from netbox_hedgehog.sync.run import run_sync
from tests.support.git_server import commit_files

_FILES: Final = 2
_CHANGED_FILE: Final = repository.leaf_path(0)
_FABRICS: Final = HedgehogFabric._meta.db_table  # noqa: SLF001 - Django's documented model API
_REPOSITORIES: Final = GitRepository._meta.db_table  # noqa: SLF001
_RESOURCES: Final = FabricResource._meta.db_table  # noqa: SLF001
_START_SECONDS: Final = 60
_PATIENCE_SECONDS: Final = 600


class Repositories:
    """Bare repositories below ``root``, each with the directories of ``fabrics_each`` fabrics, all alike at first."""

    def __init__(self, root: Path, count: int, fabrics_each: int) -> None:
        self._root = root
        self._fabrics_each = fabrics_each
        self._revisions: dict[tuple[int, int], int] = {}
        self._count = count
        files = repository.files(_FILES)
        first = root / name_of(0)
        commit_files(
            first,
            {f"{directory_of(n)}/{path}": data for n in range(fabrics_each) for path, data in files.items()},
            "the beginning",
        )
        for number in range(1, count):
            shutil.copytree(first, root / name_of(number))

    def change_some(self, count: int) -> None:
        """Commit to ``count`` fabrics, or a few less: one may be met twice."""
        chance = random.Random(2)
        for _ in range(count):
            self.change_one(chance)

    def change_one(self, chance: random.Random) -> None:
        """Commit another VLAN, label and description to some fabric."""
        number, fabric = chance.randrange(self._count), chance.randrange(self._fabrics_each)
        revision = self._revisions.get((number, fabric), 0) + 1
        self._revisions[number, fabric] = revision
        bare = pygit2.Repository(str(self._root / name_of(number)))
        root = bare.references["refs/heads/main"].peel(pygit2.Tree)
        path = f"{directory_of(fabric)}/{_CHANGED_FILE}"
        tree = _with_file(bare, root, path.split("/"), bare.create_blob(repository.leaf_file(0, revision)))
        who = pygit2.Signature("Bench", "bench@example.com")
        bare.create_commit("refs/heads/main", who, who, "a change", tree, [bare.references["refs/heads/main"].target])


def _with_file(bare: pygit2.Repository, tree: pygit2.Tree, path: list[str], blob: pygit2.Oid) -> pygit2.Oid:
    """The tree with another file in it; an index of the whole repository would take ten times as long."""
    name, *below = path
    builder = bare.TreeBuilder(tree)
    if below:
        inner = bare[tree[name].id].peel(pygit2.Tree)
        builder.insert(name, _with_file(bare, inner, below, blob), pygit2.enums.FileMode.TREE)
    else:
        builder.insert(name, blob, pygit2.enums.FileMode.BLOB)
    return builder.write()


def name_of(number: int) -> str:
    """The name of a repository's directory, and the end of its URL."""
    return f"repository-{number:04}.git"


def directory_of(number: int) -> str:
    """The directory of one of a repository's fabrics."""
    return f"fabric-{number:04}"


def fill(base_url: str, repositories: int, fabrics_each: int) -> None:
    """Rows of all fabrics and their resources as a first sync leaves them: one is synced, the others are copies."""
    clear()
    rows = GitRepository.objects.bulk_create(
        GitRepository(name=name_of(number), url=base_url + name_of(number)) for number in range(repositories)
    )
    pattern = HedgehogFabric.objects.create(
        name="fabric-0",
        status=FabricStatus.ACTIVE,
        sync_interval=INTERVAL_SECONDS,
        git_repository=rows[0],
        gitops_directory=f"/{directory_of(0)}",
    )
    result = run_sync(pattern.pk, worker="bench")
    if result["status"] != "succeeded":
        raise RuntimeError(result)
    copies(
        pattern,
        repositories * fabrics_each - 1,
        {
            "name": "'fabric-' || n",
            "git_repository_id": f"{rows[0].pk} + n %% {repositories}",
            "gitops_directory": f"'/fabric-' || lpad((n / {repositories})::text, 4, '0')",
        },
    )
    _copy_resources(pattern)
    _note_sources()
    with connection.cursor() as cursor:
        cursor.execute(f"VACUUM FULL ANALYZE {_FABRICS}")
        cursor.execute(f"VACUUM ANALYZE {_RESOURCES}")


def clear() -> None:
    """Leave nothing of a fleet before."""
    with connection.cursor() as cursor:
        # Also what others' tables keep of the repositories: the peers of a sync have theirs.
        cursor.execute(f"TRUNCATE {_FABRICS}, {_REPOSITORIES}, {SchedulerRun._meta.db_table} CASCADE")  # noqa: SLF001
    cache.clear()
    with app.connection_for_write() as broker:
        channel: Any = broker.default_channel
        channel.client.flushdb()


def _copy_resources(pattern: HedgehogFabric) -> None:
    columns = written_columns(FabricResource)
    differing = {
        "fabric_id": "fabric.id",
        "source_path": f"replace(source_path, '{directory_of(0)}/', substr(fabric.gitops_directory, 2) || '/')",
    }
    with connection.cursor() as cursor:
        cursor.execute(
            f"INSERT INTO {_RESOURCES} ({', '.join(columns)})"
            f" SELECT {', '.join(differing.get(column, f'{_RESOURCES}.{column}') for column in columns)}"
            f" FROM {_RESOURCES} CROSS JOIN {_FABRICS} AS fabric"
            f" WHERE {_RESOURCES}.fabric_id = %s AND fabric.id <> %s",
            [pattern.pk, pattern.pk],
        )


def _note_sources() -> None:
    """Of which source, read by which rules, each fabric's resources are: a digest that only Python computes."""
    fabrics = HedgehogFabric.objects.select_related("git_repository").annotate(source=source_fingerprint())
    sources = list(fabrics.values_list("pk", "source"))
    rules = policy_of(HedgehogFabric(), datetime.now(UTC)).rules
    with connection.cursor() as cursor:
        cursor.execute("CREATE TEMP TABLE bench_source (id bigint primary key, digest text)")
        with cursor.copy("COPY bench_source FROM STDIN") as copy:
            for pk, source in sources:
                copy.write_row((pk, reading_rules(source, rules)))
        cursor.execute(
            f"UPDATE {_FABRICS} AS fabric SET synced_source = bench_source.digest FROM bench_source"
            " WHERE bench_source.id = fabric.id"
        )
        cursor.execute("DROP TABLE bench_source")


def spread_due_times(now: datetime) -> None:
    """As if each fabric had last been synced at a time of its own within the interval before ``now``."""
    with connection.cursor() as cursor:
        cursor.execute(
            f"UPDATE {_FABRICS} SET last_sync = %s - ((id * 7919) %% 300000) * interval '1 millisecond'",
            [now],
        )
        cursor.execute(f"VACUUM ANALYZE {_FABRICS}")


def note_starts() -> None:
    """Have the database note of each successful sync when it was due and when it began: nobody else ever knows both.

    A fabric that another's sync found unchanged began when that was written.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            "CREATE UNLOGGED TABLE IF NOT EXISTS bench_start (due_at bigint, started_at timestamptz);"
            "CREATE OR REPLACE FUNCTION bench_note_start() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN"
            " INSERT INTO bench_start VALUES (OLD.due_at, coalesce(OLD.claim_started_at, clock_timestamp()));"
            " RETURN NULL; END $$;"
            f"CREATE OR REPLACE TRIGGER bench_start AFTER UPDATE OF last_sync ON {_FABRICS} FOR EACH ROW"
            " WHEN (OLD.claim_token IS NOT NULL) EXECUTE FUNCTION bench_note_start();"
            "TRUNCATE bench_start"
        )


@dataclass(frozen=True)
class Processes:
    """The process ids of the running parts."""

    worker: int
    beat: int
    postgresql: int
    valkey: int
    git_server: int

    def resident_mib(self) -> dict[str, float]:
        """Resident memory of beat, the worker and each process of its pool, shared pages included."""
        mib = {"beat": usage.rss_mib(self.beat), "worker": usage.rss_mib(self.worker)}
        pool = sorted(usage.descendants(self.worker))
        return mib | {f"pool process {number}": usage.rss_mib(pid) for number, pid in enumerate(pool, 1)}


@contextmanager
def running(concurrency: int, logs: Path, git_server: int) -> Iterator[Processes]:
    """A worker and beat, started as ``netbox-hedgehog run`` starts them and ready to work; a tick is a minute away."""
    logs.mkdir(exist_ok=True)
    PeriodicTask.objects.update(last_run_at=datetime.now(UTC), total_run_count=0)
    with ExitStack() as stack:
        worker = _started(stack, services.worker(concurrency), logs / "worker.log")
        _await(lambda: bool(workers_seen()), "the worker has not started")
        # A worker tells of itself before its pool is there.
        _await(lambda: len(usage.descendants(worker)) >= concurrency, "the worker's pool has not started")
        spread_due_times(datetime.now(UTC))
        PeriodicTask.objects.update(last_run_at=datetime.now(UTC))
        beat = _started(stack, services.beat(), logs / "beat.log")
        yield Processes(worker, beat, _postgresql(), _valkey(), git_server)


def _started(stack: ExitStack, service: Service, log: Path) -> int:
    output: IO[bytes] = stack.enter_context(log.open("ab"))
    # What the benchmark keeps quiet for itself speaks here as it does in production.
    environment = {name: value for name, value in os.environ.items() if name != "HEDGEHOG_LOG_LEVEL"}
    process = subprocess.Popen(service.command, stdout=output, stderr=output, env=environment)
    stack.callback(_end, process)
    return process.pid


def _end(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(20)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def await_syncs(wanted: int) -> None:
    """Wait until the history has so many."""
    _await(lambda: SyncRun.objects.count() >= wanted, f"the worker has not done {wanted} syncs", _PATIENCE_SECONDS)


def _await(there: Callable[[], bool], else_: str, seconds: float = _START_SECONDS) -> None:
    deadline = time.monotonic() + seconds
    while not there():
        if time.monotonic() > deadline:
            raise RuntimeError(f"{else_} within {seconds:.0f} s: see its log")
        time.sleep(0.2)


def _postgresql() -> int:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_read_file('postmaster.pid')")
        return int(cursor.fetchone()[0].splitlines()[0])


def _valkey() -> int:
    with app.connection_for_write() as broker:
        channel: Any = broker.default_channel
        return int(channel.client.info("server")["process_id"])


def count_runs(since: datetime, until: datetime) -> dict[str, int]:
    """How many syncs began in that time, by status."""
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT status, count(*) FROM {SyncRun._meta.db_table}"  # noqa: SLF001
            " WHERE started_at >= %s AND started_at < %s GROUP BY status",
            [since, until],
        )
        return dict(cursor.fetchall())


def count_errors(since: datetime, until: datetime) -> dict[str, int]:
    """How many syncs that began in that time failed, by the code of what failed."""
    runs = SyncRun.objects.filter(started_at__gte=since, started_at__lt=until).exclude(error_code="")
    return dict(runs.values_list("error_code").annotate(Count("pk")).order_by("error_code"))
