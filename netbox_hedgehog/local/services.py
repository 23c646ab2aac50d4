"""The commands that make up a running system on one machine."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Final

from netbox_hedgehog.local.supervisor import Service

BROKER: Final = "valkey"
_CELERY: Final = ("-m", "celery", "--quiet", "--app", "netbox_hedgehog")
# In a container everything runs as root, and eight lines about it at each start hide the story.
_NO_ROOT_WARNING: Final = ("-W", "ignore:You're running the worker with superuser privileges")


def valkey(binary: str, configuration: Path) -> Service:
    """The embedded broker. What it says at each start and stop is not worth a line; what goes wrong is."""
    return Service(
        BROKER,
        (binary, str(configuration)),
        grace_seconds=2.0,
        unsaid=("Memory overcommit must be enabled", "Received SIGTERM", "ready to exit"),
    )


def worker(concurrency: int) -> Service:
    """The Celery worker; alone on this machine, it has nobody to gossip with."""
    command = (sys.executable, *_NO_ROOT_WARNING, *_CELERY, "worker", f"--concurrency={concurrency}")
    quiet = ("--without-gossip", "--without-mingle", "--without-heartbeat")
    # Seven seconds let a running sync finish, so that its fabric need not wait for the claim to expire.
    return Service("worker", (*command, *quiet), grace_seconds=7.0)


def beat() -> Service:
    """Celery's scheduler, which reads its schedule from the database."""
    return Service("beat", (sys.executable, *_CELERY, "beat"), grace_seconds=3.0)


def web(host: str, port: int) -> Service:
    """The web server."""
    address = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
    return Service(
        "web",
        (
            *(sys.executable, "-m", "gunicorn", "netbox_hedgehog.wsgi", "--bind", address),
            *("--workers", "1", "--threads", "4", "--log-level", "warning", "--no-control-socket"),
            *("--logger-class", "netbox_hedgehog.web.access.Logger"),
        ),
        grace_seconds=3.0,
    )


def demo(root: Path) -> Service:
    """The operator who keeps changing one of the demo fabrics."""
    return Service("demo", (sys.executable, "-m", "netbox_hedgehog.local.demo", str(root)), grace_seconds=1.0)
