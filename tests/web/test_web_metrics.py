"""What Prometheus is told: true, complete, well-formed, bounded; and told to nobody else."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import OperationalError
from django_celery_beat.models import PeriodicTask
from model_bakery import baker
from prometheus_client.openmetrics.parser import text_string_to_metric_families as openmetrics_families
from prometheus_client.parser import text_string_to_metric_families

from netbox_hedgehog.celery import app
from netbox_hedgehog.models import FabricStatus, HedgehogFabric, RunTotal, SyncStatus
from netbox_hedgehog.pulse import WorkerSign
from netbox_hedgehog.tasks import git_sync_fabric
from netbox_hedgehog.web import collector
from netbox_hedgehog.web.collector import FleetCollector

pytestmark = pytest.mark.django_db

MONITORING = Path(__file__).resolve().parents[2] / "deploy" / "monitoring"
SIGN = WorkerSign(at=0, queues=["git_sync"], processes=3, disk_free_bytes=10, disk_size_bytes=40, mirrors_bytes=5)

type Figures = Callable[..., Any]


@pytest.fixture(scope="module")
def promtool() -> str:
    path = shutil.which("promtool")
    if path is None:
        pytest.skip(
            "there is no promtool on this machine; it comes with Prometheus (on Debian: apt install prometheus)"
        )
    return path


@pytest.fixture
def workers(monkeypatch) -> dict[str, WorkerSign]:
    signs = {"celery@one": SIGN}
    monkeypatch.setattr(collector, "workers_seen", lambda: signs)
    return signs


@pytest.fixture
def scrape(client, key, workers) -> Callable[[], str]:
    def scrape() -> str:
        answer = client.get("/metrics", headers=key)
        return answer.content.decode()

    return scrape


@pytest.fixture
def figures(scrape) -> Callable[[], dict[tuple[Any, ...], float]]:
    """The samples: (name, label values…) → value."""

    def figures() -> dict[tuple[Any, ...], float]:
        return {
            (sample.name, *sample.labels.values()): sample.value
            for family in text_string_to_metric_families(scrape())
            for sample in family.samples
        }

    return figures


@pytest.fixture
def everything(workers) -> None:
    """A fleet of which every metric has something to tell."""
    now = datetime.now(UTC)
    baker.make_recipe("tests.due_fabric", last_sync=now - timedelta(seconds=1000))
    PeriodicTask.objects.update(last_run_at=now)
    baker.make("netbox_hedgehog.SchedulerRun", status="completed", started_at=now)
    for kind, status in (("sync", "failed"), ("sync", "unchanged"), ("tick", "completed")):
        code = "git.timeout" if status == "failed" else ""
        baker.make(
            RunTotal,
            kind=kind,
            status=status,
            error_code=code,
            runs=5,
            seconds=2.5,
            within={"0.1": 1, "1": 4},
            sums={"created": 2, "updated": 0, "deleted": 1, "syncs_triggered": 7},
        )


class TestWhoIsTold:
    def test_who_has_the_key(self, client, key, workers):
        answer = client.get("/metrics", headers={"Host": "10.0.3.7:8000", **key})
        assert answer.status_code == 200
        assert answer.headers["Content-Type"].startswith("text/plain; version=")
        assert "no-store" in answer.headers["Cache-Control"]

    def test_staff(self, staff, workers):
        assert staff.get("/metrics").status_code == 200

    @pytest.mark.parametrize("header", ["", "Bearer ", "Bearer guessed", "Basic YTpi"])
    def test_nobody_else(self, client, key, header):
        client.force_login(User.objects.create_user("somebody"))
        answer = client.get("/metrics", headers={"Authorization": header})
        assert answer.status_code == 401
        assert answer.headers["WWW-Authenticate"] == "Bearer"
        assert b"hedgehog_" not in answer.content

    def test_nobody_while_no_key_is_configured(self, client, settings):
        settings.HEDGEHOG_METRICS_KEY = ""
        assert client.get("/metrics", headers={"Authorization": "Bearer "}).status_code == 401

    def test_nothing_is_changed_by_other_methods(self, client, key):
        assert client.post("/metrics", headers=key).status_code == 405


class TestFigures:
    def test_fabrics_by_state(self, figures):
        baker.make_recipe("tests.idle_fabric", last_sync=datetime.now(UTC), resource_count=7, _quantity=2)
        baker.make_recipe("tests.planned_fabric", sync_status=SyncStatus.NEVER_SYNCED, resource_count=0)
        found = figures()
        assert found["hedgehog_fabrics", FabricStatus.ACTIVE, SyncStatus.IN_SYNC] == 2
        assert found["hedgehog_fabrics", FabricStatus.PLANNED, SyncStatus.NEVER_SYNCED] == 1
        assert found["hedgehog_fabrics_scheduled",] == 2
        assert found["hedgehog_resources",] == 14

    def test_none_at_all(self, figures):
        found = figures()
        assert found["hedgehog_fabrics_scheduled",] == found["hedgehog_resources",] == 0
        assert {value for name, value in found.items() if name[0] == "hedgehog_scrape_success"} == {1}

    def test_overdue_and_how_late(self, figures):
        for seconds in (100, 1000):
            baker.make_recipe("tests.due_fabric", last_sync=datetime.now(UTC) - timedelta(seconds=300 + seconds))
        found = figures()
        assert found["hedgehog_fabrics_overdue", "due"] == 2
        assert 1000 <= found["hedgehog_fabric_lateness_max_seconds", "due"] < 1100
        assert found["hedgehog_fabric_lateness_seconds_bucket", "60.0", "due"] == 0
        assert found["hedgehog_fabric_lateness_seconds_bucket", "300.0", "due"] == 1
        assert found["hedgehog_fabric_lateness_seconds_bucket", "+Inf", "due"] == 2

    def test_syncs_in_progress(self, figures):
        now = datetime.now(UTC)
        claim = {"claimed_at": now - timedelta(seconds=30), "claim_expires_at": now + timedelta(seconds=60)}
        baker.make_recipe("tests.claimed_fabric", **claim, _quantity=2)
        baker.make_recipe("tests.running_fabric", **claim)
        found = figures()
        assert found["hedgehog_syncs_in_progress", "queued"] == 2
        assert found["hedgehog_syncs_in_progress", "syncing"] == 1
        assert 30 <= found["hedgehog_sync_queued_max_seconds",] < 120

    def test_ticks_and_the_schedule(self, figures):
        began = datetime(2026, 3, 1, 12, tzinfo=UTC)
        PeriodicTask.objects.update(last_run_at=began)
        baker.make("netbox_hedgehog.SchedulerRun", started_at=began, status="completed", duration_seconds=1.5)
        found = figures()
        assert found["hedgehog_tick_last_start_timestamp_seconds",] == began.timestamp()
        assert found["hedgehog_tick_last_sent_timestamp_seconds",] == began.timestamp()
        assert found["hedgehog_tick_last_duration_seconds",] == 1.5
        assert found["hedgehog_tick_interval_seconds",] == 60
        assert found["hedgehog_schedule_enabled",] == 1

    def test_without_a_schedule(self, figures):
        PeriodicTask.objects.all().delete()
        found = figures()
        assert found["hedgehog_schedule_enabled",] == 0
        assert ("hedgehog_tick_interval_seconds",) not in found

    def test_counters_and_durations_are_the_totals(self, figures, everything):
        found = figures()
        assert found["hedgehog_syncs_total", "git.timeout", "failed"] == 5
        assert found["hedgehog_syncs_total", "", "unchanged"] == 5
        assert found["hedgehog_resource_changes_total", "created"] == 4
        assert found["hedgehog_ticks_total", "completed"] == 5
        assert found["hedgehog_syncs_triggered_total",] == 7
        buckets = [found["hedgehog_sync_duration_seconds_bucket", bound, "failed"] for bound in ("0.1", "1.0", "+Inf")]
        assert buckets == [1, 4, 5]
        assert found["hedgehog_sync_duration_seconds_sum", "failed"] == 2.5

    def test_the_queue_as_the_broker_counts(self, figures):
        with app.connection_for_write() as broker:
            broker.default_channel.queue_purge("git_sync")
            assert figures()["hedgehog_queue_messages", "git_sync"] == 0
            for number in range(3):
                git_sync_fabric.delay(number)
            assert figures()["hedgehog_queue_messages", "git_sync"] == 3
            broker.default_channel.queue_purge("git_sync")

    def test_workers_and_their_disks(self, figures, workers):
        workers["celery@other"] = SIGN | {"queues": ["other"]}
        found = figures()
        assert (found["hedgehog_workers",], found["hedgehog_worker_processes",]) == (1, 3)
        assert found["hedgehog_mirror_disk_free_bytes", "celery@one"] == 10
        assert found["hedgehog_mirror_disk_size_bytes", "celery@one"] == 40
        assert found["hedgehog_mirrors_bytes", "celery@one"] == 5

    def test_a_worker_that_has_not_measured_its_mirrors_yet_tells_the_rest(self, figures, workers):
        workers["celery@one"] = SIGN | {"mirrors_bytes": None}
        found = figures()
        assert found["hedgehog_mirror_disk_free_bytes", "celery@one"] == 10
        assert ("hedgehog_mirrors_bytes", "celery@one") not in found


class TestWhatFails:
    def test_costs_its_own_figures_and_is_told(self, figures, monkeypatch, operator_log):
        def down() -> int:
            raise OperationalError("redis://:hunter2@broker refuses")

        monkeypatch.setattr(collector, "queue_length", down)
        found = figures()
        assert found["hedgehog_scrape_success", "queue"] == 0
        assert found["hedgehog_scrape_success", "fabrics"] == 1
        assert not [name for name in found if name[0] == "hedgehog_queue_messages"]
        assert "hunter2" not in operator_log.getvalue()

    def test_what_hangs_is_left_in_time(self, figures, monkeypatch):
        release = threading.Event()
        monkeypatch.setattr(collector, "SERVER_SECONDS", 0.01)
        monkeypatch.setattr(collector, "queue_length", lambda: release.wait(60) and 1)
        found = figures()
        assert not release.is_set()
        release.set()
        assert found["hedgehog_scrape_success", "queue"] == 0


class TestForm:
    def test_both_formats_are_read_by_prometheus_own_parsers(self, client, key, everything):
        text = client.get("/metrics", headers=key).content.decode()
        assert len(list(text_string_to_metric_families(text))) > 20
        accept = {"Accept": "application/openmetrics-text; version=1.0.0"}
        answer = client.get("/metrics", headers=key | accept)
        assert answer.headers["Content-Type"].startswith("application/openmetrics-text")
        assert len(list(openmetrics_families(answer.content.decode()))) > 20

    def test_names_follow_the_conventions(self, everything):
        for family in FleetCollector().collect():
            assert re.fullmatch(r"hedgehog_[a-z_]+", family.name)
            assert family.documentation.endswith(".")
            if re.search(r"(lateness|duration|interval|queued_max|timestamp)", family.name):
                assert family.name.endswith("_seconds")
            if "disk" in family.name:
                assert family.name.endswith("_bytes")

    def test_promtool_has_nothing_against_them(self, scrape, everything, promtool):
        told = subprocess.run(
            [promtool, "check", "metrics"], input=scrape(), capture_output=True, text=True, check=False
        )
        assert (told.returncode, told.stdout + told.stderr) == (0, "")

    def test_labels_are_bounded_whatever_fabrics_are_called(self, scrape):
        baker.make_recipe("tests.due_fabric", name="a-name-of-a-fabric")
        assert "a-name-of-a-fabric" not in scrape()

    def test_many_fabrics_take_as_many_queries_as_one(self, django_assert_num_queries, everything):
        with django_assert_num_queries(9):
            list(FleetCollector().collect())
        baker.make_recipe("tests.due_fabric", _quantity=20)
        with django_assert_num_queries(9):
            list(FleetCollector().collect())


class TestDashboardAndAlerts:
    @pytest.fixture
    def told(self, scrape, everything) -> set[str]:
        """Every sample's name; a histogram's without its suffix as well."""
        families = list(text_string_to_metric_families(scrape()))
        return {sample.name for family in families for sample in family.samples}

    @pytest.mark.parametrize("file", ["alerts.yml", "dashboard.json"])
    def test_name_only_metrics_that_exist(self, told, file):
        named = set(re.findall(r"\bhedgehog_[a-z_]+", (MONITORING / file).read_text()))
        assert len(named) > 8
        assert named - told == set()

    def test_the_dashboard_is_one_that_grafana_reads(self):
        dashboard = json.loads((MONITORING / "dashboard.json").read_text())
        assert dashboard["title"]
        panels = dashboard["panels"]
        assert len({panel["id"] for panel in panels}) == len(panels)
        assert all(panel["title"] for panel in panels)
        assert all(panel["targets"] for panel in panels if panel["type"] != "row")

    def test_promtool_has_nothing_against_the_alerts_and_they_fire_as_their_tests_say(self, promtool):
        for command in (["check", "rules", "alerts.yml"], ["test", "rules", "alerts_test.yml"]):
            told = subprocess.run([promtool, *command], cwd=MONITORING, capture_output=True, text=True, check=False)
            assert told.returncode == 0, told.stdout + told.stderr


def test_reading_changes_nothing(scrape, everything):
    before = list(HedgehogFabric.objects.values()), list(RunTotal.objects.values())
    scrape()
    assert (list(HedgehogFabric.objects.values()), list(RunTotal.objects.values())) == before
