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

START_SECONDS = 100
# What Debian puts into the path runs this one as another user, who cannot write to the tests' directory.
BEHIND_DEBIANS = Path("/usr/lib/rabbitmq/bin/rabbitmq-server")


def binary() -> str | None:
    """The server's command; None where it is not installed."""
    return str(BEHIND_DEBIANS) if BEHIND_DEBIANS.exists() else shutil.which("rabbitmq-server")


@contextmanager
def rabbitmq(directory: Path) -> Iterator[str]:
    """A server that keeps everything in ``directory`` and listens on this machine alone; yields its URL."""
    command = binary()
    assert command
    directory.mkdir()
    port, distribution_port, names_port = _free_ports(3)
    environment = os.environ | {
        "HOME": str(directory),
        "ERL_EPMD_ADDRESS": "127.0.0.1",
        "ERL_EPMD_PORT": str(names_port),
        "RABBITMQ_CONFIG_FILE": str(directory / "no-config"),
        "RABBITMQ_CONF_ENV_FILE": str(directory / "no-environment"),
        "RABBITMQ_DIST_PORT": str(distribution_port),
        "RABBITMQ_ENABLED_PLUGINS_FILE": str(directory / "no-plugins"),
        "RABBITMQ_LOG_BASE": str(directory),
        "RABBITMQ_MNESIA_BASE": str(directory),
        "RABBITMQ_NODENAME": f"tests-{port}@localhost",
        "RABBITMQ_NODE_IP_ADDRESS": "127.0.0.1",
        "RABBITMQ_NODE_PORT": str(port),
    }
    with (directory / "output").open("wb") as output:
        server = subprocess.Popen([command], env=environment, stdout=output, stderr=subprocess.STDOUT)
    try:
        _wait_until_it_listens(server, port, directory / "output")
        yield f"amqp://guest:guest@127.0.0.1:{port}//"
    finally:
        server.terminate()
        server.wait(60)
        # The name server that it started stays behind otherwise.
        subprocess.run(["epmd", "-port", str(names_port), "-kill"], capture_output=True, check=False, timeout=30)


def _free_ports(count: int) -> list[int]:
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [each.getsockname()[1] for each in sockets]
    for each in sockets:
        each.close()
    return ports


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
