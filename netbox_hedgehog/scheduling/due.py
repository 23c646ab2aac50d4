"""The due rule (docs/architecture.md, "When a fabric is due"), once."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Final, NamedTuple

from django.db.models import (
    Avg,
    BigIntegerField,
    Case,
    CharField,
    Count,
    F,
    Func,
    Min,
    Q,
    QuerySet,
    TextField,
    Value,
    When,
)
from django.db.models.functions import Cast, Coalesce, Greatest

from netbox_hedgehog.models import HedgehogFabric
from netbox_hedgehog.models.composed import Parameter
from netbox_hedgehog.models.expressions import EpochMicroseconds

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)

FABRIC_COLUMNS: Final = (
    "git_repository_id",
    "gitops_directory",
    "default_namespace",
    "foreign_documents",
    "schema_source_id",
    "schema_mode",
)
"""The columns of a fabric that are part of its source's fingerprint."""

_SOURCE_COLUMNS: Final = (
    "url",
    "branch",
    "username",
    "password",
    "ssh_private_key",
    "ssh_key_passphrase",
    "ssh_known_hosts",
    "ca_certificates",
    "proxy_url",
    "proxy_username",
    "proxy_password",
    "password_reference",
    "ssh_private_key_reference",
    "ssh_key_passphrase_reference",
    "proxy_password_reference",
)

DUE: Final = "due"
NO_SOURCE: Final = "no_source"
CLAIMED: Final = "claimed"
BACKING_OFF: Final = "backing_off"

HAS_SOURCE: Final = Q(git_repository__isnull=False) & ~Q(git_repository__url="")


def epoch_microseconds(moment: datetime) -> int:
    """``moment`` in the unit of :attr:`HedgehogFabric.due_at`; exact, unlike ``timestamp()``."""
    return (moment - _EPOCH) // timedelta(microseconds=1)


class _Digest(Func):
    """MD5 of texts joined flat: Django's own Concat nests, and SQLite's parser refuses that many levels."""

    template = "MD5(%(expressions)s)"
    arg_joiner = " || '|' || "
    output_field = CharField()


def source_fingerprint() -> _Digest:
    """A digest, computed by the database, of everything that decides what a sync fetches and how it reads it.

    Every finished sync stores it. While it is unchanged a failed fabric backs off, and an unmoved head needs no
    fetch; an edit by any path changes it, so a mended credential or URL is tried at the next tick. Not a security
    measure: MD5 is what both databases have.
    """
    columns = (*FABRIC_COLUMNS, *(f"git_repository__{name}" for name in _SOURCE_COLUMNS))
    return _Digest(*(Coalesce(Cast(column, TextField()), Value("")) for column in columns))


def is_claimed(now: datetime | Parameter) -> Q:
    """Rows that a live claim holds."""
    return Q(has_claim=True, claim_expires_at__gt=now)


def is_backing_off(now: datetime) -> Q:
    """Rows that wait after a failure, and whose source is still as it was when they failed.

    Two Qs, because one sorts what it is given, and databases work through it in that order: the digest of every row
    would be reckoned before a look at the time, and that is most of the work.
    """
    return Q(retry_at__gt=now) & Q(failed_source=source_fingerprint())


def has_expired(now: datetime) -> Q:
    """Rows of enabled, active fabrics with a positive interval that has passed (equality included)."""
    return Q(due_at__lte=epoch_microseconds(now))


def interval_expired(now: datetime) -> QuerySet[HedgehogFabric]:
    """The fabrics that are due as far as the schedule alone decides."""
    return HedgehogFabric.objects.filter(has_expired(now))


def due(now: datetime) -> QuerySet[HedgehogFabric]:
    """The fabrics that a tick at ``now`` may hand to workers."""
    return interval_expired(now).filter(HAS_SOURCE).exclude(is_claimed(now)).exclude(is_backing_off(now))


def due_since(now: datetime, since: datetime) -> QuerySet[HedgehogFabric]:
    """The fabrics that are due at ``now`` and could have been taken at ``since`` already."""
    return due(now).filter(has_expired(since)).exclude(is_backing_off(since))


def with_next_due(fabrics: QuerySet[HedgehogFabric]) -> QuerySet[HedgehogFabric]:
    """``fabrics`` with ``next_due``, in the unit of ``due_at``: when the schedule takes each next, NULL for never.

    As far as its interval and its back-off decide; it may be past.
    """
    waits = Q(retry_at__isnull=False) & Q(failed_source=source_fingerprint())
    return fabrics.annotate(
        next_due=Case(
            When(~HAS_SOURCE | Q(due_at__isnull=True), then=Value(None)),
            When(waits, then=Greatest(F("due_at"), EpochMicroseconds("retry_at"))),
            default=F("due_at"),
            output_field=BigIntegerField(),
        )
    )


def next_due_at(fabric: HedgehogFabric) -> datetime | None:
    """The ``next_due`` of a fabric that was loaded with it; None for never, also if Python knows no such year."""
    microseconds: int | None = fabric.next_due  # type: ignore[attr-defined]  # annotated
    try:
        return None if microseconds is None else _EPOCH + timedelta(microseconds=microseconds)
    except OverflowError:
        return None


class Census(NamedTuple):
    """How many fabrics the schedule looks after, how many are due, and why the others of those expired are not."""

    checked: int
    due: int
    skipped: dict[str, int]


def census(now: datetime) -> Census:
    """Count in the database; each expired fabric has exactly one verdict, the first that applies."""
    counts = dict(
        interval_expired(now).annotate(verdict=_verdict(now)).order_by().values_list("verdict").annotate(Count("pk"))
    )
    checked = HedgehogFabric.objects.filter(due_at__isnull=False).count()
    return Census(checked, counts.pop(DUE, 0), counts)


def _verdict(now: datetime) -> Case:
    """What becomes of an expired fabric: due, or the reason why not."""
    return Case(
        When(~HAS_SOURCE, then=Value(NO_SOURCE)),
        When(is_claimed(now), then=Value(CLAIMED)),
        When(is_backing_off(now), then=Value(BACKING_OFF)),
        default=Value(DUE),
        output_field=CharField(),
    )


class Overdue(NamedTuple):
    """The expired fabrics of one verdict: how many, and how late those are that were ever synced."""

    verdict: str
    fabrics: int
    missed: int
    longest_missed_seconds: float | None
    longest_seconds: float
    within: tuple[int, ...]
    synced: int
    total_seconds: float


def overdue(now: datetime, bounds_seconds: Sequence[float], since: datetime) -> list[Overdue]:
    """Group the expired fabrics by verdict, in one query; ``within`` counts those late by at most each bound.

    ``missed`` counts those that could have been taken at ``since`` already, as :func:`due_since` has it. A fabric that
    was never synced is due since ever: it counts, but its lateness says nothing.
    """
    at = epoch_microseconds(now)
    was_synced = Q(due_at__gt=0)
    was_missed = has_expired(since) & ~is_backing_off(since)
    within = {
        f"within_{index}": Count("pk", filter=was_synced & Q(due_at__gte=at - int(bound * 1_000_000)))
        for index, bound in enumerate(bounds_seconds)
    }
    rows: Any = (
        interval_expired(now)
        .annotate(verdict=_verdict(now))
        .order_by()
        .values("verdict")
        .annotate(
            fabrics=Count("pk"),
            missed=Count("pk", filter=was_missed),
            oldest_missed=Min("due_at", filter=was_synced & was_missed),
            oldest=Min("due_at", filter=was_synced),
            synced=Count("pk", filter=was_synced),
            mean=Avg("due_at", filter=was_synced),
            **within,
        )
    )
    return [
        Overdue(
            row["verdict"],
            row["fabrics"],
            row["missed"],
            None if row["oldest_missed"] is None else (at - row["oldest_missed"]) / 1_000_000,
            (at - row["oldest"]) / 1_000_000 if row["synced"] else 0.0,
            tuple(row[name] for name in within),
            row["synced"],
            row["synced"] * (at - float(row["mean"])) / 1_000_000 if row["synced"] else 0.0,
        )
        for row in rows
    ]
