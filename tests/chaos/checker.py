"""What must not be: judged from what the witness wrote down of every transaction, and from the state at rest."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import psycopg

from tests.chaos.canaries import leaks
from tests.chaos.forge import documents_at
from tests.chaos.witness import WITNESS
from tests.chaos.world import SKEW_SECONDS

if TYPE_CHECKING:
    from tests.chaos.canaries import Secrets
    from tests.chaos.forge import Forge
    from tests.chaos.world import World

_STATES: Final = "SELECT id, fabric, oldest, newest, resources, commit FROM witness.state WHERE id > %s ORDER BY id"
# A worker whose clock is ahead sees the end of a lease that much early.
_TAKEN_AWAY: Final = """
    SELECT fabric, token, left_seconds FROM witness.claim_end claim
    WHERE was_running AND left_seconds > %s AND NOT EXISTS (
        SELECT FROM witness.run_end run
        WHERE (run.fabric, run.token, run.transaction) = (claim.fabric, claim.token, claim.transaction)
    )
"""
_WITHOUT_CLAIM: Final = """
    SELECT id, token FROM witness.run_end run WHERE NOT EXISTS (
        SELECT FROM witness.claim_end claim
        WHERE (claim.fabric, claim.token, claim.transaction) = (run.fabric, run.token, run.transaction)
    )
"""
_LATE: Final = """
    SELECT name, sync_status, sync_error FROM netbox_hedgehog_hedgehogfabric
    WHERE last_sync IS NULL OR last_sync < to_timestamp(%s) OR sync_status <> 'in_sync' ORDER BY name
"""
_RESOURCES: Final = """
    SELECT fabric.name, resource.name, resource.labels->>'revision', resource.spec->>'description'
    FROM netbox_hedgehog_fabricresource resource JOIN netbox_hedgehog_hedgehogfabric fabric ON fabric.id = fabric_id
"""
_MOST_TOLD: Final = 20


class State(NamedTuple):
    """A fabric as one transaction left it: the revisions its resources carry, their number, and its commit."""

    id: int
    fabric: str
    oldest: int | None
    newest: int | None
    resources: int
    commit: str


def wrong_states(
    states: Iterable[State], revisions_at: Mapping[str, Mapping[str, int]], seen: dict[str, int]
) -> Iterator[str]:
    """What is wrong with states in the order of their commits; ``seen`` is each fabric's newest revision so far."""
    for state in states:
        committed = revisions_at.get(state.commit, {}).get(state.fabric)
        if state.oldest != state.newest:
            yield f"half applied: {state.fabric} has resources of revisions {state.oldest} to {state.newest}"
        elif state.newest is None or state.resources != len(documents_at(state.newest)):
            yield f"half applied: {state.fabric} has {state.resources} resources at revision {state.newest}"
        elif state.newest != committed:
            yield f"half applied: {state.fabric} has revision {state.newest} and the commit of revision {committed}"
        if state.newest is not None:
            if state.newest < seen.get(state.fabric, 0):
                yield f"back in time: {state.fabric} went from revision {seen[state.fabric]} to {state.newest}"
            seen[state.fabric] = state.newest


class Checker:
    """Asks with queries of its own; every answer is a list of what is wrong, empty if nothing is."""

    def __init__(self, world: World, forge: Forge, secrets: Secrets) -> None:
        self.states = 0
        self._secrets = secrets
        self._world = world
        self._forge = forge
        self._seen: dict[str, int] = {}
        self._judged_until = 0
        self._connection = self._connected()
        self._connection.execute(WITNESS)

    def _connected(self) -> psycopg.Connection[Any]:
        return psycopg.connect(self._world.database.url, autocommit=True)

    def close(self) -> None:
        """It asks no more."""
        self._connection.close()

    def reconnect(self) -> None:
        """The database was away."""
        self.close()
        self._connection = self._connected()

    def _rows(self, query: str, *parameters: object) -> list[tuple[Any, ...]]:
        return self._connection.execute(query, parameters or None).fetchall()  # type: ignore[arg-type]

    def wrong_states(self) -> list[str]:
        """States that were half applied or went back in time, of all that came since this was asked last."""
        states = [State(*row) for row in self._rows(_STATES, self._judged_until)]
        if states:
            self._judged_until = states[-1].id
        self.states += len(states)
        return list(wrong_states(states, self._forge.revisions_at, self._seen))[:_MOST_TOLD]

    def at_once(self) -> list[str]:
        """Syncs of one fabric that ran at the same time: one took the other's claim, or wrote without having it."""
        taken = self._rows(_TAKEN_AWAY, SKEW_SECONDS + 0.1)
        without = self._rows(_WITHOUT_CLAIM)
        return [
            *(f"at once: the claim {token} on {fabric} was taken {left:.1f} s early" for fabric, token, left in taken),
            *(f"at once: sync run {run} wrote without its claim {token}" for run, token in without),
        ][:_MOST_TOLD]

    def leaked(self) -> list[str]:
        """Secrets that stand somewhere in clear."""
        return leaks(self._world, self._secrets)[:_MOST_TOLD]

    def late(self, since: float) -> list[str]:
        """Fabrics without a good sync since a time (seconds since 1970)."""
        return [f"late: {name}, {status} {error[:200]}" for name, status, error in self._rows(_LATE, since)]

    def different(self) -> list[str]:
        """Fabrics whose resources are not those of Git's newest commit."""
        stored: dict[str, set[tuple[str, ...]]] = {}
        for fabric, *document in self._rows(_RESOURCES):
            stored.setdefault(fabric, set()).add(tuple(document))
        wanted = {fabric: documents_at(revision) for fabric, revision in self._forge.revisions.items()}
        return [
            f"different: {fabric} is not at revision {self._forge.revisions[fabric]}"
            for fabric in wanted
            if stored.get(fabric) != wanted[fabric]
        ]

    def counts(self) -> dict[str, int]:
        """Runs and ticks by outcome."""
        found: Counter[str] = Counter()
        for table in ("syncrun", "schedulerrun"):
            rows = self._rows(f"SELECT status, count(*) FROM netbox_hedgehog_{table} GROUP BY status")
            found.update({f"{table} {status}": count for status, count in rows})
        return dict(found)
