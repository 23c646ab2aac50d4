"""A page reads what it shows, and not the fleet: held on some thousands of fabrics, by what the database does."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.core.cache import cache
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from netbox_hedgehog.admin import counting, deleting
from netbox_hedgehog.models import GitRepository, HedgehogFabric, SyncStatus
from netbox_hedgehog.scheduling import figures as figures_module
from netbox_hedgehog.scheduling.figures import KEEP_SECONDS, count_in_passing, figures
from netbox_hedgehog.tasks import periodic_fabric_sync_scheduler

pytestmark = pytest.mark.django_db

LIST = reverse("admin:netbox_hedgehog_hedgehogfabric_changelist")
FABRICS = 6_000
# A bitmap of an index has the dead rows of tests before, too; the scan of the table by it has not.
_INDEX_SCANS = {"Index Scan", "Index Only Scan"}


@pytest.fixture
def fleet(repository: GitRepository) -> list[HedgehogFabric]:
    """All active; one in a hundred is in error, one disabled, one in maintenance; two thirds are due."""
    now = timezone.now()
    fabrics = HedgehogFabric.objects.bulk_create(
        HedgehogFabric(
            name=f"fabric-{n:05}",
            git_repository=repository,
            status="maintenance" if n % 100 == 1 else "active",
            sync_enabled=n % 100 != 2,
            sync_status=SyncStatus.ERROR if n % 100 == 3 else SyncStatus.IN_SYNC,
            last_sync=now - timedelta(seconds=10 if n % 3 == 0 else 400 + n),
        )
        for n in range(FABRICS)
    )
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")
        if connection.vendor == "postgresql":
            # So small a table is as soon read whole, the more so with dead rows of tests before in each index.
            cursor.execute("SET LOCAL enable_seqscan = off")
    return fabrics


def rows_read(statement: str) -> int:
    """How many rows of the fabrics' table, or of any index, the database looks at to answer."""
    with connection.cursor() as cursor:
        cursor.execute(f"EXPLAIN (ANALYZE, FORMAT JSON) {statement}")
        ((plan,),) = cursor.fetchall()
    return _rows_read(plan[0]["Plan"])


def _rows_read(node: dict[str, Any]) -> int:
    seen = 0
    if node.get("Relation Name") == HedgehogFabric._meta.db_table or node["Node Type"] in _INDEX_SCANS:
        seen = (node["Actual Rows"] + node.get("Rows Removed by Filter", 0)) * node["Actual Loops"]
    return round(seen) + sum(_rows_read(below) for below in node.get("Plans", ()))


def most_read(client: Client, address: str) -> int:
    with CaptureQueriesContext(connection) as captured:
        assert client.get(address).status_code == 200, address
    selects = [each["sql"] for each in captured.captured_queries if each["sql"].startswith("SELECT")]
    return max(rows_read(sql) for sql in selects if "hedgehogfabric" in sql)


@pytest.mark.skipif("connection.vendor != 'postgresql'")
@pytest.mark.usefixtures("fleet")
@pytest.mark.parametrize(
    "query",
    ["", "p=5", "o=1", "o=-1", "o=8", "o=-8", "status__exact=active", "status__exact=maintenance",
     "sync_status__exact=in_sync", "sync_status__exact=error", "sync_enabled__exact=0",
     "schedule=due", "schedule=overdue", "schedule=later", "schedule=waits", "schedule=never"],
)  # fmt: skip
def test_a_list_of_fabrics_reads_a_bounded_number_of_them(boss, query, monkeypatch):
    monkeypatch.setattr(counting, "MOST_COUNTED", 1_000)
    # Up to a thousand are counted, through up to two joins; a page of fifty may pass by some hundreds.
    assert most_read(boss, f"{LIST}?{query}") <= 3_300


@pytest.mark.skipif("connection.vendor != 'postgresql'")
def test_a_fabric_at_the_end_of_the_line_reads_no_more_than_the_next_tick_takes(boss, fleet, settings):
    settings.HEDGEHOG_TICK_MAX_DISPATCH = 1_000
    last = HedgehogFabric.objects.filter(due_at__gt=0, sync_status="in_sync").order_by("last_sync").exclude(
        last_sync__gt=timezone.now() - timedelta(seconds=60)
    ).last()  # fmt: skip
    assert last
    page = reverse("admin:netbox_hedgehog_hedgehogfabric_overview", args=[last.pk])
    assert most_read(boss, page) <= 2_100


class TestMoreThanIsCounted:
    @pytest.fixture(autouse=True)
    def _bound(self, fleet, monkeypatch):
        monkeypatch.setattr(counting, "MOST_COUNTED", 1_000)

    def test_is_said_so_and_the_pages_end(self, boss):
        page = boss.get(LIST).content.decode()
        assert "1,000+" in page
        assert "Select all 1,000+ fabrics" in page
        assert boss.get(f"{LIST}?p=20").status_code == 200
        assert boss.get(f"{LIST}?p=21").status_code == 302

    def test_is_sorted_by_name_or_next_due_alone_until_it_is_narrowed(self, boss):
        response = boss.get(f"{LIST}?o=-9")
        assert "sorted by name or next due alone" in str(next(iter(response.context["messages"])))
        assert response.context["cl"].result_list[0].name == "fabric-00000"
        HedgehogFabric.objects.filter(name="fabric-00203").update(resource_count=7)
        narrowed = boss.get(f"{LIST}?o=-9&sync_status__exact=error")
        assert narrowed.context["cl"].result_list[0].name == "fabric-00203"

    def test_an_action_takes_all_of_them_all_the_same(self, boss):
        chosen = {"action": "disable", "_selected_action": [1], "select_across": "1"}
        boss.post(LIST, chosen, follow=True)
        assert not HedgehogFabric.objects.filter(sync_enabled=True).exists()


class TestSearching:
    """By a part of a name, a description or a repository's name."""

    @staticmethod
    def found(client: Client, term: str, **filters: str) -> list[str]:
        response = client.get(LIST, {"q": term, **filters})
        return [fabric.name for fabric in response.context["cl"].result_list]

    @pytest.mark.skipif("connection.vendor != 'postgresql'")
    @pytest.mark.usefixtures("fleet")
    @pytest.mark.parametrize("term", ["00203", "c-00203", "nowhere", "0000", "fabric", "repository", "bric nowhere"])
    def test_reads_what_it_finds_and_not_the_fleet(self, boss, term, monkeypatch):
        monkeypatch.setattr(counting, "MOST_COUNTED", 1_000)
        assert most_read(boss, f"{LIST}?q={term}") <= 3_300

    @pytest.mark.usefixtures("fleet")
    def test_finds_parts_of_what_a_fabric_says_of_itself_and_of_its_repository(self, boss, repository):
        HedgehogFabric.objects.filter(name="fabric-00203").update(description="Hall 7: 100% \u00c4rger_of_B")
        other = GitRepository.objects.create(name="Elsewhere", url="https://git.example.com/e.git")
        HedgehogFabric.objects.create(name="moved", git_repository=other)
        for term in ("00203", "IC-00203", "hall", '"l 7:"', "hall ric-00203", "100%", "r_o", "7:"):
            assert self.found(boss, term) == ["fabric-00203"], term
        for term in ("sewhe", "MOVED", "mov LSEW"):
            assert self.found(boss, term) == ["moved"], term
        for term in ("0%3", "fabric_", "hall moved", "00203 nowhere"):
            assert self.found(boss, term) == [], term
        assert self.found(boss, "fabric")[:2] == ["fabric-00000", "fabric-00001"]
        assert self.found(boss, "fabric", sync_status__exact="error")[:2] == ["fabric-00003", "fabric-00103"]

    @pytest.mark.usefixtures("fleet")
    def test_that_finds_more_than_is_counted_finds_the_same(self, boss, monkeypatch):
        monkeypatch.setattr(counting, "MOST_COUNTED", 5)
        other = GitRepository.objects.create(name="Elsewhere", url="https://git.example.com/e.git")
        HedgehogFabric.objects.filter(name__startswith="fabric-0001").update(git_repository=other, description="Hall")
        for term in ("ELSE", "hall", "c-0001", "sewhe ALL"):
            assert self.found(boss, term) == [f"fabric-0001{n}" for n in range(10)], term
        HedgehogFabric.objects.filter(name__startswith="fabric-0000").update(git_repository=None)
        assert self.found(boss, "-0000") == [f"fabric-0000{n}" for n in range(10)]

    def test_knows_what_was_written_by_any_path(self, boss, repository):
        HedgehogFabric.objects.bulk_create([HedgehogFabric(name="made"), HedgehogFabric(name="gone")])
        HedgehogFabric.objects.filter(name="made").update(name="renamed")
        HedgehogFabric.objects.filter(name="gone").delete()
        with connection.cursor() as cursor:
            cursor.execute("UPDATE netbox_hedgehog_hedgehogfabric SET description = 'by hand'")
        assert self.found(boss, "made") == []
        assert self.found(boss, "gone") == []
        assert self.found(boss, "renam") == self.found(boss, "hand") == ["renamed"]

    def test_that_finds_little_looks_once(self, boss, fleet):
        with CaptureQueriesContext(connection) as captured:
            response = boss.get(f"{LIST}?q=00203")
        assert response.context["cl"].result_count == 1
        looks = [each["sql"] for each in captured.captured_queries if "00203" in each["sql"]]
        assert sum("hedgehogfabric" in sql and "grams" in sql for sql in looks) == (connection.vendor == "postgresql")
        assert sum("LIKE" in sql and "hedgehogfabric" in sql for sql in looks) == (connection.vendor == "sqlite")

    @pytest.mark.skipif("connection.vendor != 'postgresql'")
    @pytest.mark.django_db(transaction=True)
    def test_costs_a_sync_nothing(self, fleet):
        """What claims and outcomes write leaves the table that is searched as it was."""

        def written() -> tuple[int, ...]:
            with connection.cursor() as cursor:
                cursor.execute("SELECT pg_stat_force_next_flush()")
                cursor.execute(
                    "SELECT n_tup_ins + n_tup_upd FROM pg_stat_user_tables WHERE relname = %s",
                    ["hedgehog_fabric_search"],
                )
                return cursor.fetchone()

        before = written()
        HedgehogFabric.objects.update(claim_expires_at=timezone.now(), last_sync=timezone.now(), sync_status="error")
        assert written() == before
        HedgehogFabric.objects.filter(name="fabric-00001").update(description="edited")
        assert written() != before


class TestDeletingMany:
    @pytest.fixture(autouse=True)
    def _bound(self, monkeypatch):
        monkeypatch.setattr(deleting, "MOST_DELETED_AT_ONCE", 2)

    @staticmethod
    def delete(client: Client, fabrics: list[HedgehogFabric], **fields: Any) -> str:
        chosen = {"action": "delete_selected", "_selected_action": [each.pk for each in fabrics]}
        return client.post(LIST, chosen | fields, follow=True).content.decode()

    def test_is_refused_with_what_to_do(self, boss, repository):
        fabrics = HedgehogFabric.objects.bulk_create(HedgehogFabric(name=f"f{n}") for n in range(3))
        for fields in ({}, {"post": "yes"}, {"select_across": "1", "post": "yes"}):
            page = self.delete(boss, fabrics, **fields)
            assert "at most 2 fabrics are deleted at a time" in page
            assert "Select fewer" in page
        assert HedgehogFabric.objects.count() == 3

    def test_as_many_as_the_bound_are_deleted_after_a_question(self, boss):
        fabrics = HedgehogFabric.objects.bulk_create(HedgehogFabric(name=f"f{n}") for n in range(2))
        assert "Are you sure" in self.delete(boss, fabrics)
        self.delete(boss, fabrics, post="yes")
        assert not HedgehogFabric.objects.exists()


class TestTheFiguresOfALargeFleet:
    @pytest.fixture(autouse=True)
    def _large(self, monkeypatch):
        monkeypatch.setattr(figures_module, "KEPT_FROM", 1)
        HedgehogFabric.objects.create(name="first")

    def test_are_kept_and_say_when_they_were_counted(self, boss):
        now = timezone.now()
        counted = figures(now)
        HedgehogFabric.objects.create(name="second")
        later = now + timedelta(seconds=KEEP_SECONDS - 1)
        assert figures(later) == counted
        assert (counted.at, counted.fabrics) == (now, 1)
        assert "Counted" in boss.get(reverse("hedgehog_dashboard")).content.decode()

    def test_are_counted_anew_after_a_while(self):
        now = timezone.now()
        figures(now)
        HedgehogFabric.objects.create(name="second")
        assert figures(now + timedelta(seconds=KEEP_SECONDS)).fabrics == 2

    def test_are_counted_by_one_at_a_time_and_others_take_the_older(self):
        now = timezone.now()
        figures(now)
        HedgehogFabric.objects.create(name="second")
        cache.add("fleet-figures-counting", 1)
        assert figures(now + timedelta(seconds=KEEP_SECONDS)).fabrics == 1

    def test_are_counted_after_each_tick_for_all_who_ask(self):
        figures(timezone.now())
        HedgehogFabric.objects.create(name="second")
        ticked = timezone.now()
        periodic_fabric_sync_scheduler()
        with CaptureQueriesContext(connection) as captured:
            counted = figures(ticked + timedelta(seconds=KEEP_SECONDS))
        assert counted.at >= ticked
        assert counted.fabrics == 2
        assert len(captured) == 0

    def test_that_cannot_be_counted_cost_no_tick(self, monkeypatch):
        monkeypatch.setattr(figures_module, "overdue", lambda *_: 1 / 0)
        assert periodic_fabric_sync_scheduler()["status"] == "completed"

    @pytest.mark.skipif("connection.vendor != 'postgresql'")
    def test_are_read_and_not_counted_by_a_page(self, boss, fleet):
        count_in_passing(timezone.now() - timedelta(seconds=KEEP_SECONDS - 30))
        with connection.cursor() as cursor:
            cursor.execute("ANALYZE")
        for page in ("hedgehog_dashboard", "admin:index"):
            assert most_read(boss, reverse(page)) <= 1_000

    @pytest.mark.usefixtures("cache_away")
    def test_are_counted_each_time_without_a_cache(self):
        now = timezone.now()
        assert figures(now).fabrics == 1
        HedgehogFabric.objects.create(name="second")
        assert figures(now).fabrics == 2


def test_a_small_fleet_is_counted_each_time():
    now = timezone.now()
    assert figures(now).fabrics == 0
    HedgehogFabric.objects.create(name="first")
    assert figures(now).fabrics == 1


def test_what_another_release_kept_is_counted_anew(monkeypatch):
    monkeypatch.setattr(figures_module, "KEPT_FROM", 1)
    HedgehogFabric.objects.create(name="first")
    cache.set("fleet-figures", ["2026-01-01", [["active", 1]], []])
    assert figures(timezone.now()).fabrics == 1
