"""Why is this fabric not syncing? The scheduler's own reasons, in words, each with what helps.

Whether a fabric is due, claimed or backing off is never decided here: the database answers with the predicates of
``scheduling.due``, so that an explanation cannot disagree with the tick. docs/operations.md lists the codes.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Final, NamedTuple

from django.db.models import Case, Exists, OuterRef, Q, QuerySet, Value, When

from netbox_hedgehog.models import FabricStatus, HedgehogFabric, SyncStatus, Trigger
from netbox_hedgehog.scheduling.claims import LONGEST_OVERDUE_FIRST
from netbox_hedgehog.scheduling.due import HAS_SOURCE, due, has_expired, is_backing_off, is_claimed
from netbox_hedgehog.scheduling.fleet import Fleet, hindrances, survey, untaken
from netbox_hedgehog.scheduling.reasons import Reason, Why, at, at_microseconds

LEAST_COUNTED: Final = 1000
"""So many fabrics before another are counted, however few the next tick may take."""


@dataclass(frozen=True, slots=True)
class Answer:
    """All reasons of one fabric, the weightiest first; ``position`` (from 1) is its place among the due."""

    fabric_id: int
    name: str
    is_due: bool
    position: int | None
    reasons: tuple[Reason, ...]


class _Fabric(NamedTuple):
    """The columns that the sentences need, and the database's verdicts at the moment asked about.

    No model instance: a value elsewhere in a row that Python cannot hold must not hide all other fabrics.
    """

    pk: int
    name: str
    sync_enabled: bool
    status: str
    sync_interval: int
    sync_status: str
    sync_error: str
    consecutive_failures: int
    retry_at: datetime | None
    claim_trigger: str
    claim_worker: str
    claimed_at: datetime | None
    claim_started_at: datetime | None
    claim_expires_at: datetime | None
    due_at: int | None
    git_repository__name: str | None
    is_due: bool
    expired: bool
    has_source: bool
    claimed: bool
    backing_off: bool
    never_synced: bool
    from_the_future: bool


def why_not(fabric_id: int, now: datetime) -> tuple[Reason, ...]:
    """Why this fabric is not syncing at ``now``.

    Raises:
        HedgehogFabric.DoesNotExist: there is no such fabric.
    """
    fleet = survey(now)
    rows = _rows(HedgehogFabric.objects.filter(pk=fabric_id), now)
    if not rows:
        raise HedgehogFabric.DoesNotExist(f"There is no fabric {fabric_id}.")
    return tuple(_reasons(rows[0], fleet, _place(rows[0], fleet) if rows[0].is_due else None))


def explain(fabrics: QuerySet[HedgehogFabric], now: datetime, fleet: Fleet | None = None) -> list[Answer]:
    """The reasons of each of ``fabrics``, in the queryset's order; at most six queries for any number of them."""
    fleet = fleet or survey(now)
    rows = _rows(fabrics, now)
    positions = _positions(now, {row.pk for row in rows if row.is_due})
    return [_answer(row, fleet, positions.get(row.pk)) for row in rows]


def _rows(fabrics: QuerySet[HedgehogFabric], now: datetime) -> list[_Fabric]:
    return [_Fabric(*row) for row in fabrics.annotate(**_verdicts(now)).values_list(*_Fabric._fields)]


def _answer(row: _Fabric, fleet: Fleet, position: int | None) -> Answer:
    place = _Place(position) if position else None
    return Answer(row.pk, row.name, row.is_due, position, tuple(_reasons(row, fleet, place)))


def _verdicts(now: datetime) -> dict[str, Case | Exists]:
    return {
        "is_due": Exists(due(now).filter(pk=OuterRef("pk"))),
        "expired": _whether(has_expired(now)),
        "has_source": _whether(HAS_SOURCE),
        "claimed": _whether(is_claimed(now)),
        "backing_off": _whether(is_backing_off(now)),
        "never_synced": _whether(Q(last_sync__isnull=True)),
        "from_the_future": _whether(Q(last_sync__gt=now)),
    }


def _whether(condition: Q) -> Case:
    """Two-valued, unlike the condition itself: what the database does not know is not so."""
    return Case(When(condition, then=Value(value=True)), default=Value(value=False))


def _positions(now: datetime, wanted: set[int]) -> dict[int, int]:
    """The places of the ``wanted`` fabrics among all that are due, the first being 1."""
    if not wanted:
        return {}
    line = due(now).order_by(*LONGEST_OVERDUE_FIRST).values_list("pk", flat=True)
    return {pk: position for position, pk in enumerate(line, start=1) if pk in wanted}


class _Place(NamedTuple):
    """A place among the due, the first being 1; or one behind it, where counting ended."""

    position: int
    is_further: bool = False


def _place(fabric: _Fabric, fleet: Fleet) -> _Place:
    """Counted as far as the next tick goes: a page asks, and all fabrics may be due."""
    most = max(fleet.room, LEAST_COUNTED)
    earlier = Q(due_at__lt=fabric.due_at) | Q(due_at=fabric.due_at, pk__lt=fabric.pk)
    before = due(fleet.now).filter(earlier).order_by()[: most + 1].count()
    return _Place(min(before, most) + 1, is_further=before > most)


def _reasons(fabric: _Fabric, fleet: Fleet, place: _Place | None) -> Iterator[Reason]:
    if fabric.claimed:
        yield from _under_way(fabric, fleet)
    if fabric.due_at is None:
        yield from _unscheduled(fabric)
    if not fabric.has_source:
        yield _no_source(fabric)
    if fabric.due_at is not None and not fabric.expired:
        yield _not_yet(fabric.due_at, fleet.now)
    if fabric.backing_off:
        yield _after_the_last(fabric, fleet.now)
    if fabric.is_due:
        yield from _waiting(fabric, fleet, place)
    if fabric.sync_status == SyncStatus.HELD:
        yield Reason(
            Why.HELD,
            "Its last sync was held: it would have changed more than the fabric's budget allows. Nothing was written.",
            "Look at it under “Held changes” or with held_changes, approve or reject it. A new commit is judged anew.",
        )
    if fabric.from_the_future and fabric.due_at is not None:
        yield _clock(fabric, fabric.due_at, fleet.now)


def _under_way(fabric: _Fabric, fleet: Fleet) -> Iterator[Reason]:
    now = fleet.now
    if fabric.claim_started_at is not None:
        yield Reason(
            Why.SYNCING,
            f"Worker {fabric.claim_worker or 'unknown'} has been syncing it since {at(fabric.claim_started_at, now)}.",
            f"Nothing to do. If the worker is dead, its claim ends by itself {at(fabric.claim_expires_at, now)}.",
        )
        return
    asked = "by hand" if fabric.claim_trigger == Trigger.MANUAL else "by the schedule"
    yield Reason(
        Why.QUEUED,
        f"A sync, asked for {asked}, has been queued since {at(fabric.claimed_at, now)}.",
        f"Nothing to do: a worker takes it, or it is given up {at(fabric.claim_expires_at, now)}.",
    )
    yield from untaken(fleet)


def _unscheduled(fabric: _Fabric) -> Iterator[Reason]:
    """Which of the three switches of ``due_at`` are off."""
    if not fabric.sync_enabled:
        yield Reason(Why.DISABLED, "Its sync is disabled.", "Enable sync on the fabric.")
    if fabric.status != FabricStatus.ACTIVE:
        yield Reason(
            Why.NOT_ACTIVE,
            f"Its status is “{fabric.status}”; the schedule syncs active fabrics only.",
            "Set its status to active.",
        )
    if fabric.sync_interval <= 0:
        yield Reason(
            Why.NO_INTERVAL,
            f"Its sync interval is {fabric.sync_interval} s, which means never by schedule.",
            "Set an interval above 0.",
        )


def _no_source(fabric: _Fabric) -> Reason:
    if fabric.git_repository__name is None:
        return Reason(Why.NO_SOURCE, "It has no Git repository.", "Choose a repository on the fabric.")
    return Reason(
        Why.NO_SOURCE,
        f"Its Git repository “{fabric.git_repository__name}” has no URL.",
        "Enter the repository's URL.",
    )


def _not_yet(due_at: int, now: datetime) -> Reason:
    return Reason(
        Why.NOT_YET,
        f"It is not due until {at_microseconds(due_at, now)}.",
        "Nothing to do. “Sync now” does not wait; a shorter sync interval makes it due earlier.",
    )


def _after_the_last(fabric: _Fabric, now: datetime) -> Reason:
    """Why it waits after its last sync: it was held, cancelled, or failed."""
    if fabric.sync_status == SyncStatus.HELD:
        return _pausing(fabric, now)
    return _backing_off(fabric, now) if fabric.consecutive_failures else _cancelled(fabric, now)


def _cancelled(fabric: _Fabric, now: datetime) -> Reason:
    return Reason(
        Why.NOT_YET,
        f"Its last sync was cancelled; it is not due until {at(fabric.retry_at, now)}.",
        "Nothing to do. “Sync now” does not wait, and neither does a changed repository or directory.",
    )


def _pausing(fabric: _Fabric, now: datetime) -> Reason:
    return Reason(
        Why.NOT_YET,
        f"It waits for a decision; its repository is looked at again {at(fabric.retry_at, now)}.",
        "Decide about the held change. Approving it makes it due at once; “Sync now” looks for a new commit.",
    )


def _backing_off(fabric: _Fabric, now: datetime) -> Reason:
    times = "once" if fabric.consecutive_failures == 1 else f"{fabric.consecutive_failures} times in a row"
    error = f" Last error: {fabric.sync_error}" if fabric.sync_error else ""
    return Reason(
        Why.BACKING_OFF,
        f"It failed {times} and backs off until {at(fabric.retry_at, now)}.{error}",
        "Mend what the error names: a changed repository or directory is tried at the next tick, “Sync now” at once.",
    )


def _waiting(fabric: _Fabric, fleet: Fleet, place: _Place | None) -> Iterator[Reason]:
    obstacles = [*hindrances(fleet), *_cap(fleet, place)]
    since = "never synced" if fabric.never_synced else f"due since {at_microseconds(fabric.due_at or 0, fleet.now)}"
    helps = "See what keeps it waiting." if obstacles else "Nothing to do: the next tick hands it to a worker."
    yield Reason(Why.DUE, f"It is due now ({since}){_in_line(place)}.", helps)
    yield from obstacles


def _in_line(place: _Place | None) -> str:
    if place is None:
        return ""
    before = place.position - 1
    return f", with more than {before:,} before it" if place.is_further else f", number {place.position:,} in line"


def _cap(fleet: Fleet, place: _Place | None) -> Iterator[Reason]:
    if place is not None and (0 < fleet.room < place.position + place.is_further):
        more = "More than " if place.is_further else ""
        yield Reason(
            Why.CAP_REACHED,
            f"{more}{place.position - 1:,} fabrics have been due for longer, and the next tick hands out"
            f" {fleet.room:,} at most (every other batch to the shortest intervals).",
            "Wait, or add workers and raise HEDGEHOG_TICK_MAX_DISPATCH.",
        )


def _clock(fabric: _Fabric, due_at: int, now: datetime) -> Reason:
    last_sync = at_microseconds(due_at - fabric.sync_interval * 1_000_000, now)
    return Reason(
        Why.CLOCK,
        f"Its last sync is dated in the future, {last_sync}: a clock was wrong, or the value was edited.",
        "Check the clocks of the workers and the database, then use “Sync now”, which dates it anew.",
    )
