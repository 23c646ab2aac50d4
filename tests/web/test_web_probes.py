"""What orchestrators and alarms are told, and what strangers are not."""

from __future__ import annotations

import threading
from datetime import UTC, datetime

import pytest
from django.db import connection
from django.db.migrations.recorder import MigrationRecorder
from django_celery_beat.models import IntervalSchedule, PeriodicTask
from model_bakery import baker

from netbox_hedgehog import health, pulse
from netbox_hedgehog.health import Finding, Look, State
from netbox_hedgehog.web import probes
from netbox_hedgehog.web.probes import FleetView, PartsView, ReadyView
from tests.web.conftest import KEY

TICK = "netbox_hedgehog.tasks.periodic_fabric_sync_scheduler"

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def fleet(monkeypatch) -> dict[str, pulse.WorkerSign]:
    """A fleet in which all is well: a worker tells of itself, and ticks come."""
    interval = IntervalSchedule.objects.create(every=60, period="seconds")
    PeriodicTask.objects.update_or_create(
        task=TICK, defaults={"name": "ticks", "interval": interval, "last_run_at": datetime.now(UTC)}
    )
    baker.make("netbox_hedgehog.SchedulerRun", status="completed", started_at=datetime.now(UTC))
    sign = pulse.WorkerSign(
        at=0, queues=["git_sync"], processes=2, disk_free_bytes=1, disk_size_bytes=2, mirrors_bytes=1
    )
    workers = {"celery@one": sign}
    monkeypatch.setattr(health, "workers_seen", lambda: workers)
    return workers


class TestAlive:
    def test_it_answers_without_asking_anyone(self, client, django_assert_num_queries, cache_away):
        with django_assert_num_queries(0):
            answer = client.get("/healthz")
        assert (answer.status_code, answer.content) == (200, b"ok\n")
        assert "no-store" in answer.headers["Cache-Control"]


class TestReady:
    def test_it_is_good_where_all_that_pages_need_answers(self, client):
        answer = client.get("/readyz")
        assert answer.status_code == 200
        assert answer.json() == {
            "status": "good",
            "parts": {"database": "good", "migrations": "good", "cache": "good", "broker": "good"},
        }
        assert "no-store" in answer.headers["Cache-Control"]

    def test_it_needs_neither_a_worker_nor_ticks(self, client):
        PeriodicTask.objects.all().delete()
        assert client.get("/readyz").status_code == 200

    def test_it_is_bad_before_the_migrations(self, client):
        applied = MigrationRecorder(connection).migration_qs.filter(app="netbox_hedgehog").latest("name")
        applied.delete()
        try:
            answer = client.get("/readyz")
        finally:
            applied.save(force_insert=True)
        assert answer.status_code == 503
        assert answer.json()["parts"]["migrations"] == "bad"

    def test_a_bad_answer_is_no_error_in_the_log_of_the_web_server(self, client, cache_away, caplog):
        assert client.get("/readyz").status_code == 503
        assert [record.getMessage() for record in caplog.records if record.name == "django.request"] == []

    def test_it_is_bad_without_the_cache_unless_that_is_left_out_of_account(self, client, cache_away):
        answer = client.get("/readyz")
        assert (answer.status_code, answer.json()["parts"]["cache"]) == (503, "bad")
        assert answer.json()["parts"]["database"] == "good"

        left_out = client.get("/readyz?exclude=cache&exclude=broker")
        assert (left_out.status_code, left_out.json()["parts"]["cache"]) == (200, "bad")

    def test_what_hangs_is_bad_in_bounded_time(self, client, monkeypatch):
        release = threading.Event()

        def hang() -> Finding:
            release.wait(60)
            return Finding("broker", State.GOOD, "at last")

        monkeypatch.setattr(probes.PartCheck, "timeout", probes.timedelta(seconds=-0.9))
        monkeypatch.setattr(ReadyView, "looks", (Look("broker", hang, ""),))
        answer = client.get("/readyz")
        assert not release.is_set()
        release.set()
        assert (answer.status_code, answer.json()["parts"]) == (503, {"broker": "bad"})

    def test_asking_often_looks_once(self, client, monkeypatch):
        looked = []

        def look() -> Finding:
            looked.append(1)
            return Finding("database", State.GOOD, "It answers.")

        monkeypatch.setattr(ReadyView, "looks", (Look("database", look, ""),))
        monkeypatch.setattr(probes, "monotonic", lambda: 100.0)
        assert [client.get("/readyz").status_code for _ in range(3)] == [200, 200, 200]
        assert len(looked) == 1
        monkeypatch.setattr(probes, "monotonic", lambda: 100.0 + probes.KEEP_SECONDS)
        client.get("/readyz")
        assert len(looked) == 2

    def test_strangers_learn_states_and_nothing_else(self, client, monkeypatch):
        def look() -> Finding:
            return Finding("broker", State.BAD, "redis.internal:6379 refuses", "Start it.")

        monkeypatch.setattr(ReadyView, "looks", (Look("broker", look, ""),))
        for headers in ({}, {"Authorization": "Bearer guessed"}, {"Authorization": KEY}):
            PartsView._kept.clear()
            assert client.get("/readyz", headers=headers).json()["parts"] == {"broker": "bad"}

    def test_nothing_is_changed_by_other_methods(self, client):
        assert client.post("/readyz").status_code == 405


class TestTheWayThere:
    """A kubelet names the pod's address as the host, speaks plain HTTP, and has no session."""

    @pytest.mark.parametrize("path", ["/healthz", "/readyz"])
    def test_probes_pass_by_host_names_and_the_redirect_to_https(self, client, settings, path):
        settings.ALLOWED_HOSTS = ["hedgehog.example.net"]
        settings.SECURE_SSL_REDIRECT = True
        assert client.get(path, headers={"Host": "10.0.3.7:8000"}).status_code == 200

    def test_so_does_who_has_the_key_and_nobody_else(self, client, settings, key, fleet):
        settings.ALLOWED_HOSTS = ["hedgehog.example.net"]
        assert client.get("/health/fleet", headers={"Host": "10.0.3.7:8000", **key}).status_code == 200
        assert client.get("/health/fleet", headers={"Host": "10.0.3.7:8000"}).status_code == 400
        assert client.get("/", headers={"Host": "10.0.3.7:8000", **key}).status_code == 400

    def test_without_a_configured_key_an_empty_one_opens_nothing(self, client, settings):
        settings.HEDGEHOG_METRICS_KEY = ""
        settings.ALLOWED_HOSTS = ["hedgehog.example.net"]
        headers = {"Host": "10.0.3.7:8000", "Authorization": "Bearer "}
        assert client.get("/health/fleet", headers=headers).status_code == 400


class TestFleet:
    def test_it_is_good_where_workers_and_ticks_are_fresh(self, client, fleet):
        answer = client.get("/health/fleet")
        assert answer.status_code == 200
        assert {"workers": "good", "schedule": "good"}.items() <= answer.json()["parts"].items()

    def test_it_is_bad_when_no_worker_tells_of_itself(self, client, fleet):
        fleet.clear()
        answer = client.get("/health/fleet")
        assert (answer.status_code, answer.json()["parts"]["workers"]) == (503, "bad")

    def test_it_is_bad_when_no_worker_takes_the_queue(self, client, fleet):
        fleet["celery@one"]["queues"] = ["other"]
        assert client.get("/health/fleet").json()["parts"]["workers"] == "bad"

    def test_it_is_bad_when_ticks_stopped(self, client, fleet):
        PeriodicTask.objects.update(enabled=False)
        answer = client.get("/health/fleet")
        assert (answer.status_code, answer.json()["parts"]["schedule"]) == (503, "bad")

    def test_staff_and_who_has_the_key_are_told_what_helps(self, client, staff, key, fleet):
        fleet.clear()
        for asked in (staff.get("/health/fleet"), client.get("/health/fleet", headers=key)):
            workers = asked.json()["parts"]["workers"]
            assert workers["state"] == "bad"
            assert "celery -A netbox_hedgehog worker" in workers["remedy"]

    def test_its_parts_are_those_of_the_doctor(self):
        assert {look.part for look in FleetView.looks} <= {look.part for look in health.ALL}
