"""Signs of life of the processes that no one can ask over HTTP: workers and beat.

Each touches a file while its loop turns, for the probe on its own machine (:mod:`netbox_hedgehog.alive`). A worker
also tells the cache who it is and what room its disk has, for whoever watches the fleet: asking all workers takes
seconds, reading what they said takes one command.
"""

from __future__ import annotations

import json
import shutil
import socket
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from functools import wraps
from pathlib import Path
from typing import Any, Final, TypedDict

import structlog
from celery import Celery, bootsteps, signals
from django.conf import settings
from django.core.cache import DEFAULT_CACHE_ALIAS, caches
from django_redis.cache import RedisCache

from netbox_hedgehog.alive import BEAT, WORKER, pulse_file
from netbox_hedgehog.git import bytes_of_mirrors
from netbox_hedgehog.observability.redaction import redact
from netbox_hedgehog.sync.source import mirror_root

EVERY_SECONDS: Final = 10.0
FRESH_SECONDS: Final = 60.0
"""A worker that has not told of itself for so long is not counted."""

# After a failure the cache is left alone for so long: waiting for it stops the worker's loop.
_PAUSE_SECONDS: Final = 60.0
_FORGOTTEN_SECONDS: Final = 3600.0
_MEASURE_EVERY_SECONDS: Final = 300.0
_KEY: Final = "workers"

log = structlog.get_logger(__name__)


class WorkerSign(TypedDict):
    """What a worker tells of itself; ``at`` is its clock's time, ``disk_*`` are of the disk that holds its mirrors.

    ``mirrors_bytes`` is what they take, as it was measured last; None before.
    """

    at: float
    queues: list[str]
    processes: int
    disk_free_bytes: int
    disk_size_bytes: int
    mirrors_bytes: int | None


def touch(file: Path) -> None:
    """Leave a sign that this process's loop turns; a disk that refuses costs the sign, not the process."""
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.touch()
    except OSError as error:
        log.warning("pulse.not_written", error=redact(error))


class WorkerPulse(bootsteps.StartStopStep):
    """A timer in the worker's own event loop, so that it stands still when that does."""

    requires = ("celery.worker.components:Timer", "celery.worker.components:Hub")

    def __init__(self, worker: Any, **options: Any) -> None:
        super().__init__(worker, **options)
        self._timer: Any = None
        self._silent_until = 0.0
        self._measure_at = 0.0
        self._mirrors_bytes: int | None = None

    def start(self, worker: Any) -> None:
        """Begin; the first sign comes at once."""
        _on_cache(_forget_the_dead)
        self._timer = worker.timer.call_repeatedly(EVERY_SECONDS, self.beat, (worker,))
        self.beat(worker)

    def stop(self, worker: Any) -> None:
        """End in order: nobody shall wait until this worker is missed."""
        if self._timer:
            self._timer.cancel()
        _on_cache(lambda client, key: client.hdel(key, worker.hostname))
        pulse_file(Path(settings.DATA_DIR), WORKER, worker.hostname).unlink(missing_ok=True)

    def beat(self, worker: Any) -> None:
        """Touch the file, and tell the cache unless it failed lately."""
        touch(pulse_file(Path(settings.DATA_DIR), WORKER, worker.hostname))
        now = time.monotonic()
        if now >= self._measure_at:
            self._measure_at = now + _MEASURE_EVERY_SECONDS
            threading.Thread(target=self._measure, name="mirrors", daemon=True).start()
        if now < self._silent_until:
            return
        sign = json.dumps(_sign_of(worker, self._mirrors_bytes))
        if not _on_cache(lambda client, key: client.hset(key, worker.hostname, sign)):
            self._silent_until = time.monotonic() + _PAUSE_SECONDS

    def _measure(self) -> None:
        """Beside the loop: thousands of mirrors take a second to walk through."""
        with suppress(OSError):
            self._mirrors_bytes = bytes_of_mirrors(mirror_root())


def _sign_of(worker: Any, mirrors_bytes: int | None) -> WorkerSign:
    root = mirror_root()
    disk = shutil.disk_usage(root if root.exists() else settings.DATA_DIR)
    return WorkerSign(
        at=time.time(),
        queues=sorted(worker.app.amqp.queues.consume_from),
        processes=worker.concurrency,
        disk_free_bytes=disk.free,
        disk_size_bytes=disk.total,
        mirrors_bytes=mirrors_bytes,
    )


def workers_seen() -> dict[str, WorkerSign]:
    """The workers that told of themselves within the last minute, by name.

    Raises whatever the cache's client raises; without Redis as the cache nobody is seen.
    """
    backend = caches[DEFAULT_CACHE_ALIAS]
    if not isinstance(backend, RedisCache):
        return {}
    told = backend.client.get_client(write=False).hgetall(backend.client.make_key(_KEY))
    signs = {name.decode(): json.loads(sign) for name, sign in told.items()}
    oldest = time.time() - FRESH_SECONDS
    return {name: sign for name, sign in sorted(signs.items()) if sign["at"] >= oldest}


def _forget_the_dead(client: Any, key: Any) -> None:
    """Workers that were killed stay in the list; in Kubernetes each has a name of its own."""
    oldest = time.time() - _FORGOTTEN_SECONDS
    dead = [name for name, sign in client.hgetall(key).items() if json.loads(sign)["at"] < oldest]
    if dead:
        client.hdel(key, *dead)


def _on_cache(act: Callable[[Any, Any], object]) -> bool:
    """Do something with the list of workers; whether that worked."""
    try:
        backend = caches[DEFAULT_CACHE_ALIAS]
        if isinstance(backend, RedisCache):
            act(backend.client.get_client(write=True), backend.client.make_key(_KEY))
    except Exception as error:  # noqa: BLE001 - whatever the cache's client raises: no worker stops for its sign
        log.warning("pulse.not_told", error=redact(error))
        return False
    return True


def pulse_of_beat(sender: Any, **_kwargs: Any) -> None:
    """Touch beat's file each time that its loop has looked at the schedule, which is every five seconds at most."""
    file = pulse_file(Path(settings.DATA_DIR), BEAT, socket.gethostname())
    look = sender.scheduler.tick

    @wraps(look)
    def look_and_touch(*args: Any, **kwargs: Any) -> Any:
        pause = look(*args, **kwargs)
        touch(file)
        return pause

    sender.scheduler.tick = look_and_touch


def connect(app: Celery) -> None:
    """Give the app's workers and beat their pulse."""
    app.steps["worker"].add(WorkerPulse)
    signals.beat_init.connect(pulse_of_beat)
