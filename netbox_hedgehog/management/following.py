"""Follow syncs from the outside, by what the database says of them, until each has ended."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from time import sleep
from typing import Any, Final, NamedTuple

from django.db.models import Max, QuerySet
from django.utils import timezone

from netbox_hedgehog.management.display import Display
from netbox_hedgehog.models import HedgehogFabric, RunStatus, SyncRun
from netbox_hedgehog.scheduling.among import Among
from netbox_hedgehog.scheduling.due import is_claimed
from netbox_hedgehog.sync.progress import progress_of

POLL_SECONDS: Final = 0.5
WELL: Final = (RunStatus.SUCCEEDED, RunStatus.UNCHANGED)

type Names = dict[int, str]


class Since(NamedTuple):
    """When syncs were asked for, and each fabric's newest run before that, by its id."""

    asked_at: datetime
    runs: dict[int, int]


@dataclass(frozen=True, slots=True)
class Ended:
    """How the sync of one fabric ended; without a run if no worker took it, or its worker was lost."""

    fabric: str
    run: SyncRun | None

    @property
    def is_well(self) -> bool:
        """Whether the fabric is as its repository says."""
        return self.run is not None and self.run.status in WELL

    def as_json(self) -> dict[str, Any]:
        """For scripts."""
        if self.run is None:
            return {"fabric": self.fabric, "status": RunStatus.LOST.value}
        columns = ("status", "commit", "created", "updated", "deleted", "unchanged", "duration_seconds")
        document = {"fabric": self.fabric, **{name: getattr(self.run, name) for name in columns}}
        if error := self.run.error_as_json():
            document["error"] = error
        return document

    def __str__(self) -> str:
        run = self.run
        if run is None:
            return "no outcome: no worker took it in time, or its worker was lost"
        if run.error_code:
            return f"{run.get_status_display()}: {run.error_code}: {run.error_message}"
        sizes = f"+{run.created:,} ~{run.updated:,} -{run.deleted:,}"
        return f"{run.get_status_display()}  {sizes}  commit {run.commit[:12]}  ({run.duration_seconds:.2f} s)"


def since(asked_at: datetime, fabrics: Names) -> Since:
    """To be taken just before the syncs are asked for with the same ``asked_at``."""
    return Since(asked_at, _newest_runs(fabrics))


def follow(fabrics: Names, since: Since, display: Display) -> list[Ended]:
    """Wait until each fabric's sync has ended, and show how they get on; how each ended, in the order of ending.

    It ends by itself: a claim that nobody renews expires.
    """
    ended: list[Ended] = []
    waiting = dict(fabrics)
    with display:
        while waiting:
            under_way, runs = _look(waiting, since)
            progress = progress_of(under_way.values())
            for fabric_id, fabric in under_way.items():
                display.under_way(waiting[fabric_id], fabric.activity(timezone.now()), progress.get(fabric_id))
            for fabric_id in waiting.keys() - under_way.keys():
                end = Ended(waiting.pop(fabric_id), runs.get(fabric_id))
                display.ended(end.fabric, str(end), is_well=end.is_well)
                ended.append(end)
            if waiting:
                sleep(POLL_SECONDS)
    return ended


def _look(fabrics: Names, since: Since) -> tuple[dict[int, HedgehogFabric], dict[int, SyncRun]]:
    """Those whose sync has not ended, and the run of each of the others that has one.

    A claim ends together with the writing of its run, so what is idle by the first query has its run in the second.
    """
    now = timezone.now()
    claimed = {each.pk: each for each in HedgehogFabric.objects.filter(is_claimed(now), Among(fabrics))}
    newest = {pk: run for pk, run in _newest_runs(fabrics).items() if run > since.runs.get(pk, 0)}
    under_way = {
        pk: fabric
        for pk, fabric in claimed.items()
        # Another claim than what was asked for, and a new run: it was asked for, has ended, and is due again.
        if fabric.claimed_at == since.asked_at or pk not in newest
    }
    runs = SyncRun.objects.in_bulk([run for pk, run in newest.items() if pk not in under_way])
    return under_way, {run.fabric_id: run for run in runs.values()}


def _newest_runs(fabrics: Names) -> dict[int, int]:
    runs: QuerySet[SyncRun] = SyncRun.objects.filter(
        fabric__in=HedgehogFabric.objects.filter(Among(fabrics))
    ).order_by()
    return dict(runs.values_list("fabric_id").annotate(Max("pk")))
