"""Looks at the database all the while, with queries of its own, and takes note of every promise that is broken."""

from __future__ import annotations

import threading
from collections import Counter
from typing import TYPE_CHECKING, Any, Final, Self

import psycopg
import redis
import requests

from tests.chaos.forge import expected_resources

if TYPE_CHECKING:
    from tests.chaos.forge import Forge
    from tests.chaos.world import World

_SECONDS_BETWEEN_LOOKS: Final = 0.2

_HALF_APPLIED: Final = """
    SELECT fabric.name, array_agg(DISTINCT resource.labels->>'revision')
    FROM netbox_hedgehog_fabricresource resource JOIN netbox_hedgehog_hedgehogfabric fabric ON fabric.id = fabric_id
    GROUP BY fabric.name HAVING count(DISTINCT resource.labels->>'revision') > 1
"""
_STATE: Final = """
    SELECT fabric.name, max((resource.labels->>'revision')::int), count(*)
    FROM netbox_hedgehog_fabricresource resource JOIN netbox_hedgehog_hedgehogfabric fabric ON fabric.id = fabric_id
    GROUP BY fabric.name
"""
# A run that was lost has the time at which it was missed, not of its end; a wrong clock has no times at all.
_AT_ONCE: Final = """
    WITH runs AS (
        SELECT id, fabric_id, started_at, started_at + duration_seconds * interval '1 second' AS ended_at
        FROM netbox_hedgehog_syncrun WHERE status <> 'lost' AND worker NOT LIKE 'skewed@%'
    )
    SELECT one.id, other.id FROM runs one JOIN runs other
    ON one.fabric_id = other.fabric_id AND one.id < other.id
    AND one.started_at < other.ended_at AND other.started_at < one.ended_at
"""
_LATE: Final = """
    SELECT name, sync_status, sync_error FROM netbox_hedgehog_hedgehogfabric
    WHERE last_sync IS NULL OR last_sync < to_timestamp(%s) OR sync_status <> 'in_sync'
"""


class Checker:
    """Runs in a thread of its own; ``broken`` lists what it saw."""

    def __init__(self, world: World, forge: Forge) -> None:
        self.broken: list[str] = []
        self.looks = 0
        self._world = world
        self._forge = forge
        self._seen: dict[str, int] = {}
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._stop.set()
        self._thread.join(30)

    def _watch(self) -> None:
        while not self._stop.wait(_SECONDS_BETWEEN_LOOKS):
            try:
                with psycopg.connect(self._world.database.url, autocommit=True) as connection:
                    while not self._stop.wait(_SECONDS_BETWEEN_LOOKS):
                        self._look(connection)
            except psycopg.OperationalError:
                continue  # the database is being restarted

    def _look(self, connection: psycopg.Connection[Any]) -> None:
        for name, revisions in connection.execute(_HALF_APPLIED).fetchall():
            self._note(f"half applied: {name} has resources of revisions {revisions}")
        for name, revision, count in connection.execute(_STATE).fetchall():
            if revision < self._seen.get(name, 0):
                self._note(f"back in time: {name} went from revision {self._seen[name]} to {revision}")
            if count != expected_resources(revision):
                self._note(f"half applied: {name} has {count} resources at revision {revision}")
            self._seen[name] = revision
        self.looks += 1

    def _note(self, what: str) -> None:
        if len(self.broken) < 100:
            self.broken.append(what)

    # --- Asked for once everything is calm

    def late(self, since: float) -> list[str]:
        """Fabrics without a good sync since a time (seconds since 1970)."""
        with psycopg.connect(self._world.database.url, autocommit=True) as connection:
            return [f"{name}: {status} {error[:200]}" for name, status, error in connection.execute(_LATE, [since])]

    def different(self) -> list[str]:
        """Fabrics whose resources are not those of Git's newest commit."""
        with psycopg.connect(self._world.database.url, autocommit=True) as connection:
            stored = {name: (revision, count) for name, revision, count in connection.execute(_STATE).fetchall()}
        wanted = {name: (revision, expected_resources(revision)) for name, revision in self._forge.revisions.items()}
        return [
            f"{name}: {stored.get(name)} is not {each}" for name, each in wanted.items() if stored.get(name) != each
        ]

    def at_once(self) -> list[str]:
        """Pairs of syncs of one fabric that ran at the same time."""
        with psycopg.connect(self._world.database.url, autocommit=True) as connection:
            return [f"sync runs {one} and {other} overlap" for one, other in connection.execute(_AT_ONCE).fetchall()]

    def counts(self) -> dict[str, int]:
        """Runs and ticks by outcome."""
        with psycopg.connect(self._world.database.url, autocommit=True) as connection:
            found: Counter[str] = Counter()
            for table in ("syncrun", "schedulerrun"):
                rows = connection.execute(f"SELECT status, count(*) FROM netbox_hedgehog_{table} GROUP BY status")  # type: ignore[arg-type]
                found.update({f"{table} {status}": count for status, count in rows.fetchall()})
        return dict(found)


def leaks(world: World, canaries: list[str], session: requests.Session) -> list[str]:
    """Where one of the canaries stands in clear: database, broker and cache, logs, mirrors, pages."""
    found = []
    for place, content in _places(world, session):
        found += [f"{canary[:6]}… in {place}" for canary in canaries if canary.encode() in content]
    return found


def _places(world: World, session: requests.Session) -> Any:
    with psycopg.connect(world.database.url, autocommit=True) as connection:
        tables = connection.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'").fetchall()
        for (table,) in tables:
            with connection.cursor().copy(f'COPY "{table}" TO STDOUT') as copy:  # type: ignore[arg-type]
                yield f"table {table}", b"".join(map(bytes, copy))
    for number in (0, 1):
        client = redis.Redis.from_url(f"{world.valkey.url}/{number}")
        for key in client.scan_iter(count=1000):
            yield f"key {key!r}", key + (client.dump(key) or b"")
        client.close()
    for path in world.scratch.rglob("*"):
        if path.is_file() and "pg" not in path.relative_to(world.scratch).parts[:1]:
            yield str(path.relative_to(world.scratch)), path.read_bytes()
    for page in ("", *(f"netbox_hedgehog/{name}/" for name in ("hedgehogfabric", "gitrepository", "syncrun"))):
        yield f"page {page}", session.get(f"http://127.0.0.1:{world.port}/admin/{page}", timeout=30).content
