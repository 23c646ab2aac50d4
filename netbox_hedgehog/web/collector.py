"""What the fleet is like at this moment, as Prometheus' metric families.

Everything is read when it is asked for, from the database, the broker, and what workers tell the cache. So the figures
are the fleet's and the same from every web process, whatever the number of processes and machines. No label takes
its values from what users or repositories name.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from importlib.metadata import version
from time import perf_counter
from typing import Final

import structlog
from django.utils import timezone
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeHistogramMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    InfoMetricFamily,
    Metric,
)
from prometheus_client.registry import Collector

from netbox_hedgehog.models import HedgehogFabric, RunKind, RunTotal
from netbox_hedgehog.observability.redaction import redact
from netbox_hedgehog.pulse import workers_seen
from netbox_hedgehog.scheduling.due import Overdue, is_claimed
from netbox_hedgehog.scheduling.figures import LATENESS_SECONDS, figures
from netbox_hedgehog.scheduling.fleet import survey
from netbox_hedgehog.scheduling.totals import COUNTED
from netbox_hedgehog.tasks.queue import QUEUE, queue_length

SERVER_SECONDS: Final = 4.0
"""A broker or cache that takes longer costs its own figures, not the scrape: Prometheus waits ten seconds."""

_EXECUTOR: Final = ThreadPoolExecutor(max_workers=4, thread_name_prefix="scrape")

log = structlog.get_logger(__name__)


class FleetCollector(Collector):
    """Asks each source in turn; one that fails is told by ``hedgehog_scrape_success``, and the others go on."""

    def collect(self) -> Iterator[Metric]:
        """Yield all families."""
        now = timezone.now()
        success = GaugeMetricFamily(
            "hedgehog_scrape_success", "Whether these figures could be read.", labels=["source"]
        )
        duration = GaugeMetricFamily(
            "hedgehog_scrape_duration_seconds", "How long reading these figures took.", labels=["source"]
        )
        for source, read in _SOURCES.items():
            started = perf_counter()
            try:
                families = read(now)
            except Exception as error:  # noqa: BLE001 - whatever a driver raises: the other figures are wanted still
                families = []
                success.add_metric([source], 0)
                log.warning("metrics.not_read", source=source, error=redact(error) or type(error).__name__)
            else:
                success.add_metric([source], 1)
            duration.add_metric([source], perf_counter() - started)
            yield from families
        yield InfoMetricFamily("hedgehog_build", "The version.", value={"version": version("netbox-hedgehog")})
        yield success
        yield duration


def _fabrics(now: datetime) -> list[Metric]:
    """The figures of a large fleet are counted every few seconds, whoever asks."""
    counted = figures(now)
    fabrics = GaugeMetricFamily(
        "hedgehog_fabrics", "Fabrics by status and outcome of the last sync.", labels=["status", "sync_status"]
    )
    for group in counted.groups:
        fabrics.add_metric([group.status, group.sync_status], group.fabrics)
    return [
        fabrics,
        *_lateness(counted.overdue),
        GaugeMetricFamily(
            "hedgehog_fabrics_counted_timestamp_seconds",
            "When the figures about fabrics were counted: those of a large fleet are kept for some seconds.",
            value=counted.at.timestamp(),
        ),
        GaugeMetricFamily(
            "hedgehog_fabrics_scheduled",
            "Fabrics that the schedule looks after.",
            value=sum(group.scheduled for group in counted.groups),
        ),
        GaugeMetricFamily(
            "hedgehog_resources", "Resources of all fabrics.", value=sum(group.resources for group in counted.groups)
        ),
    ]


def _lateness(groups: list[Overdue]) -> list[Metric]:
    fabrics = GaugeMetricFamily(
        "hedgehog_fabrics_overdue",
        "Fabrics whose interval has passed: due for the next tick, or why that does not send them.",
        labels=["reason"],
    )
    longest = GaugeMetricFamily(
        "hedgehog_fabric_lateness_max_seconds",
        "How long ago the interval passed of the fabric that is latest, among those that were ever synced.",
        labels=["reason"],
    )
    spread = GaugeHistogramMetricFamily(
        "hedgehog_fabric_lateness_seconds",
        "How long ago the intervals passed of the overdue fabrics that were ever synced.",
        labels=["reason"],
    )
    for group in groups:
        fabrics.add_metric([group.verdict], group.fabrics)
        longest.add_metric([group.verdict], group.longest_seconds)
        buckets = [
            *((str(float(bound)), count) for bound, count in zip(LATENESS_SECONDS, group.within, strict=True)),
            ("+Inf", group.synced),
        ]
        spread.add_metric([group.verdict], buckets, group.total_seconds)
    return [fabrics, longest, spread]


def _schedule(now: datetime) -> list[Metric]:
    fleet = survey(now)
    running = HedgehogFabric.objects.filter(is_claimed(now), claim_started_at__isnull=False).count()
    syncs = GaugeMetricFamily("hedgehog_syncs_in_progress", "Syncs by what they do now.", labels=["activity"])
    syncs.add_metric(["queued"], fleet.live_claims - running)
    syncs.add_metric(["syncing"], running)
    families: list[Metric] = [
        syncs,
        GaugeMetricFamily(
            "hedgehog_sync_queued_max_seconds",
            "How long the sync that has waited longest for a worker has been queued.",
            value=(now - fleet.oldest_queued_at).total_seconds() if fleet.oldest_queued_at else 0,
        ),
        GaugeMetricFamily(
            "hedgehog_schedule_enabled", "Whether beat is to send ticks.", value=float(fleet.schedule.enabled)
        ),
    ]
    if fleet.schedule.every:
        families.append(
            GaugeMetricFamily(
                "hedgehog_tick_interval_seconds",
                "The time between two ticks; absent if they go by a calendar.",
                value=fleet.schedule.every.total_seconds(),
            )
        )
    if fleet.schedule.last_sent_at:
        families.append(
            GaugeMetricFamily(
                "hedgehog_tick_last_sent_timestamp_seconds",
                "When beat sent the latest tick.",
                value=fleet.schedule.last_sent_at.timestamp(),
            )
        )
    if tick := fleet.last_tick:
        families += [
            GaugeMetricFamily(
                "hedgehog_tick_last_start_timestamp_seconds",
                "When the latest tick began.",
                value=tick.started_at.timestamp(),
            ),
            GaugeMetricFamily(
                "hedgehog_tick_last_duration_seconds", "How long the latest tick took.", value=tick.duration_seconds
            ),
            GaugeMetricFamily(
                "hedgehog_tick_last_fabrics_due", "Fabrics that the latest tick found due.", value=tick.fabrics_due
            ),
            GaugeMetricFamily(
                "hedgehog_tick_last_syncs_triggered", "Syncs that the latest tick sent.", value=tick.syncs_triggered
            ),
        ]
    return families


def _totals(_now: datetime) -> list[Metric]:
    """Counters, from sums that a tick adds to and nothing takes from."""
    syncs = CounterMetricFamily(
        "hedgehog_syncs", "Syncs that ended, by outcome and error code.", labels=["status", "error_code"]
    )
    ticks = CounterMetricFamily("hedgehog_ticks", "Ticks that ended, by outcome.", labels=["status"])
    totals: dict[RunKind, list[RunTotal]] = {kind: [] for kind in RunKind}
    for total in RunTotal.objects.order_by("status", "error_code"):
        totals[RunKind(total.kind)].append(total)
        if total.kind == RunKind.SYNC:
            syncs.add_metric([total.status, total.error_code], total.runs)
        else:
            ticks.add_metric([total.status], total.runs)
    changes = CounterMetricFamily(
        "hedgehog_resource_changes", "Resources that syncs created, updated and deleted.", labels=["change"]
    )
    for change in COUNTED[RunKind.SYNC].sums:
        changes.add_metric([change], _sum(totals[RunKind.SYNC], change))
    return [
        syncs,
        _durations("hedgehog_sync_duration_seconds", "How long syncs took, by outcome.", totals[RunKind.SYNC]),
        changes,
        ticks,
        _durations("hedgehog_tick_duration_seconds", "How long ticks took, by outcome.", totals[RunKind.TICK]),
        CounterMetricFamily(
            "hedgehog_syncs_triggered",
            "Syncs that ticks sent to workers.",
            value=_sum(totals[RunKind.TICK], "syncs_triggered"),
        ),
    ]


def _sum(totals: list[RunTotal], name: str) -> int:
    return sum(total.sums.get(name, 0) for total in totals)


def _durations(name: str, documentation: str, totals: list[RunTotal]) -> HistogramMetricFamily:
    family = HistogramMetricFamily(name, documentation, labels=["status"])
    for status in sorted({total.status for total in totals}):
        alike = [total for total in totals if total.status == status]
        bounds = sorted({float(bound) for total in alike for bound in total.within})
        within = {bound: sum(total.within.get(f"{bound:g}", 0) for total in alike) for bound in bounds}
        buckets = [*((str(bound), count) for bound, count in within.items()), ("+Inf", sum(t.runs for t in alike))]
        family.add_metric([status], buckets, sum(total.seconds for total in alike))
    return family


def _queue(_now: datetime) -> list[Metric]:
    messages = GaugeMetricFamily(
        "hedgehog_queue_messages", "Messages that no worker has taken yet, as the broker counts.", labels=["queue"]
    )
    messages.add_metric([QUEUE], _within_time(queue_length))
    return [messages]


def _workers(_now: datetime) -> list[Metric]:
    signs = {name: sign for name, sign in _within_time(workers_seen).items() if QUEUE in sign["queues"]}
    free = GaugeMetricFamily(
        "hedgehog_mirror_disk_free_bytes", "Room on the disk that holds a worker's mirrors.", labels=["worker"]
    )
    size = GaugeMetricFamily(
        "hedgehog_mirror_disk_size_bytes", "Size of the disk that holds a worker's mirrors.", labels=["worker"]
    )
    taken = GaugeMetricFamily(
        "hedgehog_mirrors_bytes", "What a worker's mirrors take, measured every five minutes.", labels=["worker"]
    )
    for name, sign in signs.items():
        if sign["mirrors_bytes"] is not None:
            taken.add_metric([name], sign["mirrors_bytes"])
        free.add_metric([name], sign["disk_free_bytes"])
        size.add_metric([name], sign["disk_size_bytes"])
    return [
        GaugeMetricFamily(
            "hedgehog_workers", "Workers that told of themselves within the last minute.", value=len(signs)
        ),
        GaugeMetricFamily(
            "hedgehog_worker_processes",
            "Syncs that these workers can run at the same time.",
            value=sum(sign["processes"] for sign in signs.values()),
        ),
        free,
        size,
        taken,
    ]


def _within_time[T](ask: Callable[[], T]) -> T:
    return _EXECUTOR.submit(ask).result(timeout=SERVER_SECONDS)


_SOURCES: Final[dict[str, Callable[[datetime], list[Metric]]]] = {
    "fabrics": _fabrics,
    "schedule": _schedule,
    "totals": _totals,
    "queue": _queue,
    "workers": _workers,
}
