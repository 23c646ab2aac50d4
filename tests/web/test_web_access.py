"""Gunicorn's logs are events like all others."""

from __future__ import annotations

import http.client
import io
import json
import os
import re
import subprocess
import sys
import threading
from collections.abc import Iterator

import pytest

PATIENCE_SECONDS = 60


class Server:
    """A real gunicorn on a port of its own choice, and what it says."""

    def __init__(self, data_dir: str) -> None:
        command = [
            *(sys.executable, "-m", "gunicorn", "netbox_hedgehog.wsgi", "--bind", "127.0.0.1:0"),
            *("--no-control-socket", "--access-logfile", "-", "--logger-class", "netbox_hedgehog.web.access.Logger"),
        ]
        environment = os.environ | {
            "HEDGEHOG_DATA_DIR": data_dir,
            "HEDGEHOG_LOG_FORMAT": "json",
            "PYTHONUNBUFFERED": "1",
            "PYTHONWARNINGS": "default",
        }
        self._process = subprocess.Popen(
            command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )
        self.lines: list[str] = []
        self._more = threading.Condition()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert isinstance(self._process.stdout, io.TextIOBase)
        for line in self._process.stdout:
            with self._more:
                self.lines.append(line)
                self._more.notify_all()

    def wait_for(self, pattern: str) -> re.Match[str]:
        def look() -> re.Match[str] | None:
            return next(filter(None, (re.search(pattern, line) for line in self.lines)), None)

        with self._more:
            found = self._more.wait_for(look, PATIENCE_SECONDS)
        assert found, "".join(self.lines)
        return found

    def stop(self) -> None:
        self._process.terminate()
        self._process.wait(30)
        self._reader.join(5)
        assert self._process.stdout
        self._process.stdout.close()


@pytest.fixture
def server(tmp_path) -> Iterator[Server]:
    running = Server(str(tmp_path))
    yield running
    running.stop()


def test_each_line_is_an_event_without_queries_and_probes_that_go_well_are_silent(server):
    """The data directory is empty: static files are missing, which is a warning, and fails the page."""
    port = int(server.wait_for(r"Listening at: http://127\.0\.0\.1:(\d+)")[1])
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE_SECONDS)
    for path, status in (("/healthz", 200), ("/admin/login/?token=hunter2", 500)):
        connection.request("GET", path)
        answer = connection.getresponse()
        answer.read()
        assert answer.status == status
    connection.close()
    server.wait_for("http.request")
    server.stop()

    events = [json.loads(line) for line in server.lines]
    (request,) = [event for event in events if event["event"] == "http.request"]
    assert {"method": "GET", "path": "/admin/login/", "status": 500, "client": "127.0.0.1"}.items() <= request.items()
    (failure,) = [event for event in events if event["event"].startswith("Internal Server Error")]
    assert "Traceback" in failure["exception"]
    assert [event for event in events if event["logger"] == "py.warnings"]
    assert "hunter2" not in "".join(server.lines)
