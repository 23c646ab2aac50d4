"""Real worker and beat processes on the test's own database and broker."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import redis
from django.conf import settings
from django.db import connection
from django_celery_beat.models import IntervalSchedule, PeriodicTask

from netbox_hedgehog.models import FabricStatus, GitRepository, HedgehogFabric
from tests.support.git_server import GitServer, commit_files
from tests.support.waiting import PATIENCE_SECONDS


class Process:
    """A child process in a group of its own, with its output kept."""

    def __init__(self, name: str, command: list[str], environment: dict[str, str]) -> None:
        self.name = name
        self.lines: list[str] = []
        self._new_line = threading.Condition()
        self._popen = subprocess.Popen(
            command,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    @property
    def pid(self) -> int:
        return self._popen.pid

    def _read(self) -> None:
        assert self._popen.stdout
        for line in self._popen.stdout:
            with self._new_line:
                self.lines.append(line.rstrip())
                self._new_line.notify_all()

    def wait_for(self, text: str) -> None:
        with self._new_line:
            found = self._new_line.wait_for(lambda: any(text in line for line in self.lines), PATIENCE_SECONDS)
        assert found, f"{self.name} did not say {text!r}:\n" + "\n".join(self.lines[-40:])

    def kill(self) -> None:
        """As a power cut would: the process and its pool at once, without a word."""
        os.killpg(self.pid, signal.SIGKILL)
        self._end()

    def stop(self) -> None:
        if self._popen.poll() is None:
            self._popen.terminate()
            try:
                self._popen.wait(15)
            except subprocess.TimeoutExpired:
                os.killpg(self.pid, signal.SIGKILL)
        self._end()

    def _end(self) -> None:
        self._popen.wait()
        self._reader.join(5)
        assert self._popen.stdout
        self._popen.stdout.close()


class System:
    """The processes of one test, and the environment they share."""

    def __init__(self, data_dir: Path) -> None:
        name = connection.settings_dict["NAME"]
        database_url = urlsplit(os.environ["DATABASE_URL"])._replace(path=f"/{name}").geturl()
        self.environment = os.environ | {
            "DATABASE_URL": database_url,
            "HEDGEHOG_DATA_DIR": str(data_dir),
            "HEDGEHOG_GIT_SCHEMES": "https,http",
            "PYTHONUNBUFFERED": "1",
            "PYTHONWARNINGS": "default",
        }
        self.processes: list[Process] = []

    def start(self, name: str, *arguments: str) -> Process:
        command = [sys.executable, "-m", "celery", "-A", "netbox_hedgehog", *arguments]
        process = Process(name, command, self.environment)
        self.processes.append(process)
        return process

    def worker(self, *, concurrency: int = 2) -> Process:
        return self.start("worker", "worker", f"--concurrency={concurrency}", "--loglevel=INFO")

    def beat(self) -> Process:
        return self.start("beat", "beat", "--loglevel=INFO", "--pidfile=")

    def stop(self) -> None:
        for process in self.processes:
            process.stop()


@pytest.fixture
def system(transactional_db: None, tmp_path: Path) -> Iterator[System]:
    broker = redis.Redis.from_url(settings.CELERY_BROKER_URL)
    broker.flushdb()
    running = System(tmp_path / "var")
    yield running
    running.stop()
    broker.flushdb()
    broker.close()


@pytest.fixture
def schedule(transactional_db: None) -> PeriodicTask:
    """The row that the migration makes; emptying the tables between transactional tests takes it away."""
    interval = IntervalSchedule.objects.create(every=1, period="seconds")
    task, _ = PeriodicTask.objects.update_or_create(
        name="periodic-fabric-sync",
        defaults={
            "task": "netbox_hedgehog.tasks.periodic_fabric_sync_scheduler",
            "interval": interval,
            "queue": "git_sync",
            "priority": 6,
            "expire_seconds": 50,
        },
    )
    return task


@pytest.fixture
def git_server(tmp_path: Path) -> Iterator[GitServer]:
    with GitServer(tmp_path / "git", username="reader", password="s3cr3t-canary") as server:
        yield server


def switch(name: str, role: str = "spine") -> bytes:
    return (
        f"apiVersion: wiring.githedgehog.com/v1beta1\nkind: Switch\nmetadata:\n  name: {name}\nspec:\n  role: {role}\n"
    ).encode()


@pytest.fixture
def fabric(git_server: GitServer) -> HedgehogFabric:
    """An active fabric with one switch in a real repository behind a password."""
    commit_files(git_server.root / "fabrics.git", {"lab/spine-1.yaml": switch("spine-1")}, "one switch")
    repository = GitRepository.objects.create(
        name="fabrics", url=git_server.url("fabrics.git"), username="reader", password="s3cr3t-canary"
    )
    return HedgehogFabric.objects.create(
        name="lab",
        status=FabricStatus.ACTIVE,
        sync_interval=1,
        git_repository=repository,
        gitops_directory="/lab",
    )
