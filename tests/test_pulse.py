"""Workers and beat leave signs of life, and probes and watchers read them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from io import StringIO
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from django.core.cache import cache
from django.core.management import CommandError, call_command

from netbox_hedgehog import alive, pulse
from netbox_hedgehog.alive import pulse_file
from netbox_hedgehog.celery import app
from netbox_hedgehog.health import Finding, Look, State
from netbox_hedgehog.pulse import WorkerPulse, pulse_of_beat, touch, workers_seen
from netbox_hedgehog.tasks.queue import QUEUE
from netbox_hedgehog.web.probes import NEEDED_BY_FLEET


@pytest.fixture
def data(settings, tmp_path) -> Path:
    settings.DATA_DIR = tmp_path
    return tmp_path


class Timer:
    """A worker's timer, turned by hand."""

    def __init__(self) -> None:
        self.calls: list[Callable[[], None]] = []

    def call_repeatedly(self, seconds: float, call: Callable[..., None], arguments: tuple[Any, ...]) -> Any:
        self.calls.append(lambda: call(*arguments))
        return SimpleNamespace(cancel=self.calls.clear)


@pytest.fixture
def worker(data) -> Any:
    return SimpleNamespace(hostname="celery@one", app=app, concurrency=3, timer=Timer())


@pytest.fixture
def step(worker) -> WorkerPulse:
    return WorkerPulse(worker)


def set_age(file: Path, seconds: float) -> None:
    then = time.time() - seconds
    os.utime(file, (then, then))


class TestAWorker:
    def test_tells_of_itself_at_once_and_while_its_loop_turns(self, step, worker, data):
        step.start(worker)
        file = pulse_file(data, "worker", "celery@one")
        assert alive.age_seconds(file) < alive.STALE_SECONDS
        set_age(file, 100)
        worker.timer.calls[0]()
        assert alive.age_seconds(file) < alive.STALE_SECONDS
        (sign,) = workers_seen().values()
        assert (sign["queues"], sign["processes"]) == (["git_sync"], 3)
        assert 0 < sign["disk_free_bytes"] < sign["disk_size_bytes"]

    def test_measures_its_mirrors_beside_its_loop_now_and_then(self, step, worker, data, monkeypatch):
        (data / "mirrors" / "one.git").mkdir(parents=True)
        (data / "mirrors" / "one.git" / "pack").write_bytes(b"x" * 50_000)
        started: list[threading.Thread] = []
        start = threading.Thread.start
        monkeypatch.setattr(threading.Thread, "start", lambda thread: (started.append(thread), start(thread)))
        step.start(worker)
        step.beat(worker)
        (measuring,) = started
        measuring.join()
        step.beat(worker)
        (sign,) = workers_seen().values()
        assert sign["mirrors_bytes"] >= 50_000

    def test_takes_its_signs_away_when_it_stops_in_order(self, step, worker, data):
        step.start(worker)
        step.stop(worker)
        assert workers_seen() == {}
        assert not pulse_file(data, "worker", "celery@one").exists()
        assert worker.timer.calls == []

    def test_that_was_killed_is_missed_after_a_minute_and_forgotten_by_the_next(self, step, worker, monkeypatch):
        step.start(worker)
        now = time.time()
        monkeypatch.setattr(pulse.time, "time", lambda: now + pulse.FRESH_SECONDS + 1)
        assert workers_seen() == {}
        monkeypatch.setattr(pulse.time, "time", lambda: now + 3601)
        worker.hostname = "celery@two"
        WorkerPulse(worker).start(worker)
        monkeypatch.setattr(pulse.time, "time", lambda: now)
        assert set(workers_seen()) == {"celery@two"}

    def test_does_not_stop_for_a_cache_that_is_down_and_leaves_it_alone_for_a_while(
        self, step, worker, data, cache_away, operator_log
    ):
        step.start(worker)
        step.beat(worker)
        assert alive.age_seconds(pulse_file(data, "worker", "celery@one")) < alive.STALE_SECONDS
        assert operator_log.getvalue().count("pulse.not_told") == 2  # forgetting the dead, and the first sign

    def test_needs_no_redis_as_its_cache(self, step, worker, settings):
        settings.CACHES = {"default": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"}}
        step.start(worker)
        assert workers_seen() == {}

    def test_does_not_stop_for_a_disk_that_refuses(self, tmp_path, operator_log):
        (tmp_path / "pulse").write_text("in the way")
        touch(pulse_file(tmp_path, "worker", "celery@one"))
        assert "pulse.not_written" in operator_log.getvalue()

    def test_is_seen_by_who_watches_the_fleet(self, step, worker):
        (look,) = (look for look in NEEDED_BY_FLEET if look.part == "workers")
        assert look.finding().state == State.BAD
        step.start(worker)
        assert look.finding().state == State.GOOD


def test_beat_touches_its_file_after_each_look_at_the_schedule(data):
    looks: list[int] = []
    service = SimpleNamespace(scheduler=SimpleNamespace(tick=lambda: looks.append(1) or 5.0))
    pulse_of_beat(sender=service)
    file = pulse_file(data, "beat", alive.own_name("beat"))
    assert not file.exists()
    assert service.scheduler.tick() == 5.0
    assert looks == [1]
    assert file.exists()


class TestTheProbe:
    @pytest.fixture
    def needs(self, monkeypatch) -> Callable[[State], None]:
        def are(state: State) -> None:
            broker = Look("broker", lambda: Finding("broker", state, ""), "")
            monkeypatch.setattr("netbox_hedgehog.management.commands.alive.NEEDED_BY_PROCESSES", (broker,))

        are(State.GOOD)
        return are

    def probe(self, *arguments: str) -> str:
        output = StringIO()
        call_command("alive", *arguments, stdout=output)
        return output.getvalue()

    def test_a_fresh_file_is_life(self, data, needs):
        touch(pulse_file(data, "worker", "w1@here"))
        assert self.probe("worker", "--name", "w1@here") == "worker w1@here is alive.\n"

    @pytest.mark.parametrize(("age", "said"), [(None, "has never been alive here"), (90, "was alive 9")])
    def test_an_old_file_or_none_is_death(self, data, needs, age, said):
        file = pulse_file(data, "beat", alive.own_name("beat"))
        if age:
            touch(file)
            set_age(file, age)
        with pytest.raises(CommandError, match=said) as ended:
            self.probe("beat")
        assert ended.value.returncode == 1

    def test_but_not_while_what_it_waits_for_does_not_answer(self, data, needs):
        needs(State.BAD)
        assert "It waits: broker not answering, which no restart mends." in self.probe("worker")

    def run(self, data: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-X", "importtime", "-m", "netbox_hedgehog", "alive", *arguments],
            env=os.environ | {"HEDGEHOG_DATA_DIR": str(data)},
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    def test_the_installed_command_needs_no_settings_while_all_is_well(self, data):
        touch(pulse_file(data, "worker", "celery@one"))
        done = self.run(data, "worker", "--name", "celery@one")
        assert (done.returncode, done.stdout) == (0, "worker celery@one is alive.\n")
        assert "netbox_hedgehog.settings" not in done.stderr

    def test_the_installed_command_looks_further_where_it_is_not(self, data):
        done = self.run(data, "worker", "--name", "celery@one")
        assert done.returncode == 1
        assert "celery@one has never been alive here" in done.stderr


def test_what_workers_tell_is_json_under_one_key(step, worker):
    step.start(worker)
    client = cache.client.get_client()
    (told,) = client.hgetall(cache.make_key("workers")).values()
    assert set(json.loads(told)) == {"at", "queues", "processes", "disk_free_bytes", "disk_size_bytes", "mirrors_bytes"}
    assert QUEUE in json.loads(told)["queues"]
