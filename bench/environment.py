"""A throw-away installation: embedded PostgreSQL and Valkey in a temporary directory, migrated."""

from __future__ import annotations

import atexit
import os
import shutil
import tempfile
from pathlib import Path
from typing import Final

INTERVAL_SECONDS: Final = 300
CHANGED: Final = 0.01
"""Of a fleet's fabrics, in each interval."""

# Bounds are lifted, so that one tick sends everything that is due.
_SETTINGS = {
    "HEDGEHOG_TICK_MAX_DISPATCH": "1000000",
    "HEDGEHOG_MAX_LIVE_CLAIMS": "10000000",
    "HEDGEHOG_TICK_TIME_BUDGET_SECONDS": "280",
    "HEDGEHOG_LOG_LEVEL": "WARNING",
    "HEDGEHOG_GIT_SCHEMES": "https,http",
    "SECRET_KEY": "a key for benchmarks only, of sufficient length: 0123456789",
    "HEDGEHOG_ENCRYPTION_KEY": "an encryption key for benchmarks only",
    "DJANGO_SETTINGS_MODULE": "netbox_hedgehog.settings",
}


def start() -> None:
    """Start the servers, point the environment at them, set Django up and migrate.

    PostgreSQL keeps its own defaults, durability included, as in production.
    """
    scratch = Path(tempfile.mkdtemp(prefix="hedgehog-bench-"))
    atexit.register(shutil.rmtree, scratch, ignore_errors=True)
    for name in [name for name in os.environ if name.startswith("HEDGEHOG_") or name.endswith("_URL")]:
        del os.environ[name]
    # The embedded PostgreSQL keeps its lock and its socket there.
    os.environ |= _SETTINGS | {"XDG_RUNTIME_DIR": str(scratch), "HEDGEHOG_DATA_DIR": str(scratch / "var")}
    from tests.support.servers import start_postgresql, start_valkey  # noqa: PLC0415 - reads the environment

    os.environ["DATABASE_URL"] = start_postgresql(scratch / "pg", durable=True)
    os.environ["REDIS_URL"] = f"{start_valkey(scratch / 'valkey')}/0"
    set_up_django()
    from django.core.management import call_command  # noqa: PLC0415 - Django is ready only now

    call_command("migrate", verbosity=0)


def set_up_django() -> None:
    """Load Django with the environment as it is; for child processes, which inherit it."""
    import django  # noqa: PLC0415 - reads the environment

    django.setup()
