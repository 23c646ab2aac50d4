"""What a fabric's syncs changed, one after the other or between two commits."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from django.db.models import Q, QuerySet

from netbox_hedgehog.models import HedgehogFabric, RunStatus, SyncRun
from netbox_hedgehog.sync.changes import folded
from netbox_hedgehog.sync.record import Entry, Record

_APPLIED = (RunStatus.SUCCEEDED, RunStatus.UNCHANGED)


class HistoryError(Exception):
    """The history does not hold what was asked for; says what it lacks."""


@dataclass(frozen=True, slots=True)
class Difference:
    """What the syncs after ``older`` up to ``newer`` changed, as one record.

    ``gaps`` counts the syncs among them of which no record is kept, or only a part.
    """

    older: SyncRun
    newer: SyncRun
    record: Record
    gaps: int


def runs_of(fabric: HedgehogFabric) -> QuerySet[SyncRun]:
    """Its finished syncs, the newest first; two that began at one moment in the order in which they were written."""
    return SyncRun.objects.filter(fabric=fabric).order_by("-started_at", "-pk")


def between(fabric: HedgehogFabric, older: str, newer: str = "") -> Difference:
    """What changed between two commits that were synced, given by enough of their ids; ``newer`` may be left out.

    Of a commit that was synced more than once, the last time counts.

    Raises:
        HistoryError: one of them was never synced, or not in the time that the history covers, or they are the wrong
            way round.
    """
    first, last = _sync_of(fabric, older), _sync_of(fabric, newer)
    if (first.started_at, first.pk) > (last.started_at, last.pk):
        raise HistoryError(f"Commit {older} was synced after {newer}: give them the other way round.")
    later = Q(started_at__gt=first.started_at) | Q(started_at=first.started_at, pk__gt=first.pk)
    no_later = Q(started_at__lt=last.started_at) | Q(started_at=last.started_at, pk__lte=last.pk)
    runs = runs_of(fabric).filter(later, no_later, status=RunStatus.SUCCEEDED).reverse()
    records = list(runs.values_list("record__content", flat=True))
    known = [record for record in records if record]
    gaps = len(records) - len(known) + sum(any(record["more"].values()) for record in known)
    return Difference(first, last, fold(known), gaps)


def _sync_of(fabric: HedgehogFabric, commit: str) -> SyncRun:
    run = runs_of(fabric).filter(status__in=_APPLIED, commit__startswith=commit.lower()).first()
    if run is None:
        what = f"Commit {commit}" if commit else "No commit"
        raise HistoryError(f"{what} of fabric {fabric.name} was {'never ' if commit else ''}synced, as far as is kept.")
    return run


def fold(records: Iterable[Mapping[str, Any]]) -> Record:
    """Successive records, the oldest first, as one.

    What was created and deleted again is left out, and so is a field that has its old value again. What was deleted
    and created anew is listed as both: a record does not hold what a new resource says.
    """
    fates: dict[tuple[str, ...], _Fate] = {}
    more = {"created": 0, "updated": 0, "deleted": 0}
    for record in records:
        for name in more:
            more[name] += record["more"].get(name, 0)
        # A record's own order: nothing is in two of its lists.
        for entry in record["deleted"]:
            _fate(fates, entry).delete(entry)
        for entry in record["updated"]:
            _fate(fates, entry).update(entry)
        for entry in record["created"]:
            _fate(fates, entry).create(entry)
    return Record(
        created=[fate.created for fate in fates.values() if fate.created],
        updated=[fate.updated for fate in fates.values() if fate.updated],
        deleted=[fate.deleted for fate in fates.values() if fate.deleted],
        more=more,
    )


class _Fate:
    """What became of one resource, so far."""

    def __init__(self) -> None:
        self.created: Entry | None = None
        self.updated: Entry | None = None
        self.deleted: Entry | None = None

    def create(self, entry: Entry) -> None:
        self.created = entry

    def update(self, entry: Entry) -> None:
        if self.created:
            self.created = {name: value for name, value in entry.items() if name not in {"fields", "more_fields"}}
            return
        before = self.updated or {"fields": [], "more_fields": 0}
        fields = folded([*before["fields"], *entry["fields"]])
        hidden = before["more_fields"] + entry["more_fields"]
        self.updated = entry | {"fields": fields, "more_fields": hidden} if fields or hidden else None

    def delete(self, entry: Entry) -> None:
        if self.created:
            self.created = None
            return
        self.updated, self.deleted = None, entry


def _fate(fates: dict[tuple[str, ...], _Fate], entry: Entry) -> _Fate:
    key = (entry["api_version"], entry["kind"], entry["namespace"], entry["name"])
    return fates.setdefault(key, _Fate())
