from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from model_bakery import baker

from netbox_hedgehog.models import FabricStatus, GitRepository, HedgehogFabric
from netbox_hedgehog.scheduling.due import (
    census,
    due,
    due_since,
    epoch_microseconds,
    overdue,
    source_fingerprint,
)
from tests.baker_recipes import NOW

pytestmark = pytest.mark.django_db

MICROSECOND = timedelta(microseconds=1)


def utc_moments(first_year: int, last_year: int) -> st.SearchStrategy[datetime]:
    bounds = datetime(first_year, 1, 2), datetime(last_year, 12, 30)  # noqa: DTZ001 - Hypothesis wants them naive
    return st.datetimes(*bounds, timezones=st.just(UTC))


# Moments close to a boundary find more than moments far away.
near = st.integers(-3, 3).map(lambda count: NOW + count * MICROSECOND)
moments = near | utc_moments(1970, 2200)
intervals = st.integers(-(2**31), 2**31 - 1) | st.integers(-1, 2) | st.just(300)


@st.composite
def rows(draw: st.DrawFn) -> dict[str, object]:
    interval = draw(intervals)
    last_sync = draw(st.none() | moments | st.just(NOW - timedelta(seconds=abs(interval) % 10**9)))
    return {
        "status": draw(st.sampled_from(FabricStatus.values) | st.just(FabricStatus.ACTIVE)),
        "sync_enabled": draw(st.sampled_from([True, True, False])),
        "sync_interval": interval,
        "last_sync": last_sync,
        "claim_expires_at": draw(st.none() | moments),
        "retry_at": draw(st.none() | moments),
    }


def expected_verdict(row: dict[str, object], source: str, failed_source: str) -> str | None:
    """The rule in plain Python (DESIGN: when a fabric is due), and the first reason against it."""
    interval = timedelta(seconds=row["sync_interval"])
    if row["status"] != "active" or not row["sync_enabled"] or interval <= timedelta(0):
        return None
    if row["last_sync"] is not None and NOW - row["last_sync"] < interval:
        return None
    if source in {"no repository", "blank URL"}:
        return "no_source"
    if row["claim_expires_at"] is not None and row["claim_expires_at"] > NOW:
        return "claimed"
    if row["retry_at"] is not None and row["retry_at"] > NOW and failed_source == "this":
        return "backing_off"
    return "due"


@settings(
    max_examples=50, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
@given(
    table=st.lists(
        st.tuples(
            rows(),
            st.sampled_from(["usable", "usable", "no repository", "blank URL"]),
            st.sampled_from(["this", "this", "another", "none"]),
        ),
        max_size=12,
    )
)
def test_the_database_decides_as_the_rule_in_plain_python_does(table):
    HedgehogFabric.objects.all().delete()
    GitRepository.objects.all().delete()
    repositories = {
        "usable": baker.make_recipe("tests.repository"),
        "blank URL": baker.make_recipe("tests.repository", url=""),
        "no repository": None,
    }
    fabrics = HedgehogFabric.objects.bulk_create(
        HedgehogFabric(
            name=str(number),
            git_repository=repositories[source],
            failed_source="another" if failed_source == "another" else "",
            **row,
        )
        for number, (row, source, failed_source) in enumerate(table)
    )
    stamp_failed_source(fabric.pk for fabric, entry in zip(fabrics, table, strict=True) if entry[2] == "this")
    verdicts = {fabric.pk: expected_verdict(*entry) for fabric, entry in zip(fabrics, table, strict=True)}

    assert set(due(NOW).values_list("pk", flat=True)) == {pk for pk, verdict in verdicts.items() if verdict == "due"}

    counted = Counter(verdict for verdict in verdicts.values() if verdict)
    found = census(NOW)
    assert found.due == counted.pop("due", 0)
    assert found.skipped == counted
    scheduled = [row for row, *_ in table if is_scheduled(row)]
    assert found.checked == len(scheduled)


def is_scheduled(row: dict[str, object]) -> bool:
    return row["status"] == "active" and row["sync_enabled"] and row["sync_interval"] > 0


def stamp_failed_source(fabric_ids: Iterable[int]) -> None:
    fabrics = list(HedgehogFabric.objects.filter(pk__in=fabric_ids).annotate(source=source_fingerprint()))
    for fabric in fabrics:
        fabric.failed_source = fabric.source
    HedgehogFabric.objects.bulk_update(fabrics, ["failed_source"])


@given(utc_moments(1970, 9999))
def test_a_moment_survives_the_way_to_microseconds_and_back(moment):
    assert datetime(1970, 1, 1, tzinfo=UTC) + epoch_microseconds(moment) * MICROSECOND == moment


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    last_sync=utc_moments(1, 9999),
    interval=st.integers(1, 2**31 - 1),
)
def test_the_stored_due_time_is_exact_for_every_moment_and_interval(last_sync, interval):
    fabric = baker.make_recipe("tests.idle_fabric", last_sync=last_sync, sync_interval=interval)
    fabric.refresh_from_db()
    assert fabric.due_at == epoch_microseconds(last_sync) + interval * 1_000_000


def test_a_moment_given_in_another_time_zone_is_the_same_moment():
    fabric = baker.make_recipe("tests.idle_fabric", last_sync=NOW.astimezone(timezone(timedelta(hours=2))))
    fabric.refresh_from_db()
    assert fabric.due_at == epoch_microseconds(NOW) + fabric.sync_interval * 1_000_000


def test_an_empty_database_has_nothing_due():
    assert census(NOW) == (0, 0, {})


def test_the_census_takes_two_queries_however_many_fabrics_there_are(django_assert_num_queries):
    baker.make_recipe("tests.due_fabric", _quantity=20)
    with django_assert_num_queries(2):
        assert census(NOW).due == 20


class TestOverdue:
    BOUNDS = (60, 300)
    SINCE = NOW - timedelta(seconds=61)

    def late(self, seconds: float, recipe: str = "tests.due_fabric") -> None:
        last = NOW - timedelta(seconds=300 + seconds)
        baker.make_recipe(recipe, last_sync=last)

    def test_each_reason_has_its_number_and_lateness(self):
        for seconds in (0, 60, 61, 300, 4000):
            self.late(seconds)
        self.late(20, "tests.claimed_fabric")
        baker.make_recipe("tests.idle_fabric")
        found = {group.verdict: group for group in overdue(NOW, self.BOUNDS, self.SINCE)}
        assert set(found) == {"due", "claimed"}
        assert found["due"].fabrics == found["due"].synced == 5
        assert found["due"].within == (2, 4)
        assert found["due"].longest_seconds == 4000
        assert found["due"].total_seconds == pytest.approx(4421)
        assert found["claimed"].longest_seconds == 20

    def test_one_that_was_never_synced_counts_and_has_no_lateness(self):
        baker.make_recipe("tests.never_synced_fabric")
        (found,) = overdue(NOW, self.BOUNDS, self.SINCE)
        assert found == ("due", 1, 1, None, 0.0, (0, 0), 0, 0.0)

    def test_it_agrees_with_the_census(self):
        for recipe in ("due", "sourceless", "claimed", "backing_off", "never_synced"):
            baker.make_recipe(f"tests.{recipe}_fabric")
        found = {group.verdict: group.fabrics for group in overdue(NOW, self.BOUNDS, self.SINCE)}
        counted = census(NOW)
        assert found == {"due": counted.due} | counted.skipped

    def test_missed_are_those_that_were_due_a_while_ago_and_did_not_back_off_then(self):
        for seconds in (0, 60, 61, 300):
            self.late(seconds)
        baker.make_recipe("tests.never_synced_fabric")
        baker.make_recipe("tests.backing_off_fabric", retry_at=NOW - timedelta(seconds=1))
        (found,) = overdue(NOW, self.BOUNDS, self.SINCE)
        assert found.fabrics == 6
        assert found.missed == due_since(NOW, self.SINCE).count() == 3
        assert found.longest_missed_seconds == 300

    def test_it_takes_one_query(self, django_assert_num_queries):
        baker.make_recipe("tests.due_fabric", _quantity=20)
        with django_assert_num_queries(1):
            assert overdue(NOW, self.BOUNDS, self.SINCE)[0].fabrics == 20


class TestFingerprint:
    def fingerprint(self, fabric: HedgehogFabric) -> str:
        return HedgehogFabric.objects.annotate(source=source_fingerprint()).get(pk=fabric.pk).source

    @pytest.mark.parametrize(
        "column",
        [
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
        ],
    )
    def test_every_column_that_decides_what_is_fetched_changes_it(self, column):
        fabric = baker.make_recipe("tests.due_fabric")
        before = self.fingerprint(fabric)
        GitRepository.objects.filter(pk=fabric.git_repository_id).update(**{column: "something else"})
        assert self.fingerprint(fabric) != before

    @pytest.mark.parametrize(
        ("column", "value"),
        [("default_namespace", "lab"), ("foreign_documents", "warn"), ("schema_mode", "enforce")],
    )
    def test_so_does_every_column_that_decides_how_it_is_read(self, column, value):
        fabric = baker.make_recipe("tests.due_fabric")
        before = self.fingerprint(fabric)
        HedgehogFabric.objects.update(**{column: value})
        assert self.fingerprint(fabric) != before

    def test_so_does_another_schema_source(self):
        fabric = baker.make_recipe("tests.due_fabric")
        before = self.fingerprint(fabric)
        HedgehogFabric.objects.update(schema_source=baker.make("netbox_hedgehog.SchemaSource"))
        assert self.fingerprint(fabric) != before

    def test_the_directory_and_the_repository_change_it(self):
        fabric = baker.make_recipe("tests.due_fabric")
        seen = {self.fingerprint(fabric)}
        HedgehogFabric.objects.update(gitops_directory="/elsewhere")
        seen.add(self.fingerprint(fabric))
        HedgehogFabric.objects.update(git_repository=baker.make_recipe("tests.repository"))
        seen.add(self.fingerprint(fabric))
        assert len(seen) == 3

    def test_a_new_name_or_description_leaves_it(self):
        fabric = baker.make_recipe("tests.due_fabric")
        before = self.fingerprint(fabric)
        HedgehogFabric.objects.update(name="renamed", description="described", sync_interval=60)
        GitRepository.objects.update(name="renamed too")
        assert self.fingerprint(fabric) == before

    def test_a_fabric_without_a_repository_has_one_too(self):
        assert self.fingerprint(baker.make_recipe("tests.sourceless_fabric"))
