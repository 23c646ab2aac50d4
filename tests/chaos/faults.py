"""What can go wrong. Each fault begins when it is called and gives back what ends it."""

from __future__ import annotations

import random
import signal
import time
from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING, Final

import psutil
import psycopg
import redis

from tests.chaos.disks import fill
from tests.chaos.forge import MOODS

if TYPE_CHECKING:
    from tests.chaos.forge import Forge
    from tests.chaos.world import World

type Heal = Callable[[], None]
type Fault = Callable[[World, Forge, random.Random], Heal]


_IS_SYNCING: Final = """
    SELECT FROM netbox_hedgehog_hedgehogfabric WHERE claim_worker LIKE %s AND claim_started_at IS NOT NULL LIMIT 1
"""


def kill_worker(world: World, _: Forge, choice: random.Random) -> Heal:
    worker = choice.choice([*world.workers, world.skewed])
    worker.kill()
    return worker.ensure_alive


def kill_worker_process(world: World, _: Forge, choice: random.Random) -> Heal:
    """One of the pool, perhaps in the middle of a fetch or a transaction."""
    if children := choice.choice(world.workers).children():
        with suppress(psutil.NoSuchProcess):
            choice.choice(children).kill()
    return _nothing


def pause_worker(world: World, _: Forge, choice: random.Random) -> Heal:
    """In the middle of a sync, if that can be met. It wakes up again, perhaps when its leases are over."""
    worker = choice.choice(world.workers)
    with suppress(psycopg.OperationalError), psycopg.connect(world.database.url, autocommit=True) as connection:
        deadline = time.monotonic() + 2
        while time.monotonic() < deadline and not connection.execute(_IS_SYNCING, [f"{worker.name}@%"]).fetchone():
            time.sleep(0.002)
    worker.signal(signal.SIGSTOP)
    return lambda: worker.signal(signal.SIGCONT)


def kill_beat(world: World, _: Forge, choice: random.Random) -> Heal:
    beat = choice.choice(world.beats)
    beat.kill()
    return beat.ensure_alive


def kill_web(world: World, _: Forge, __: random.Random) -> Heal:
    world.web.kill()
    return world.web.ensure_alive


def lose_broker(world: World, _: Forge, __: random.Random) -> Heal:
    """It is killed and away for a while. Valkey loses all that it held; RabbitMQ may keep it."""
    world.broker.kill()
    return world.broker.ensure_alive


def lose_cache(world: World, _: Forge, __: random.Random) -> Heal:
    world.valkey.kill()
    return world.valkey.ensure_alive


def lose_database(world: World, _: Forge, __: random.Random) -> Heal:
    """It is killed and away for a while."""
    world.database.kill()
    return world.database.ensure_alive


def restart_database(world: World, _: Forge, __: random.Random) -> Heal:
    world.database.kill()
    world.database.ensure_alive()
    return _nothing


def cut_connections(world: World, _: Forge, __: random.Random) -> Heal:
    with suppress(psycopg.OperationalError), psycopg.connect(world.database.url, autocommit=True) as connection:
        connection.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid()")
    return _nothing


def flush_cache(world: World, _: Forge, __: random.Random) -> Heal:
    with suppress(redis.ConnectionError), redis.Redis.from_url(f"{world.valkey_url}/1") as client:
        client.flushdb()
    return _nothing


def upset_git_server(_: World, forge: Forge, choice: random.Random) -> Heal:
    """It hangs, drips, refuses, lies."""
    server = choice.choice(forge.servers)
    server.set_mood(choice.choice(MOODS))
    return lambda: server.set_mood("")


def fill_disk(world: World, _: Forge, choice: random.Random) -> Heal:
    """The disk of one worker's mirrors is full."""
    ballast = fill(world.disk_of(choice.choice(world.workers)))
    return lambda: ballast.unlink(missing_ok=True)


def throw_mirrors_away(world: World, _: Forge, choice: random.Random) -> Heal:
    """Somebody cuts every pack of a worker's mirrors in half."""
    for pack in world.disk_of(choice.choice(world.workers)).rglob("*.pack"):
        with suppress(OSError):
            pack.chmod(0o600)
            with pack.open("r+b") as file:
                file.truncate(pack.stat().st_size // 2)
    return _nothing


def _nothing() -> None:
    """The fault is over by itself."""


FAULTS: Final[dict[Fault, int]] = {
    kill_worker: 4,
    kill_worker_process: 5,
    pause_worker: 4,
    kill_beat: 2,
    kill_web: 1,
    lose_broker: 2,
    lose_cache: 1,
    lose_database: 1,
    restart_database: 2,
    cut_connections: 3,
    flush_cache: 3,
    upset_git_server: 8,
    fill_disk: 2,
    throw_mirrors_away: 1,
}
"""With how often they come."""
