"""Settings are read from the environment at import: each case imports the module anew under its own variables."""

from __future__ import annotations

import os
import runpy
import stat
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest
from django.core.exceptions import ImproperlyConfigured
from environs import ValidationError
from hypothesis import given
from hypothesis import strategies as st

from netbox_hedgehog.conf import Conf
from netbox_hedgehog.env import next_database, persistent_secret, url_with, verified_redis

ROOT = Path(__file__).resolve().parent.parent

PRODUCTION = {
    "SECRET_KEY": "a secret key of the operator: Zx81-Lm22-Qp47-Ty90-Uw35-Ka66-Rn14",
    "HEDGEHOG_ENCRYPTION_KEY": "an encryption key of the operator: 4f1b-90aa-77ce",
    "ALLOWED_HOSTS": "hedgehog.example.net",
    "HTTPS": "true",
    "TRUST_PROXY": "true",
}

type Load = Callable[..., dict[str, Any]]


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    """Nothing but what a process needs to start, and a data directory of its own."""
    return {"PATH": os.environ["PATH"], "HEDGEHOG_DATA_DIR": str(tmp_path / "var")}


@pytest.fixture
def load(environment: dict[str, str]) -> Load:
    """The settings that a process with these variables has."""

    def load(**variables: str) -> dict[str, Any]:
        with patch.dict(os.environ, environment | variables, clear=True):
            return runpy.run_path(str(ROOT / "netbox_hedgehog/settings.py"))

    return load


def manage(*arguments: str, env: dict[str, str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, ROOT / "manage.py", *arguments],
        env=env,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


class TestDefaults:
    def test_an_empty_environment_just_works(self, load, tmp_path):
        values = load()
        assert values["DEBUG"] is False
        assert values["ALLOWED_HOSTS"] == ["localhost", "127.0.0.1", "[::1]"]
        assert values["DATABASES"]["default"]["ENGINE"] == "django.db.backends.sqlite3"
        assert values["DATABASES"]["default"]["NAME"] == str(tmp_path / "var/hedgehog.sqlite3")
        assert values["CELERY_BROKER_URL"] == "redis://127.0.0.1:6379/0"
        assert values["CACHES"]["default"]["LOCATION"] == "redis://127.0.0.1:6379/1"
        assert values["HEDGEHOG_GIT_SCHEMES"] == ("https", "ssh")
        assert values["TIME_ZONE"] == "UTC"

    def test_every_option_has_its_declared_default_and_meaning(self, load):
        values = load()
        for option in Conf.options():
            assert values[option.name] == option.default
            assert option.meaning

    def test_every_default_is_within_its_own_bounds(self):
        for option in Conf.options():
            if isinstance(option.default, int | float):
                assert option.minimum is None or option.default >= option.minimum, option.name
                assert option.maximum is None or option.default <= option.maximum, option.name
            if option.choices:
                chosen = option.default if isinstance(option.default, tuple) else (option.default,)
                assert set(chosen) <= set(option.choices), option.name

    def test_a_data_directory_may_have_any_name(self, load, tmp_path):
        directory = tmp_path / "a b%20c#d?e"
        values = load(HEDGEHOG_DATA_DIR=str(directory))
        assert values["DATABASES"]["default"]["NAME"] == str(directory / "hedgehog.sqlite3")


WRONG = {
    "DEBUG": "perhaps-a-secret",
    "HTTPS": "perhaps-a-secret",
    "TRUST_PROXY": "perhaps-a-secret",
    "DATABASE_URL": "postgres://bob:perhaps/a-secret@db/hedgehog",
    "REDIS_URL": "redis://:perhaps/a-secret@cache:6379/0",
    "CELERY_BROKER_URL": "kafka://bob:perhaps-a-secret@broker",
    "CACHE_URL": "memcached://perhaps-a-secret",
    "HEDGEHOG_TICK_TIME_BUDGET_SECONDS": "nan",
    "HEDGEHOG_TICK_MAX_DISPATCH": "perhaps-a-secret",
    "HEDGEHOG_TICK_CHUNK_SIZE": "0",
    "HEDGEHOG_QUEUED_CLAIM_SECONDS": "86401",
    "HEDGEHOG_GIT_ALLOW_PRIVATE": "perhaps-a-secret",
    "HEDGEHOG_GIT_SCHEMES": "https,file",
    "HEDGEHOG_GIT_ALLOWED_HOSTS": "git.example.com,https://perhaps-a-secret/",
    "HEDGEHOG_GIT_DENIED_HOSTS": "*.perhaps-a-secret",
    "HEDGEHOG_LOG_FORMAT": "perhaps-a-secret",
    "HEDGEHOG_LOG_LEVEL": "perhaps-a-secret",
    "SECRET_KEY_FILE": "/perhaps-a-secret/that/does/not/exist",
}


class TestWrongValues:
    def test_all_of_them_are_named_at_once_and_none_is_quoted(self, load):
        with pytest.raises(ImproperlyConfigured) as refused:
            load(**WRONG)
        said = str(refused.value)
        named = {line.split(":")[0].strip() for line in said.splitlines() if line.startswith("  ")}
        assert named == set(WRONG)
        assert "perhaps" not in said

    @pytest.mark.parametrize(
        ("variable", "value"),
        [
            ("DATABASE_URL", ""),
            ("DATABASE_URL", "mysql://bob@db/hedgehog"),
            ("DATABASE_URL", "sqlite://:memory:"),
            ("DATABASE_URL", "postgres://[bob/hedgehog"),
            ("REDIS_URL", ""),
            ("REDIS_URL", "redis://cache:port/0"),
            ("REDIS_URL", "redis://cache/hedgehog"),
            ("REDIS_URL", "unix:///run/redis.sock"),
            ("HEDGEHOG_GIT_TIMEOUT_SECONDS", "1e9"),
            ("HEDGEHOG_TICK_TIME_BUDGET_SECONDS", "inf"),
        ],
    )
    def test_it_is_refused_at_start_by_name(self, load, variable, value):
        with pytest.raises(ImproperlyConfigured, match=f"^Wrong environment variables:\n  {variable}: ") as refused:
            load(**{variable: value})
        assert len(value) < 4 or value not in str(refused.value)

    def test_the_error_says_nothing_else_either(self, load):
        """A chained exception would be printed with the traceback, and some quote the value."""
        with pytest.raises(ImproperlyConfigured) as refused:
            load(DATABASE_URL="postgres://bob:hunter2/x@db/hedgehog")
        assert refused.value.__suppress_context__

    def test_a_binary_key_file_is_refused_by_name(self, load, tmp_path):
        (tmp_path / "key").write_bytes(b"\xff\xfe\x00")
        with pytest.raises(ImproperlyConfigured, match="SECRET_KEY_FILE: Must be the path of a readable text file"):
            load(SECRET_KEY_FILE=str(tmp_path / "key"))


@pytest.mark.parametrize(
    ("variable", "setting", "expected"),
    [
        ("SECRET_KEY", "SECRET_KEY", "from a file"),
        ("HEDGEHOG_ENCRYPTION_KEY", "HEDGEHOG_ENCRYPTION_KEYS", ["from a file"]),
    ],
)
def test_a_secret_may_stand_in_a_file(load, tmp_path, variable, setting, expected):
    (tmp_path / "secret").write_text("from a file\n")
    values = load(**{f"{variable}_FILE": str(tmp_path / "secret"), variable: "from the variable"})
    assert values[setting] == expected


def test_urls_may_stand_in_files(load, tmp_path):
    (tmp_path / "db").write_text("postgres://bob:hunter2@db/hedgehog\n")
    (tmp_path / "redis").write_text("redis://:hunter2@cache:6379/3\n")
    values = load(DATABASE_URL_FILE=str(tmp_path / "db"), REDIS_URL_FILE=str(tmp_path / "redis"))
    assert values["DATABASES"]["default"]["PASSWORD"] == "hunter2"
    assert values["CELERY_BROKER_URL"] == "redis://:hunter2@cache:6379/3"


def test_blanks_and_empty_items_of_lists_do_not_count(load):
    values = load(
        ALLOWED_HOSTS="a.example, b.example,",
        HEDGEHOG_ENCRYPTION_KEY=", k1 ,k2,",
    )
    assert values["ALLOWED_HOSTS"] == ["a.example", "b.example"]
    assert values["HEDGEHOG_ENCRYPTION_KEYS"] == ["k1", "k2"]  # an empty key would encrypt with a key that all know


class TestDatabase:
    def test_sqlite_waits_for_its_lock_and_lets_readers_go_on(self, load, tmp_path):
        database = load(DATABASE_URL=f"sqlite:///{tmp_path}/deeper/own.sqlite3")["DATABASES"]["default"]
        assert database["NAME"] == f"{tmp_path}/deeper/own.sqlite3"
        assert database["OPTIONS"]["transaction_mode"] == "IMMEDIATE"
        assert "journal_mode=WAL" in database["OPTIONS"]["init_command"]
        assert database["OPTIONS"]["timeout"] >= 5
        assert (tmp_path / "deeper").is_dir()

    @pytest.mark.parametrize("scheme", ["postgres", "postgresql"])
    def test_postgresql_keeps_connections_and_checks_them(self, load, scheme):
        url = f"{scheme}://bob:p%40ss%2Fword@db.example.net:5433/hedgehog?sslmode=verify-full"
        database = load(DATABASE_URL=url)["DATABASES"]["default"]
        assert (
            database
            | {
                "ENGINE": "django.db.backends.postgresql",
                "USER": "bob",
                "PASSWORD": "p@ss/word",
                "HOST": "db.example.net",
                "PORT": 5433,
                "NAME": "hedgehog",
                "CONN_HEALTH_CHECKS": True,
            }
            == database
        )
        assert database["CONN_MAX_AGE"] > 0
        assert database["OPTIONS"] == {"connect_timeout": 5, "sslmode": "verify-full"}


class TestBrokerAndCache:
    def test_they_share_a_server_but_not_a_database(self, load):
        values = load(REDIS_URL="redis://:pw@cache:6380/4")
        assert values["CELERY_BROKER_URL"] == "redis://:pw@cache:6380/4"
        assert values["CACHES"]["default"]["LOCATION"] == "redis://:pw@cache:6380/5"
        assert values["CELERY_RESULT_BACKEND"] == "redis://:pw@cache:6380/5"

    def test_each_may_be_elsewhere(self, load):
        values = load(CELERY_BROKER_URL="amqp://bob:pw@rabbit:5672//", CACHE_URL="redis://cache/7")
        assert values["CELERY_BROKER_URL"] == "amqp://bob:pw@rabbit:5672//"
        assert values["CACHES"]["default"]["LOCATION"] == "redis://cache/7"

    @pytest.mark.parametrize(
        ("url", "expected"),
        [
            ("redis://h", "redis://h/1"),
            ("redis://h/", "redis://h/1"),
            ("redis://h:1/0", "redis://h:1/1"),
            ("rediss://u:p%40@h/9?ssl_cert_reqs=none", "rediss://u:p%40@h/10?ssl_cert_reqs=none"),
            ("redis://[::1]:6379/2", "redis://[::1]:6379/3"),
            ("redis://h/name", "redis://h/name"),
            ("redis://[h", "redis://[h"),
        ],
    )
    def test_the_next_database(self, url, expected):
        assert next_database(url) == expected

    @pytest.mark.parametrize(
        ("url", "expected"),
        [
            ("redis://h/0", "redis://h/0"),
            ("amqps://h//", "amqps://h//"),
            ("rediss://u:p%2F@h/0", "rediss://u:p%2F@h/0?ssl_cert_reqs=required"),
            ("rediss://h/0?socket_timeout=3", "rediss://h/0?socket_timeout=3&ssl_cert_reqs=required"),
            ("rediss://h/0?ssl_cert_reqs=none", "rediss://h/0?ssl_cert_reqs=none"),
        ],
    )
    def test_certificates_are_checked_unless_the_url_says_otherwise(self, url, expected):
        assert verified_redis(url) == expected

    def test_encrypted_redis_serves_broker_cache_and_results(self, load):
        values = load(REDIS_URL="rediss://h/0")
        for url in (
            values["CELERY_BROKER_URL"],
            values["CELERY_RESULT_BACKEND"],
            values["CACHES"]["default"]["LOCATION"],
        ):
            assert url.endswith("?ssl_cert_reqs=required")

    @given(st.text())
    def test_whatever_is_not_a_url_is_a_validation_error(self, text):
        with pytest.raises(ValidationError):
            url_with("redis")(f"no-such-scheme://{text}")


class TestCelery:
    @pytest.mark.parametrize(
        ("broker", "first", "sync"),
        [("redis://h/0", min, 9), ("rediss://h/0", min, 9), ("amqp://h//", max, 3), ("amqps://h//", max, 3)],
    )
    def test_a_tick_never_queues_behind_syncs(self, load, broker, first, sync):
        """Redis hands out low numbers first, RabbitMQ high ones; the schedule row says 6 on both."""
        values = load(
            CELERY_BROKER_URL=broker,
        )
        assert (values["HEDGEHOG_TICK_PRIORITY"], values["HEDGEHOG_SYNC_PRIORITY"]) == (6, sync)
        assert "CELERY_TASK_DEFAULT_PRIORITY" not in values  # it would win over the routes
        assert first(6, sync) == 6
        if broker.startswith("amqp"):
            assert values["CELERY_TASK_QUEUE_MAX_PRIORITY"] == 9
        else:
            assert values["CELERY_BROKER_TRANSPORT_OPTIONS"]["queue_order_strategy"] == "priority"

    def test_the_time_limits_form_a_chain(self, load):
        values = load(
            HEDGEHOG_QUEUED_CLAIM_SECONDS="7200",
            HEDGEHOG_SYNC_TIME_LIMIT_SECONDS="1800",
        )
        limits = [
            values["HEDGEHOG_GIT_TIMEOUT_SECONDS"],
            values["CELERY_TASK_SOFT_TIME_LIMIT"],
            values["CELERY_TASK_TIME_LIMIT"],
            values["CELERY_BROKER_TRANSPORT_OPTIONS"]["visibility_timeout"],
        ]
        assert limits == sorted(set(limits))
        assert values["CELERY_TASK_SOFT_TIME_LIMIT"] == 1800
        assert limits[-1] > values["HEDGEHOG_QUEUED_CLAIM_SECONDS"] + values["CELERY_TASK_TIME_LIMIT"]


class TestSecurity:
    @pytest.mark.parametrize("https", [True, False])
    def test_https_secures_the_cookies_and_the_transport(self, load, https):
        values = load(HTTPS=str(https))
        for name in ("SESSION_COOKIE_SECURE", "CSRF_COOKIE_SECURE", "SECURE_SSL_REDIRECT", "SECURE_HSTS_SECONDS"):
            assert bool(values.get(name)) is https

    def test_a_proxy_is_believed_only_when_told_so(self, load):
        assert load(TRUST_PROXY="1")["SECURE_PROXY_SSL_HEADER"] == ("HTTP_X_FORWARDED_PROTO", "https")
        assert "SECURE_PROXY_SSL_HEADER" not in load()

    def test_check_deploy_is_clean_under_the_documented_production_settings(self, environment):
        process = manage(
            "check",
            "--deploy",
            "--database=default",
            "--fail-level=WARNING",
            env=environment
            | PRODUCTION
            | {name: os.environ[name] for name in ("DATABASE_URL", "REDIS_URL")}
            | {"PYTHONWARNINGS": "error"},
        )
        assert process.returncode == 0, process.stderr
        assert process.stdout == "System check identified no issues (0 silenced).\n"

    def test_check_deploy_asks_for_what_is_missing(self, environment):
        process = manage("check", "--deploy", env=environment)
        for expected in ("netbox_hedgehog.W001", "netbox_hedgehog.W002", "security.W004", "security.W012"):
            assert expected in process.stderr


class TestGeneratedKeys:
    def test_processes_that_start_at_once_agree_and_only_the_owner_can_read_them(self, environment, tmp_path):
        make = "from netbox_hedgehog import settings as s; print(s.SECRET_KEY, *s.HEDGEHOG_ENCRYPTION_KEYS)"
        command = [sys.executable, "-c", make]
        started = [
            subprocess.Popen(command, env=environment, cwd=ROOT, stdout=subprocess.PIPE, text=True) for _ in range(4)
        ]
        seen = {process.communicate(timeout=60)[0].strip() for process in started}
        kept = [tmp_path / "var" / name for name in ("secret_key", "encryption_key")]
        assert seen == {" ".join(file.read_text() for file in kept)}
        assert [stat.S_IMODE(file.stat().st_mode) for file in kept] == [0o600, 0o600]
        assert not list((tmp_path / "var").glob(".*"))

    def test_one_that_lost_the_race_takes_the_winners(self, tmp_path, monkeypatch):
        def lose(source: Path, target: Path) -> None:
            target.write_text("the winner's")
            raise FileExistsError

        monkeypatch.setattr(os, "link", lose)
        assert persistent_secret(tmp_path / "key") == "the winner's"
        assert [file.name for file in tmp_path.iterdir()] == ["key"]

    def test_they_stay_and_differ_between_installations(self, load, tmp_path):
        first, again = load(), load()
        other = load(HEDGEHOG_DATA_DIR=str(tmp_path / "other"))
        for name in ("SECRET_KEY", "HEDGEHOG_ENCRYPTION_KEYS"):
            assert first[name] == again[name] != other[name]
            assert len(first[name]) >= 50 or len(first[name][0]) >= 50

    def test_none_is_made_when_the_operator_gives_them(self, load, tmp_path):
        load(**PRODUCTION)
        assert not (tmp_path / "var/secret_key").exists()
        assert not (tmp_path / "var/encryption_key").exists()

    def test_an_emptied_file_is_refused_instead_of_used(self, load, tmp_path):
        (tmp_path / "var").mkdir()
        (tmp_path / "var/encryption_key").touch()
        with pytest.raises(ImproperlyConfigured, match="encryption_key is empty"):
            load()
