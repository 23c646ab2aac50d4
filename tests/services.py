"""A pytest plugin that starts the embedded servers before Django reads its settings.

It is loaded with ``-p`` because settings are read before any conftest. Workers of pytest-xdist inherit the
environment of the process that started the servers. ``TEST_DATABASE_URL`` and ``TEST_REDIS_URL`` name servers to
use instead, for extra matrix runs.
"""

from __future__ import annotations

import atexit
import os
import shutil
import tempfile
from pathlib import Path

from tests.support.servers import start_postgresql, start_valkey

worker = os.environ.get("PYTEST_XDIST_WORKER")
if worker is None:
    # Nothing of the developer's own set-up may reach the tests; workers keep what is set below.
    for name in list(os.environ):
        if name.startswith("HEDGEHOG_") or name in {
            "DATABASE_URL",
            "REDIS_URL",
            "CELERY_BROKER_URL",
            "CACHE_URL",
            "DEBUG",
        }:
            del os.environ[name]

    scratch = Path(tempfile.mkdtemp(prefix="hedgehog-tests-"))
    atexit.register(shutil.rmtree, scratch, ignore_errors=True)
    # The embedded PostgreSQL keeps its lock and its socket there and warns where the variable is missing.
    os.environ["XDG_RUNTIME_DIR"] = str(scratch)
    os.environ["HEDGEHOG_DATA_DIR"] = str(scratch / "var")
    os.environ["DATABASE_URL"] = os.environ.get("TEST_DATABASE_URL") or start_postgresql(scratch / "pg")
    os.environ["TEST_REDIS_URL"] = os.environ.get("TEST_REDIS_URL") or start_valkey(scratch / "valkey")
    os.environ["HEDGEHOG_LOG_FORMAT"] = "console"  # whether or not the tests run on a terminal
    os.environ["SECRET_KEY"] = "a key for tests only, of sufficient length: 0123456789abcdef"
    os.environ["HEDGEHOG_ENCRYPTION_KEY"] = "an encryption key for tests only"

# Two databases for each test process (broker and cache), so that clearing one's cache disturbs nobody.
process = int(worker.removeprefix("gw")) + 1 if worker else 0
os.environ["REDIS_URL"] = f"{os.environ['TEST_REDIS_URL']}/{2 * process}"
