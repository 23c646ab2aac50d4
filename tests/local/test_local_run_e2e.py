"""`netbox-hedgehog run` as a newcomer sees it: real broker, worker, beat, web server and Git repositories."""

import http.cookiejar
import os
import re
import signal
import socket
import sqlite3
import subprocess
import sys
import threading
import urllib.parse
import urllib.request
from contextlib import closing
from pathlib import Path

import pytest

from netbox_hedgehog.local.demo import repositories
from netbox_hedgehog.local.demo.__main__ import change_once
from netbox_hedgehog.local.demo.plans import CHANGING, PLANS
from tests.local.conftest import Heard, wait_until_gone

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(400)]


class System:
    """One run of the launcher, with its output as it comes."""

    def __init__(self, environment, *arguments):
        self.environment = environment
        self.data = Path(environment["HEDGEHOG_DATA_DIR"])
        self.port = free_port()
        self.process = subprocess.Popen(
            [sys.executable, "-m", "netbox_hedgehog", "run", "--port", str(self.port), *arguments],
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        self.log = Heard()
        self._reader = threading.Thread(target=lambda: [self.log.write(line) for line in self.process.stdout])
        self._reader.start()

    def members(self):
        """The launcher and everything that it started, by what only they have in their environment."""
        mark = f"HEDGEHOG_DATA_DIR={self.data}".encode()
        found = []
        for entry in Path("/proc").glob("[0-9]*/environ"):
            try:
                if mark in entry.read_bytes().split(b"\0"):
                    found.append(int(entry.parent.name))
            except OSError:
                continue
        return found

    def pid_of(self, *words):
        """The process whose command line has all the words; the oldest one, lifelines left out."""
        for process in sorted(self.members()):
            line = Path(f"/proc/{process}/cmdline").read_bytes().decode().split("\0")
            if all(word in line for word in words) and not any("lifeline" in part for part in line):
                return process
        raise AssertionError(f"no process {words}")

    def query(self, sql):
        with closing(sqlite3.connect(self.data / "hedgehog.sqlite3")) as connection:
            return connection.execute(sql).fetchall()

    def manage(self, code):
        """Run Python in `manage.py shell` of the same checkout."""
        done = subprocess.run(
            [sys.executable, "-m", "netbox_hedgehog", "shell", "-v", "0", "-c", code],
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=60,
            check=True,
        )
        return done.stdout

    def end(self, number):
        """Send a signal and return the exit status; all processes must be gone then."""
        members = self.members()
        self.process.send_signal(number)
        status = self.process.wait(timeout=15)
        self._reader.join()
        self.process.stdout.close()
        wait_until_gone(*members)
        assert self.members() == []
        return status


@pytest.fixture
def start(bare_environment):
    systems = []

    def start(*arguments):
        systems.append(System(bare_environment, *arguments))
        return systems[-1]

    yield start
    for system in systems:
        if system.process.poll() is None:
            system.end(signal.SIGTERM)


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def signed_in(system, user, password):
    """A browser that has signed in to the admin."""
    jar = http.cookiejar.CookieJar()
    browser = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(jar))
    login = f"http://127.0.0.1:{system.port}/admin/login/"
    browser.open(login).close()
    token = next(cookie.value for cookie in jar if cookie.name == "csrftoken")
    form = {"username": user, "password": password, "csrfmiddlewaretoken": token, "next": "/admin/"}
    browser.open(login, urllib.parse.urlencode(form).encode()).close()
    return browser


def wait_for_syncs(system, *fabrics):
    """Wait until each fabric was synced."""
    waiting = set(fabrics)
    while waiting:
        line = system.log.wait_for("sync.")
        if " sync.succeeded" in line or " sync.unchanged" in line:
            waiting -= {re.search(r"fabric=(\S+)", line)[1]}


def statuses(system):
    return dict(system.query("SELECT name, sync_status FROM netbox_hedgehog_hedgehogfabric"))


def test_from_nothing_to_three_fabrics_in_sync_and_back_to_nothing(start):
    names = {plan.name for plan in PLANS}
    system = start()
    line = system.log.wait_for("created user")
    user, password = re.search(r"user (\S+) with password (\S+)", line).groups()
    system.log.wait_for(f"ready: http://127.0.0.1:{system.port}/ (user {user})")
    wait_for_syncs(system, *names)
    assert statuses(system) == dict.fromkeys(names, "in_sync")

    with signed_in(system, user, password).open(
        f"http://127.0.0.1:{system.port}/admin/netbox_hedgehog/hedgehogfabric/"
    ) as page:
        text = page.read().decode()
    assert all(name in text for name in names)

    # A worker that is killed comes back, and what is sent from another process of this checkout reaches it.
    os.kill(system.pid_of("celery", "worker"), signal.SIGKILL)
    system.log.wait_for("worker was killed by SIGKILL; starting it again")
    change_once(repositories.path_of(system.data / "demo", CHANGING))
    system.manage(
        "from netbox_hedgehog.models import HedgehogFabric as F; from netbox_hedgehog.tasks import git_sync_fabric;"
        f"git_sync_fabric.delay(F.objects.get(name={CHANGING.name!r}).pk)"
    )
    assert "created=2" in system.log.wait_for("sync.succeeded")
    assert system.end(signal.SIGINT) == 130

    resources = system.query("SELECT count(*) FROM netbox_hedgehog_fabricresource")
    assert not any(password in path.read_text("latin-1") for path in system.data.rglob("*") if path.is_file())

    again = start()
    again.log.wait_for("ready:")
    wait_for_syncs(again, *names)
    assert again.query("SELECT count(*) FROM netbox_hedgehog_fabricresource") == resources
    assert not any("created user" in line or "applied" in line for line in again.log.lines)
    assert again.end(signal.SIGTERM) == 143


def test_without_the_demo_it_starts_empty_and_even_a_killed_launcher_leaves_nothing_running(start):
    system = start("--no-demo")
    system.log.wait_for("ready:")
    assert system.query("SELECT count(*) FROM netbox_hedgehog_hedgehogfabric") == [(0,)]
    assert "HEDGEHOG_DEMO_ROOT" not in (system.data / "embedded.env").read_text()
    assert not (system.data / "demo").exists()

    assert system.end(signal.SIGKILL) == -signal.SIGKILL
