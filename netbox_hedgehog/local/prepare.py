"""What the database and the static files need before the servers start; each step does only what is missing."""

from __future__ import annotations

import hashlib
import secrets
from pathlib import Path
from typing import Final

from django.conf import settings
from django.contrib.auth import get_user_model
from django.contrib.staticfiles.finders import get_finders
from django.core.management import call_command
from django.db import connection
from django.db.migrations.executor import MigrationExecutor

from netbox_hedgehog.tasks import periodic_fabric_sync_scheduler

ADMIN: Final = "admin"
TICK_EXPIRES_SECONDS: Final = 55


def migrate() -> int:
    """Apply the migrations that are missing and return how many there were."""
    executor = MigrationExecutor(connection)
    missing = len(executor.migration_plan(executor.loader.graph.leaf_nodes()))
    if missing:
        call_command("migrate", interactive=False, verbosity=0)
    return missing


def collect_static() -> bool:
    """Collect the static files when any of them changed since the last time; return whether that was so."""
    stamp = Path(settings.STATIC_ROOT) / ".collected"
    found = _fingerprint()
    if stamp.exists() and stamp.read_text() == found:
        return False
    call_command("collectstatic", interactive=False, verbosity=0)
    stamp.write_text(found)
    return True


def ensure_admin() -> tuple[str, str]:
    """Return the name of a superuser and, if it had to be created, its random password, which is kept nowhere."""
    users = get_user_model().objects
    existing = users.filter(is_superuser=True, is_active=True).order_by("pk").first()
    if existing:
        return existing.get_username(), ""
    is_taken = users.filter(username=ADMIN).exists()
    name = f"{ADMIN}-{secrets.token_hex(2)}" if is_taken else ADMIN
    password = secrets.token_urlsafe(12)
    users.create_superuser(username=name, password=password)
    return name, password


def send_first_tick() -> None:
    """Queue a tick now, so that nobody waits for beat's first one.

    Raises:
        kombu.exceptions.OperationalError: the broker cannot be reached.

    """
    # Celery would subscribe to the result first, and retry that for twenty seconds when the server is down.
    periodic_fabric_sync_scheduler.apply_async(expires=TICK_EXPIRES_SECONDS, ignore_result=True)


def _fingerprint() -> str:
    digest = hashlib.sha256()
    for finder in get_finders():
        for name, storage in finder.list([]):
            state = Path(storage.path(name)).stat()
            digest.update(f"{name} {state.st_mtime_ns} {state.st_size}\n".encode())
    return digest.hexdigest()
