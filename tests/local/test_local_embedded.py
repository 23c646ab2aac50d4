"""The embedded broker: private, lasting, and the same for `manage.py` as for the running system."""

import json
import socket
import stat
import subprocess
import sys
from urllib.parse import urlsplit

import pytest
import redis

from netbox_hedgehog.local import embedded


@pytest.fixture
def directory(tmp_path):
    # A space and a quote, because a home directory may have them.
    path = tmp_path / "it's var"
    path.mkdir()
    return path


@pytest.fixture
def broker(directory):
    broker = embedded.choose(directory)
    embedded.write_environment(directory, {"REDIS_URL": broker.url})
    return broker


@pytest.fixture
def start(directory, broker):
    """Start the server and wait until it answers; every one is stopped at the end."""
    started = []

    def start():
        configuration = embedded.write_configuration(directory / "valkey", broker)
        process = subprocess.Popen([embedded.binary(), str(configuration)], stdout=subprocess.DEVNULL)
        started.append(process)
        retry = redis.retry.Retry(redis.backoff.ConstantBackoff(0.02), 500)
        client = redis.Redis.from_url(broker.url, retry=retry, retry_on_error=[redis.ConnectionError])
        client.ping()
        return process, client

    yield start
    for process in started:
        process.kill()
        process.wait()


def test_port_and_password_are_kept_over_starts(directory, broker):
    assert embedded.choose(directory).url == broker.url


def test_another_port_is_taken_when_the_last_one_is_in_use(directory, broker):
    with socket.create_server(("127.0.0.1", broker.port)):
        other = embedded.choose(directory)
    assert other.port != broker.port
    assert other.password == broker.password


def test_the_password_is_in_no_repr(broker):
    assert broker.password not in repr(broker)


def test_only_the_owner_can_read_what_holds_the_password(directory, broker):
    configuration = embedded.write_configuration(directory / "valkey", broker)
    for path in (directory / "embedded.env", configuration):
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        assert broker.password in path.read_text()


def test_the_password_is_on_no_command_line(broker, start):
    process, _ = start()
    shown = subprocess.run(
        ["ps", "-ww", "-o", "args=", "-p", str(process.pid)], capture_output=True, text=True, check=True
    )
    assert "valkey-server" in shown.stdout
    assert broker.password not in shown.stdout


def test_nobody_gets_in_without_the_password(broker, start):
    start()
    with pytest.raises(redis.AuthenticationError), redis.Redis(port=broker.port, retry=None) as client:
        client.ping()


def test_queued_messages_survive_a_stop(start):
    process, client = start()
    client.lpush("git_sync", "message")
    process.terminate()
    process.wait()
    _, client = start()
    assert client.lrange("git_sync", 0, -1) == [b"message"]


def test_under_memory_pressure_nothing_is_pushed_out(start):
    _, client = start()
    assert client.config_get("maxmemory-policy") == {"maxmemory-policy": "noeviction"}


def test_the_settings_read_what_was_left_for_them(directory, bare_environment):
    values = {"REDIS_URL": "redis://:pass@127.0.0.1:1234/0", "HEDGEHOG_DEMO_ROOT": str(directory / "$HOME # demo")}
    embedded.write_environment(directory, values)
    code = (
        "import json; from django.conf import settings as s;"
        "print(json.dumps([s.CELERY_BROKER_URL, s.HEDGEHOG_DEMO_ROOT]))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        env=bare_environment
        | {"HEDGEHOG_DATA_DIR": str(directory), "DJANGO_SETTINGS_MODULE": "netbox_hedgehog.settings"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert json.loads(done.stdout) == list(values.values())


@pytest.mark.parametrize(
    ("given", "wanted"),
    [
        ({}, True),
        ({"REDIS_URL": "redis://cache"}, False),
        ({"REDIS_URL_FILE": "a file"}, False),
        ({"CELERY_BROKER_URL": "amqp://broker"}, True),
        ({"CELERY_BROKER_URL": "amqp://broker", "CACHE_URL": "redis://cache"}, False),
    ],
)
def test_it_is_wanted_unless_the_operator_brings_broker_and_cache(monkeypatch, given, wanted):
    for name in ("REDIS_URL", "CELERY_BROKER_URL", "CACHE_URL"):
        monkeypatch.delenv(name, raising=False)
    for name, value in given.items():
        monkeypatch.setenv(name, value)
    assert embedded.is_wanted() is wanted


def test_the_address_is_this_machine_only(broker):
    assert urlsplit(broker.url).hostname == "127.0.0.1"
