"""Ports for servers that are killed and come back to the same one."""

from __future__ import annotations

import secrets
import socket
from contextlib import suppress


def lasting_port() -> int:
    """A free port below those that the kernel gives to connections, which would take it while its server is away."""
    while True:
        # Not ``random``: its seed is the same in every process of a test run, which would take the same ports at once.
        port = 20_000 + secrets.randbelow(12_000)
        with suppress(OSError), socket.create_server(("", port)):
            return port
