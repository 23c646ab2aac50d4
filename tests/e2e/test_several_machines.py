"""The same promises on each pair of database and broker, with workers that share nothing else."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import redis
from django.conf import settings
from django.db.models import F
from django.utils import timezone
from django_celery_beat.models import IntervalSchedule, PeriodicTask

from netbox_hedgehog.models import (
    FabricResource,
    FabricStatus,
    GitRepository,
    HedgehogFabric,
    RunStatus,
    SchedulerRun,
    SyncRun,
)
from tests.e2e.conftest import Process, System, switch
from tests.support import rabbitmq
from tests.support.databases import as_default, migrate_fully, postgresql, sqlite
from tests.support.git_server import GitServer, commit_files, hang, tcp_server
from tests.support.waiting import eventually

pytestmark = pytest.mark.e2e

ON_POSTGRESQL = "postgresql" in settings.DATABASES["default"]["ENGINE"]
PAIRS = [
    pytest.param((database, broker), id=f"{database}-{broker}")
    for database in (("postgresql", "sqlite") if ON_POSTGRESQL else ("sqlite",))
    for broker in ("valkey", "rabbitmq")
]
FABRICS = 6


class Fleet:
    """Hosts with a directory each, one database and one broker."""

    def __init__(self, directory: Path, environment: dict[str, str]) -> None:
        self.directory = directory
        self.environment = environment
        self.hosts: list[System] = []

    def host(self, name: str, **environment: str) -> System:
        """Another machine: of the others' it sees nothing but database and broker."""
        made = System(self.directory / name)
        made.environment |= self.environment | environment
        self.hosts.append(made)
        return made

    def worker(self, name: str, **environment: str) -> Process:
        host = self.host(name, **environment)
        return host.start(f"worker of {name}", "worker", "-n", f"worker@{name}", "--concurrency=1", "--loglevel=INFO")

    def command(self, *arguments: str, **environment: str) -> str:
        """What a command says that runs on a host of its own."""
        host = self.host("elsewhere", **environment)
        command = [sys.executable, "-m", "netbox_hedgehog", *arguments]
        return subprocess.run(
            command, env=host.environment, capture_output=True, text=True, check=True, timeout=100
        ).stdout

    def stop(self) -> None:
        for host in self.hosts:
            host.stop()


@pytest.fixture(scope="session")
def amqp(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    if rabbitmq.binary() is None:
        pytest.skip("rabbitmq-server is not installed")
    with rabbitmq.rabbitmq(tmp_path_factory.mktemp("rabbitmq") / "server") as url:
        yield url


@pytest.fixture(params=PAIRS)
def fleet(request: pytest.FixtureRequest, django_db_setup, django_db_blocker, tmp_path: Path) -> Iterator[Fleet]:
    database, broker = request.param
    made = postgresql("fleet") if database == "postgresql" else sqlite("fleet", tmp_path / "fleet.sqlite3")
    with django_db_blocker.unblock(), made as connection, as_default(connection):
        migrate_fully(connection)
        url = (
            urlsplit(os.environ["DATABASE_URL"])._replace(path=f"/{connection.settings_dict['NAME']}").geturl()
            if database == "postgresql"
            else f"sqlite:///{tmp_path / 'fleet.sqlite3'}"
        )
        running = Fleet(tmp_path, {"DATABASE_URL": url} | request.getfixturevalue(f"on_{broker}"))
        PeriodicTask.objects.exclude(name="periodic-fabric-sync").delete()
        PeriodicTask.objects.update(interval=IntervalSchedule.objects.create(every=1, period="seconds"))
        yield running
        running.stop()


@pytest.fixture
def on_valkey() -> Iterator[dict[str, str]]:
    broker = redis.Redis.from_url(settings.CELERY_BROKER_URL)
    broker.flushdb()
    yield {}
    broker.flushdb()
    broker.close()


@pytest.fixture
def on_rabbitmq(amqp: str) -> dict[str, str]:
    from kombu import Connection

    with Connection(amqp) as connection, connection.channel() as channel:
        channel.queue_delete("git_sync")
    return {"CELERY_BROKER_URL": amqp}


@pytest.fixture
def git_server(tmp_path: Path) -> Iterator[GitServer]:
    with GitServer(tmp_path / "git", username="reader", password="s3cr3t-canary") as server:
        yield server


@pytest.fixture
def fabrics(fleet: Fleet, git_server: GitServer) -> list[HedgehogFabric]:
    """Each of a repository of its own, all behind a password."""
    made = []
    for number in range(FABRICS):
        commit_files(git_server.root / f"{number}.git", {"a.yaml": switch(f"spine-{number}")}, "one switch")
        repository = GitRepository.objects.create(
            name=f"{number}", url=git_server.url(f"{number}.git"), username="reader", password="s3cr3t-canary"
        )
        made.append(
            HedgehogFabric.objects.create(
                name=f"fabric-{number}", status=FabricStatus.ACTIVE, sync_interval=3600, git_repository=repository
            )
        )
    return made


def schedule() -> PeriodicTask:
    """The row that sends ticks; beat adds others."""
    return PeriodicTask.objects.get(name="periodic-fabric-sync")


def synced_since(moment) -> bool:
    return HedgehogFabric.objects.filter(last_sync__gte=moment).count() == FABRICS


def make_due() -> None:
    HedgehogFabric.objects.update(last_sync=F("last_sync") - timedelta(days=1))


def switches() -> set[str]:
    return set(FabricResource.objects.values_list("name", flat=True))


def test_a_fabric_comes_by_the_schedule_and_follows_its_repository(fleet, fabrics, git_server):
    fleet.worker("a")
    fleet.host("b").beat()
    eventually(lambda: switches() == {f"spine-{number}" for number in range(FABRICS)}, "the first switches")
    assert set(SyncRun.objects.values_list("status", flat=True)) == {RunStatus.SUCCEEDED}
    assert sum(SchedulerRun.objects.values_list("syncs_triggered", flat=True)) == FABRICS

    commit_files(git_server.root / "0.git", {"a.yaml": switch("leaf-0")}, "another")
    make_due()
    eventually(lambda: "leaf-0" in switches(), "the second commit")
    assert SyncRun.objects.filter(status=RunStatus.FAILED).count() == 0


def test_a_tick_does_not_wait_behind_the_syncs(fleet, fabrics):
    HedgehogFabric.objects.update(status=FabricStatus.PLANNED)
    fleet.command("sync_fabrics", "--all")
    beat = fleet.host("b").beat()
    eventually(lambda: schedule().total_run_count >= 1, "beat to send a tick")
    beat.stop()

    fleet.worker("a")
    eventually(lambda: SyncRun.objects.count() == FABRICS, "all syncs")
    first_tick = SchedulerRun.objects.order_by("started_at").first()
    assert first_tick, "the tick waits still"
    assert first_tick.started_at < SyncRun.objects.order_by("started_at")[0].started_at


def test_hosts_share_the_work_and_when_one_dies_the_other_goes_on(fleet, fabrics):
    workers = {name: fleet.worker(name) for name in ("a", "b")}
    for worker in workers.values():
        worker.wait_for("ready")
    fleet.host("c").beat()

    def both_took_some() -> bool:
        make_due()
        return {"worker@a", "worker@b"} <= set(SyncRun.objects.values_list("worker", flat=True))

    eventually(both_took_some, "syncs by both hosts")
    for name in workers:
        assert list((fleet.directory / name / "mirrors").glob("*.git")), f"{name} has mirrors of its own"

    # Nothing under way: what a killed worker had taken comes back later, as other tests see.
    task = schedule()
    task.enabled = False
    task.save()
    eventually(lambda: not HedgehogFabric.objects.filter(has_claim=True).exists(), "the queue to be empty")
    workers["a"].kill()
    killed_at = timezone.now()
    make_due()
    task.enabled = True
    task.save()
    eventually(lambda: synced_since(killed_at), "all fabrics to be synced by the other host")
    after = SyncRun.objects.filter(started_at__gte=killed_at)
    assert set(after.values_list("worker", flat=True)) == {"worker@b"}


def test_a_fabric_whose_host_dies_in_the_middle_of_its_sync_is_synced_by_another(fleet, fabrics):
    HedgehogFabric.objects.exclude(pk=fabrics[0].pk).delete()
    repository = fabrics[0].git_repository
    good_url = repository.url
    fleet.environment["HEDGEHOG_RUNNING_CLAIM_SECONDS"] = "6"
    with tcp_server(hang) as url:
        GitRepository.objects.filter(pk=repository.pk).update(url=url)
        killed = fleet.worker("a")
        fleet.host("c").beat()
        eventually(lambda: HedgehogFabric.objects.filter(claim_started_at__isnull=False).exists(), "the sync to hang")
        killed.kill()
        GitRepository.objects.filter(pk=repository.pk).update(url=good_url)

    fleet.worker("b")
    eventually(lambda: switches() == {"spine-0"}, "the other host's sync")
    assert [run.worker for run in SyncRun.objects.filter(status=RunStatus.LOST)] == ["worker@a"]
    assert [run.worker for run in SyncRun.objects.filter(status=RunStatus.SUCCEEDED)] == ["worker@b"]


@pytest.mark.parametrize("fleet", [PAIRS[0].values[0]], indirect=True, ids=[PAIRS[0].id])
def test_credentials_that_were_encrypted_anew_are_read_by_every_host_that_has_the_new_key(fleet, fabrics):
    former, new = os.environ["HEDGEHOG_ENCRYPTION_KEY"], "the key that came after, of sufficient length"
    told = fleet.command("rotate_encryption_key", HEDGEHOG_ENCRYPTION_KEY=f"{new},{former}")
    assert f"{FABRICS}" in told

    fleet.worker("a", HEDGEHOG_ENCRYPTION_KEY=f"{new},{former}")
    fleet.worker("b", HEDGEHOG_ENCRYPTION_KEY=new)
    fleet.host("c").beat()
    eventually(lambda: switches() == {f"spine-{number}" for number in range(FABRICS)}, "all syncs")
    assert set(SyncRun.objects.values_list("status", flat=True)) == {RunStatus.SUCCEEDED}
