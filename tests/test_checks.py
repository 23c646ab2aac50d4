"""Wrong set-ups are found before they hurt: by `manage.py check`, and at the start of each process."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from datetime import timedelta
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from django.core.checks.registry import registry
from django.db import OperationalError, connection

from netbox_hedgehog import checks, startup

ROOT = Path(__file__).resolve().parent.parent
OURS = "netbox_hedgehog."

RABBITMQ = {"CELERY_BROKER_URL": "amqp://guest:guest@localhost//"}


def found(check) -> list[str]:
    return [message.id.removeprefix(OURS) for message in getattr(checks, check)(databases=["default"])]


@pytest.mark.django_db
def test_the_settings_that_tests_run_under_pass_all_of_ours():
    names = [check.__name__ for check in registry.get_checks(True) if check.__module__ == checks.__name__]
    assert len(names) >= 10
    assert {name: found(name) for name in names} == {name: [] for name in names}


@pytest.mark.parametrize(
    ("change", "check", "expected"),
    [
        ({"CELERY_BEAT_SCHEDULER": "celery.beat:PersistentScheduler"}, "schedule_lives_in_the_database", "E001"),
        ({"CELERY_BEAT_SCHEDULE": {"x": {}}}, "schedule_lives_in_the_database", "E002"),
        ({"HEDGEHOG_GIT_TIMEOUT_SECONDS": 600}, "time_limits_form_a_chain", "E003"),
        ({"HEDGEHOG_GIT_CONNECT_TIMEOUT_SECONDS": 121}, "time_limits_form_a_chain", "E004"),
        ({"HEDGEHOG_BACKOFF_BASE_SECONDS": 3601}, "time_limits_form_a_chain", "E005"),
        ({"HEDGEHOG_CREDENTIALS_DIR": "secrets"}, "credentials_directory_is_one_place", "E006"),
        (
            {"CACHES": {"default": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"}}},
            "processes_share_the_cache",
            "E007",
        ),
        (
            {"CACHES": {"default": {"BACKEND": "django.core.cache.backends.dummy.DummyCache"}}},
            "processes_share_the_cache",
            "E007",
        ),
        ({"CELERY_TASK_DEFAULT_QUEUE": "celery"}, "messages_reach_the_workers", "E008"),
        (
            {"CELERY_BROKER_TRANSPORT_OPTIONS": {"visibility_timeout": 1230}},
            "messages_are_delivered_once_while_they_are_worked_on",
            "E009",
        ),
        ({"CELERY_BROKER_URL": "memory://"}, "messages_reach_the_workers", "E010"),
        ({"HEDGEHOG_ENCRYPTION_KEYS": ["hunter2"]}, "keys_are_the_operators_own", "W003"),
        ({"HEDGEHOG_ENCRYPTION_KEYS": ["changeme" * 8]}, "keys_are_the_operators_own", "W003"),
        ({"CELERY_RESULT_BACKEND": None}, "results_are_kept_for_a_while", "W004"),
        ({"CELERY_RESULT_EXPIRES": None}, "results_are_kept_for_a_while", "W004"),
        ({"CELERY_BROKER_URL": "redis://127.0.0.1/1"}, "queue_and_cache_are_apart", "W005"),
        (
            RABBITMQ | {"HEDGEHOG_QUEUED_CLAIM_SECONDS": 1170},
            "messages_are_delivered_once_while_they_are_worked_on",
            "W009",
        ),
    ],
)
def test_a_setting_that_breaks_a_promise_is_found_with_what_helps(settings, change, check, expected):
    settings.CACHES = {"default": settings.CACHES["default"] | {"LOCATION": "redis://127.0.0.1/1"}}
    for name, value in change.items():
        setattr(settings, name, value)
    assert found(check) == [expected]
    assert all(message.hint for message in getattr(checks, check)())


@pytest.mark.parametrize(
    ("change", "check"),
    [
        (
            {"CELERY_BROKER_TRANSPORT_OPTIONS": {"visibility_timeout": 1231}},
            "messages_are_delivered_once_while_they_are_worked_on",
        ),
        (RABBITMQ | {"HEDGEHOG_QUEUED_CLAIM_SECONDS": 1169}, "messages_are_delivered_once_while_they_are_worked_on"),
        ({"HEDGEHOG_ENCRYPTION_KEYS": ["0123456789abcdef" * 2]}, "keys_are_the_operators_own"),
    ],
)
def test_one_that_just_holds_passes(settings, change, check):
    for name, value in change.items():
        setattr(settings, name, value)
    assert found(check) == []


def test_a_database_of_one_machine_is_found(settings, monkeypatch):
    monkeypatch.setitem(settings.DATABASES["default"], "ENGINE", "django.db.backends.sqlite3")
    assert found("database_serves_many") == ["W006"]


def test_one_key_for_two_purposes_is_found(settings):
    settings.HEDGEHOG_ENCRYPTION_KEYS = ["an older key of the operator: 55ab-9931-aa02", settings.SECRET_KEY]
    assert found("keys_are_the_operators_own") == ["W008"]


class TestClocks:
    @pytest.mark.parametrize(("seconds", "expected"), [(5, []), (5.1, ["W007"])])
    def test_that_differ_are_found(self, monkeypatch, seconds, expected):
        monkeypatch.setattr(checks, "clock_skew", lambda: timedelta(seconds=seconds))
        assert found("clocks_agree") == expected

    @pytest.mark.django_db
    def test_are_compared_in_the_database(self):
        assert found("clocks_agree") == []

    def test_are_not_compared_unless_databases_are_asked_for(self):
        assert checks.clocks_agree() == []

    def test_cannot_be_compared_while_the_database_is_away(self, monkeypatch):
        def away() -> timedelta:
            raise OperationalError("connection refused")

        monkeypatch.setattr(checks, "clock_skew", away)
        assert found("clocks_agree") == []


def test_each_is_explained_in_the_documents():
    ids = set(re.findall(r'"netbox_hedgehog\.([EW]\d{3})"', Path(checks.__file__).read_text()))
    ids |= set(re.findall(r'"netbox_hedgehog\.([EW]\d{3})"', Path(startup.__file__).read_text())) | {"W001", "W002"}
    explained = re.findall(r"^\| `([EW]\d{3})` \|", (ROOT / "docs/deployment.md").read_text(), re.MULTILINE)
    assert sorted(explained) == sorted(ids)


def run(*command: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """A process under these variables, which ends by itself because something is wrong."""
    return subprocess.run(
        [sys.executable, "-m", *command],
        cwd=ROOT,
        env=os.environ | environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


CONTRADICTION = {"HEDGEHOG_GIT_TIMEOUT_SECONDS": "3600"}


def test_a_contradiction_fails_manage_check():
    process = run("django", "check", **CONTRADICTION)
    assert process.returncode == 1
    assert "netbox_hedgehog.E003" in process.stderr


class TestProcessesDoNotStart:
    @pytest.fixture
    def migrated(self, db: None) -> dict[str, str]:
        """The variable by which a process uses the test's database, where beat finds its tables."""
        url = urlsplit(os.environ["DATABASE_URL"])._replace(path=f"/{connection.settings_dict['NAME']}")
        return {"DATABASE_URL": url.geturl()}

    @pytest.mark.parametrize("role", ["worker", "beat"])
    def test_over_a_contradiction(self, migrated, role):
        process = run("celery", "-A", "netbox_hedgehog", role, **CONTRADICTION, **migrated)
        assert process.returncode == 1
        assert "netbox_hedgehog.E003" in process.stderr
        assert "setup.wrong" in process.stderr

    def test_beat_with_another_scheduler_than_the_databases(self, tmp_path):
        process = run(
            *("celery", "-A", "netbox_hedgehog", "beat", "--pidfile="),
            *("--scheduler", "celery.beat:PersistentScheduler", "--schedule", str(tmp_path / "schedule")),
        )
        assert process.returncode == 1
        assert "netbox_hedgehog.E001" in process.stderr

    def test_unless_the_check_is_silenced(self, db, settings, caplog):
        settings.HEDGEHOG_GIT_TIMEOUT_SECONDS = 3600
        settings.SILENCED_SYSTEM_CHECKS = ["netbox_hedgehog.E003"]
        startup.refuse_wrong_setup()
        assert "setup." not in caplog.text


@pytest.mark.django_db
class TestOnlyTheProcessKnows:
    class Worker:
        def __init__(self, queues, concurrency=2):
            self.app = self.amqp = self.queues = self
            self.consume_from = dict.fromkeys(queues)
            self.concurrency = concurrency

    def test_that_it_takes_another_queue(self, caplog):
        startup.check_worker(self.Worker(["celery"]))
        assert "netbox_hedgehog.W010" in caplog.text

    def test_that_many_processes_write_to_one_file(self, monkeypatch, caplog):
        monkeypatch.setattr(startup.connection, "vendor", "sqlite")
        startup.check_worker(self.Worker(["git_sync"], concurrency=4))
        assert "setup." not in caplog.text
        startup.check_worker(self.Worker(["git_sync"], concurrency=5))
        assert "netbox_hedgehog.W011" in caplog.text

    def test_nothing_where_all_is_well(self, caplog):
        startup.check_worker(self.Worker(["git_sync"], concurrency=64))
        assert "setup." not in caplog.text
