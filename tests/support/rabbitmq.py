"""A RabbitMQ server of the tests' own, from what the system has installed."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import quote

from tests.support.ports import lasting_port

START_SECONDS = 100
# What Debian puts into the path runs this one as another user, who cannot write to the tests' directory.
BEHIND_DEBIANS = Path("/usr/lib/rabbitmq/bin/rabbitmq-server")


def binary() -> str | None:
    """The server's command; None where it is not installed."""
    return str(BEHIND_DEBIANS) if BEHIND_DEBIANS.exists() else shutil.which("rabbitmq-server")


class RabbitMQ:
    """How to run a server that keeps everything in ``directory`` and listens on this machine alone."""

    def __init__(self, directory: Path, password: str = "guest") -> None:
        command = binary()
        assert command
        directory.mkdir()
        self.command = command
        self.port, distribution_port, self._names_port = (lasting_port() for _ in range(3))
        self.url = f"amqp://guest:{quote(password, safe='')}@127.0.0.1:{self.port}//"
        self.environment = os.environ | {
            "HOME": str(directory),
            "ERL_EPMD_ADDRESS": "127.0.0.1",
            "ERL_EPMD_PORT": str(self._names_port),
            "RABBITMQ_CONFIG_FILE": str(directory / "no-config"),
            "RABBITMQ_CONF_ENV_FILE": str(directory / "no-environment"),
            "RABBITMQ_DEFAULT_PASS": password,
            "RABBITMQ_DIST_PORT": str(distribution_port),
            "RABBITMQ_ENABLED_PLUGINS_FILE": str(directory / "no-plugins"),
            "RABBITMQ_LOG_BASE": str(directory),
            "RABBITMQ_MNESIA_BASE": str(directory),
            "RABBITMQ_NODENAME": f"tests-{self.port}@localhost",
            "RABBITMQ_NODE_IP_ADDRESS": "127.0.0.1",
            "RABBITMQ_NODE_PORT": str(self.port),
        }

    def stop_name_server(self) -> None:
        """Stop what the server started beside itself; while it still counts the server among the living, it refuses."""
        command = ["epmd", "-port", str(self._names_port), "-kill"]
        for _ in range(50):
            if subprocess.run(command, capture_output=True, check=False, timeout=30).returncode == 0:
                return
            time.sleep(0.1)


@contextmanager
def rabbitmq(directory: Path) -> Iterator[str]:
    """A running server; yields its URL."""
    server = RabbitMQ(directory)
    with (directory / "output").open("wb") as output:
        process = subprocess.Popen([server.command], env=server.environment, stdout=output, stderr=subprocess.STDOUT)
    try:
        _wait_until_it_listens(process, server.port, directory / "output")
        yield server.url
    finally:
        process.terminate()
        process.wait(60)
        server.stop_name_server()


def _wait_until_it_listens(server: subprocess.Popen[bytes], port: int, output: Path) -> None:
    deadline = time.monotonic() + START_SECONDS
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
        except OSError:
            assert server.poll() is None, output.read_text()
            assert time.monotonic() < deadline, output.read_text()
            time.sleep(0.1)
        else:
            return
