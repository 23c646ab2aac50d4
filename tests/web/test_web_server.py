"""gunicorn under the project's configuration, as a process of its own."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from http.client import HTTPConnection
from pathlib import Path

import pytest

from netbox_hedgehog.web import server

ROOT = Path(__file__).resolve().parents[2]
COMMAND = (sys.executable, "-m", "gunicorn", "--config", "python:netbox_hedgehog.web.server", "netbox_hedgehog.wsgi")


class Server:
    """A running web server, and what it logs."""

    def __init__(self, static: Path) -> None:
        self.process = subprocess.Popen(
            [*COMMAND, "--bind", "127.0.0.1:0"],
            cwd=ROOT,
            env=os.environ | {"HEDGEHOG_LOG_FORMAT": "json", "WEB_CONCURRENCY": "1", "STATIC_ROOT": str(static)},
            stderr=subprocess.PIPE,
            text=True,
        )
        listening = self.wait_for("event", "Listening at: ")
        self.port = int(listening["event"].split()[2].rpartition(":")[2])

    def wait_for(self, field: str, beginning: str) -> dict[str, object]:
        """The next line whose ``field`` begins so; a line that is no JSON fails the test."""
        assert self.process.stderr
        for line in self.process.stderr:
            event = json.loads(line)
            if str(event.get(field, "")).startswith(beginning):
                return event
        raise AssertionError(f"it ended without saying {beginning!r}")

    def get(self, path: str) -> int:
        connection = HTTPConnection("127.0.0.1", self.port, timeout=30)
        connection.request("GET", path, headers={"Connection": "close"})
        status = connection.getresponse().status
        connection.close()
        return status


@pytest.fixture
def running(tmp_path: Path) -> Iterator[Server]:
    made = Server(tmp_path)
    yield made
    made.process.terminate()
    made.process.communicate(timeout=60)


def test_each_request_is_one_structured_line_without_its_query_and_probes_are_none(running):
    assert running.get("/healthz") == 200
    assert running.get("/nowhere?token=hunter2") == 404
    event = running.wait_for("event", "http.request")
    assert (event["method"], event["path"], event["status"]) == ("GET", "/nowhere", 404)
    assert event["seconds"] >= 0
    assert "hunter2" not in json.dumps(event)


def test_it_ends_in_order_when_it_is_told_to(running):
    running.get("/healthz")
    running.process.send_signal(signal.SIGTERM)
    running.wait_for("event", "Shutting down: Master")
    assert running.process.wait(60) == 0


def test_it_does_not_start_over_a_wrong_set_up():
    process = subprocess.run(
        [*COMMAND, "--bind", "127.0.0.1:0"],
        cwd=ROOT,
        env=os.environ | {"HEDGEHOG_GIT_TIMEOUT_SECONDS": "3600"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert process.returncode == 1
    assert "netbox_hedgehog.E003" in process.stderr
    assert "Listening" not in process.stderr


def test_its_limits_hold_what_the_pages_promise():
    testing_a_connection_seconds = 20
    assert server.timeout > testing_a_connection_seconds
    assert server.graceful_timeout >= testing_a_connection_seconds
