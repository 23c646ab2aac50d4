"""A dry run: what a sync of a fabric would do now. It fetches and compares, and writes nothing to the database."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field, replace
from typing import Any, Final

from django.utils import timezone

from netbox_hedgehog.errors import RetryLater, SyncError
from netbox_hedgehog.git import GitSource, directory_tree, head_of, mirror_at
from netbox_hedgehog.models import HedgehogFabric, HeldChange
from netbox_hedgehog.scheduling.due import source_fingerprint
from netbox_hedgehog.sync.healing import healing
from netbox_hedgehog.sync.held import is_approved
from netbox_hedgehog.sync.plan import plan_of
from netbox_hedgehog.sync.policy import policy_of
from netbox_hedgehog.sync.reading import read_tree, reading_rules
from netbox_hedgehog.sync.record import Record, record_of
from netbox_hedgehog.sync.result import Counts
from netbox_hedgehog.sync.source import mirror_root, source_of

# A sync that ends while a preview compares makes its comparison worthless. That seldom happens twice.
_ATTEMPTS: Final = 3


@dataclass(frozen=True, slots=True)
class Preview:
    """What a sync would do: its counts and record, or the error that it would end with.

    ``excesses`` say why it would be held for approval, in words; empty if it would be applied.
    """

    commit: str = ""
    counts: Counts = field(default_factory=Counts)
    record: Record | None = None
    excesses: tuple[str, ...] = ()
    error: SyncError | None = None

    def as_json(self) -> dict[str, Any]:
        """For scripts."""
        document: dict[str, Any] = {"commit": self.commit, **asdict(self.counts), "held": list(self.excesses)}
        document["record"] = self.record
        if self.error:
            document["error"] = self.error.as_json()
        return document


def preview(fabric_id: int, *, timeout_seconds: float = 0) -> Preview:
    """Look at the fabric's repository now, whether it is due, disabled or syncing.

    ``timeout_seconds`` may shorten what the settings allow for listing and for fetching, each.

    Raises:
        HedgehogFabric.DoesNotExist: there is no such fabric.
    """
    for _ in range(_ATTEMPTS):
        fabric = _load(fabric_id)
        seen = _Look(fabric, timeout_seconds).preview()
        if _basis(_load(fabric_id)) == _basis(fabric):
            return seen
    return Preview(error=_overtaken())


class _Look:
    """One comparison; remembers the commit as soon as it is known, also for failures."""

    def __init__(self, fabric: HedgehogFabric, timeout_seconds: float) -> None:
        self.fabric = fabric
        self._timeout_seconds = timeout_seconds
        self.fingerprint: str = fabric.source  # type: ignore[attr-defined]  # annotated
        self.commit = ""

    def preview(self) -> Preview:
        try:
            return self._compare()
        except SyncError as error:
            return Preview(self.commit, error=error)

    def _compare(self) -> Preview:
        fabric = self.fabric
        source = self._source()
        now = timezone.now()
        self.commit = head_of(mirror_root(), source, now)
        policy = policy_of(fabric, now, is_noted=False, timeout_seconds=self._timeout_seconds)
        is_current = fabric.synced_source == reading_rules(self.fingerprint, policy.rules)
        with mirror_at(mirror_root(), source, self.commit) as mirror:
            with healing(source):
                tree = directory_tree(mirror, self.commit, fabric.gitops_directory)
            if is_current and tree == fabric.desired_state_tree:
                return Preview(self.commit, Counts(unchanged=fabric.resource_count))
            since = fabric.desired_state_tree if is_current else ""
            reading = read_tree(mirror, tree, fabric, source, since, policy=policy.reading)
        plan = plan_of(fabric, reading)
        held: HeldChange | None = getattr(fabric, "held_change", None)
        excesses = () if is_approved(held, self.fingerprint, tree, plan.change) else tuple(plan.excesses)
        return Preview(self.commit, plan.counts, record_of(plan.change), excesses)

    def _source(self) -> GitSource:
        source = source_of(self.fabric)
        return replace(source, limits=source.limits.within(self._timeout_seconds))


def _load(fabric_id: int) -> HedgehogFabric:
    related = ("git_repository", "held_change", "schema_source__git_repository")
    fabrics = HedgehogFabric.objects.select_related(*related)
    return fabrics.annotate(source=source_fingerprint()).get(pk=fabric_id)


def _basis(fabric: HedgehogFabric) -> tuple[str, str]:
    """What the stored resources are equal to; it changes with them."""
    return fabric.desired_state_tree, fabric.synced_source


def _overtaken() -> RetryLater:
    return RetryLater(
        "sync.preview_overtaken",
        "The fabric was synced again and again while this preview was made.",
        "Ask again in a moment.",
    )
