"""gunicorn's configuration: ``gunicorn --config python:netbox_hedgehog.web.server netbox_hedgehog.wsgi``.

What stands in ``GUNICORN_CMD_ARGS`` or on the command line wins over it.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "netbox_hedgehog.settings")

bind = "0.0.0.0:8000"
workers = int(os.environ.get("WEB_CONCURRENCY", "2"))
# Pages wait for the database, and “Test connection” for a Git server: threads wait cheaply.
worker_class = "gthread"
threads = 4
# For a request; twice what “Test connection” may take.
timeout = 60
# For what is under way when a process is told to end.
graceful_timeout = 30
# Longer than proxies keep idle connections, so that it is never the server that closes one just as it is used.
keepalive = 75
# Memory that leaked or got scattered is given back now and then, never by all processes at once.
max_requests = 10_000
max_requests_jitter = 1_000
# The heartbeat's file must not wait for a disk, nor need one where the file system is read-only.
worker_tmp_dir = "/dev/shm" if Path("/dev/shm").is_dir() else None  # noqa: S108 - files there have no names
control_socket_disable = True
logger_class = "netbox_hedgehog.web.access.Logger"
accesslog = "-"


def on_starting(_server: Any) -> None:
    """Refuse a wrong set-up before any process serves it."""
    django.setup()
    from netbox_hedgehog.startup import refuse_wrong_setup  # noqa: PLC0415 - needs Django to be set up

    refuse_wrong_setup()
