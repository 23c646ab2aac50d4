"""What `doctor` sees: each part of an installation, good and bad."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from io import StringIO

import pytest
from celery import current_app
from django.core.cache import cache
from django.core.management import call_command
from django.db import connection
from django.db.migrations.recorder import MigrationRecorder
from django_celery_beat.models import PeriodicTask
from model_bakery import baker

from netbox_hedgehog import health
from netbox_hedgehog.health import Finding, State, examine

pytestmark = pytest.mark.django_db


class Inspect:
    """Workers as they answer, without any."""

    def __init__(self, queues: dict[str, list[dict[str, str]]] | None) -> None:
        self.queues = queues

    def active_queues(self) -> dict[str, list[dict[str, str]]] | None:
        return self.queues


@pytest.fixture
def workers(monkeypatch) -> Callable[..., None]:
    def answer(queues: dict[str, list[dict[str, str]]] | None) -> None:
        monkeypatch.setattr(current_app.control, "inspect", lambda **_: Inspect(queues))

    answer({"celery@one": [{"name": "git_sync"}]})
    return answer


@pytest.fixture(autouse=True)
def _all_is_well(workers, settings, tmp_path) -> None:
    settings.DATA_DIR = tmp_path
    PeriodicTask.objects.update(enabled=True, last_run_at=datetime.now(UTC))
    baker.make("netbox_hedgehog.SchedulerRun", status="completed", started_at=datetime.now(UTC))


def seen(part: str) -> Finding:
    return next(finding for finding in examine() if finding.part == part)


def test_where_all_is_well_every_part_is_good():
    findings = list(examine())
    assert [finding.part for finding in findings] == [look.part for look in health.ALL]
    assert [finding for finding in findings if finding.state != State.GOOD or finding.remedy] == []


def unapplied(_request) -> None:
    MigrationRecorder(connection).migration_qs.filter(app="netbox_hedgehog").latest("name").delete()


def wrong_clock(request) -> None:
    late = datetime.now(UTC) - timedelta(seconds=30)
    request.getfixturevalue("monkeypatch").setattr(health, "_database_now", lambda: late)


def forgetful_cache(request) -> None:
    request.getfixturevalue("monkeypatch").setattr(cache, "get", lambda *_: None)


def no_worker(request) -> None:
    request.getfixturevalue("workers")(None)


def worker_of_another_queue(request) -> None:
    request.getfixturevalue("workers")({"celery@one": [{"name": "celery"}]})


def schedule_off(_request) -> None:
    PeriodicTask.objects.update(enabled=False)


def lost_key(request) -> None:
    baker.make_recipe("tests.repository", name="lab", password="hunter2")
    request.getfixturevalue("settings").HEDGEHOG_ENCRYPTION_KEYS = ["another key of at least 32 characters"]


def full_disk(request) -> None:
    request.getfixturevalue("settings").HEDGEHOG_GIT_MIN_FREE_BYTES = 2**60


@pytest.mark.parametrize(
    ("spoil", "part", "said", "helps"),
    [
        (unapplied, "migrations", "not applied", "manage.py migrate"),
        (wrong_clock, "clock", "differs from the database's by 30 s", "NTP"),
        (forgetful_cache, "cache", "does not keep", "memory limit"),
        (no_worker, "workers", "None answers.", "celery -A netbox_hedgehog worker"),
        (worker_of_another_queue, "workers", "1 answer, but none takes the queue git_sync", "-Q git_sync"),
        (schedule_off, "schedule", "switched off", "Enable it"),
        (lost_key, "keys", "1 stored credentials fit none of the keys", "HEDGEHOG_ENCRYPTION_KEY"),
        (full_disk, "disk", "GiB are free for mirrors", "HEDGEHOG_GIT_MIN_FREE_BYTES"),
    ],
)
def test_each_part_that_is_wrong_is_found_with_what_helps(request, spoil, part, said, helps):
    spoil(request)
    finding = seen(part)
    assert finding.state == State.BAD
    assert said in finding.seen
    assert helps in finding.remedy


def test_history_that_nothing_prunes_is_told():
    PeriodicTask.objects.filter(name="prune-history").update(enabled=False)
    finding = seen("history")
    assert finding.state == State.DOUBTFUL
    assert "netbox_hedgehog.tasks.prune_history" in finding.remedy


def test_a_disk_that_fills_up_is_told_in_time(settings):
    free = health.shutil.disk_usage(settings.DATA_DIR).free
    settings.HEDGEHOG_GIT_MIN_FREE_BYTES = int(free / 1.5)
    assert seen("disk").state == State.DOUBTFUL


def test_what_fails_while_it_is_looked_at_is_bad_and_the_others_are_still_looked_at(monkeypatch):
    def down(*_args: object, **_options: object) -> None:
        raise OSError("redis://:hunter2@cache.example.com refuses\nmore of it")

    monkeypatch.setattr(cache, "set", down)
    finding = seen("cache")
    assert finding.state == State.BAD
    assert "refuses" in finding.seen
    assert "hunter2" not in finding.seen
    assert "more of it" not in finding.seen
    assert "CACHE_URL" in finding.remedy
    assert seen("disk").state == State.GOOD


class TestDoctor:
    def test_it_says_so_line_by_line(self, capsys):
        output = StringIO()
        call_command("doctor", stdout=output)
        assert f"ok    database: {connection.display_name} " in output.getvalue()
        assert len(output.getvalue().splitlines()) == len(health.ALL)

    def test_what_is_bad_is_the_exit_code(self, workers):
        workers(None)
        output = StringIO()
        with pytest.raises(SystemExit) as ended:
            call_command("doctor", stdout=output)
        assert ended.value.code == 1
        assert "BAD   workers: None answers.\n      Start one:" in output.getvalue()

    def test_for_programs_it_is_json(self, workers):
        workers(None)
        output = StringIO()
        with pytest.raises(SystemExit):
            call_command("doctor", "--json", stdout=output)
        found = {each["part"]: each["state"] for each in json.loads(output.getvalue())}
        assert (found["workers"], found["disk"]) == ("bad", "good")
