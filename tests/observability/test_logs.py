"""Whatever is logged, by whomever, leaves the process without secrets."""

from __future__ import annotations

import io
import json
import logging
import logging.config
import os
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest
import structlog
from celery.utils.log import get_logger, get_task_logger
from django.conf import settings as django_settings

from netbox_hedgehog.celery import app, use_project_logging
from netbox_hedgehog.observability import logs
from netbox_hedgehog.observability.logs import bound, logging_config
from netbox_hedgehog.observability.redaction import RedactingFilter

URL = "https://bob:hunter2@git.example.com/f.git"
REDACTED_URL = "https://[REDACTED]@git.example.com/f.git"


class Explosive:
    def __str__(self) -> str:
        raise RuntimeError("cannot be printed")


@pytest.fixture(params=["console", "json"])
def log_format(request: pytest.FixtureRequest) -> str:
    chosen: str = request.param
    return chosen


@pytest.fixture
def written(log_format: str) -> Iterator[io.StringIO]:
    """What the configured process writes to its standard error."""
    stream = io.StringIO()
    kept = logging.root.handlers[:], logging.root.level
    configuration = logging_config(log_format, "DEBUG")
    configuration["handlers"]["stderr"]["stream"] = stream
    logging.config.dictConfig(configuration)
    yield stream
    logging.config.dictConfig(django_settings.LOGGING | {"root": {"handlers": []}})
    logging.root.handlers[:], logging.root.level = kept


@pytest.fixture
def lines(log_format: str, written: io.StringIO) -> Any:
    """The lines so far: none has the secret, and each is an event where the format is JSON."""

    def lines() -> list[str]:
        text = written.getvalue()
        assert "hunter2" not in text
        if log_format == "json":
            for line in text.splitlines():
                assert {"event", "level", "logger", "timestamp"} <= set(json.loads(line))
        return text.splitlines()

    return lines


def fail(error: Exception) -> None:
    raise error


LOGGERS = {
    "ours": logging.getLogger("netbox_hedgehog.somewhere"),
    "a library's": logging.getLogger("urllib3.connectionpool"),
    "django's": logging.getLogger("django.db.backends"),
    "its server's": logging.getLogger("django.server"),
    "celery's": get_logger("celery.worker.consumer"),
    "a task's": get_task_logger("some.task"),
    "kombu's": logging.getLogger("kombu.connection"),
}


@pytest.mark.parametrize("whose", LOGGERS)
def test_every_loggers_lines_are_redacted(whose, lines):
    logger = LOGGERS[whose]
    logger.error("cannot fetch %s: %s", URL, OSError(f"no route to {URL}"))
    logger.error("password=hunter2")
    logger.error("as %(user)s", {"user": f"token=hunter2 {URL}"})
    assert [REDACTED_URL in line or "[REDACTED]" in line for line in lines()] == [True, True, True]


def test_tracebacks_are_shown_and_redacted(lines):
    try:
        try:
            fail(OSError(f"no route to {URL}"))
        except OSError as error:
            raise ValueError("password=hunter2") from error
    except ValueError:
        logging.getLogger("celery.pool").exception("it failed")
        structlog.get_logger("ours").exception("it.failed")
    text = "\n".join(lines())
    assert text.count("Traceback (most recent call last)") == 4
    assert text.count(f"no route to {REDACTED_URL}") == 2


def test_stacks_are_redacted(lines):
    logging.getLogger("x").error("here", stack_info=True)
    assert "test_stacks_are_redacted" in "\n".join(lines())


def test_fields_of_events_are_redacted_at_any_depth(log_format, lines):
    log = structlog.get_logger("ours")
    with bound(tick="abc", source=URL):
        log.warning(
            "sync.failed",
            error=OSError(f"no route to {URL}"),
            details={"urls": [URL, (URL,)], "auth": {"password": "hunter2"}},
            token="hunter2",
            fabric_id=7,
        )
    log.warning("next")
    first, second = lines()
    assert "abc" in first
    assert "abc" not in second
    if log_format == "json":
        event = json.loads(first)
        assert event["details"] == {"urls": [REDACTED_URL, [REDACTED_URL]], "auth": {"password": "[REDACTED]"}}
        assert (event["token"], event["fabric_id"], event["source"]) == ("[REDACTED]", 7, REDACTED_URL)


def test_extra_fields_of_other_libraries_are_redacted(lines):
    logging.getLogger("x").warning("done", extra={"url": URL, "data": {"passphrase": "hunter2"}})
    assert REDACTED_URL in lines()[0]


@pytest.mark.parametrize(
    ("message", "arguments"),
    [("%d items", ("password=hunter2",)), ("%s", (Explosive(),)), ("%s and %s", (URL,)), ("none", (URL,))],
)
def test_a_wrong_call_costs_neither_the_line_nor_a_secret(message, arguments, lines):
    logging.getLogger("x").warning(message, *arguments)
    assert len(lines()) == 1


class TestOneEventIsOneLine:
    FORGED = "no route\n12:00:00 [info] tick.completed \x1b[31m\u2028"

    def test_whatever_a_message_or_a_field_holds(self, lines):
        logging.getLogger("kombu").warning("said %s", self.FORGED)
        structlog.get_logger("ours").warning("sync.failed", error=self.FORGED, code=self.FORGED.replace(" ", ""))
        said = lines()
        assert len(said) == 2
        assert not [line for line in said if "\x1b" in line or "\u2028" in line]

    def test_a_traceback_is_part_of_its_event(self, log_format, lines):
        try:
            fail(OSError(self.FORGED))
        except OSError:
            structlog.get_logger("ours").exception("it.failed")
        first, *rest = lines()
        if log_format == "json":
            assert not rest
            assert "OSError: no route" in json.loads(first)["exception"]
        else:
            assert rest
            assert all(line.startswith("    ") for line in rest)

    def test_warnings_are_events(self, lines):
        logging._showwarning("that\nis old", DeprecationWarning, "x.py", 1)  # what captured warnings are shown by
        (line,) = lines()
        assert "DeprecationWarning" in line


class TestTheFormat:
    def renders(self, log_format: str, *, terminal: bool, monkeypatch: pytest.MonkeyPatch) -> str:
        monkeypatch.setattr(logs.sys.stderr, "isatty", lambda: terminal)
        formatter = logging_config(log_format, "INFO")["formatters"]["structured"]
        return type(formatter["processors"][-1]).__name__

    @pytest.mark.parametrize(
        ("log_format", "terminal", "renderer"),
        [
            ("auto", True, "ConsoleRenderer"),
            ("auto", False, "JSONRenderer"),
            ("json", True, "JSONRenderer"),
            ("console", False, "ConsoleRenderer"),
        ],
    )
    def test_is_for_people_on_a_terminal_unless_told_otherwise(self, log_format, terminal, renderer, monkeypatch):
        assert self.renders(log_format, terminal=terminal, monkeypatch=monkeypatch) == renderer

    def test_shows_the_beginning_of_identifiers_to_people_and_all_of_them_to_machines(self, log_format, lines):
        whole = "0d9b6a34-5ff1-4a40-9f5c-cd1fd5a3a5b1"
        with bound(task_id=whole, run=whole):
            structlog.get_logger("ours").info("sync.unchanged")
        (line,) = lines()
        assert (whole in line) is (log_format == "json")
        assert "0d9b6a34" in line


def test_fields_stand_in_one_order_whatever_was_bound_first(lines):
    for _ in range(3):
        with bound(run="r-1"), bound(task_id="t-1", fabric_id=7), bound(fabric="lab", tick="k-1"):
            structlog.get_logger("ours").info("sync.failed", code="git.refused")
    for line in lines():
        places = [line.index(field) for field in ("sync.failed", "code", "lab", "k-1", "r-1", "t-1")]
        assert places == sorted(places)


def test_every_line_of_a_task_has_its_id_and_no_line_after_it(log_format, lines):
    @app.task(name="tests.log_something")
    def log_something() -> None:
        structlog.get_logger("ours").info("ours.said")
        logging.getLogger("a.library").info("it said")

    log_something.apply(task_id="0d9b6a34-5ff1")
    logging.getLogger("a.library").info("afterwards")
    said = [line for line in lines() if "said" in line]
    assert len(said) == 2
    assert all("0d9b6a34" in line for line in said)
    assert "0d9b6a34" not in lines()[-1]
    app.tasks.unregister("tests.log_something")


ALL_HANDLERS = """
import logging
import django
django.setup()
import netbox_hedgehog.tasks
loggers = [logging.root, *(logging.getLogger(name) for name in logging.root.manager.loggerDict)]
handlers = {handler for logger in loggers for handler in logger.handlers}
bare = [h for h in handlers if type(h).__name__ != "NullHandler"
        and not any(type(f).__name__ == "RedactingFilter" for f in h.filters)]
print(len(handlers) > 0, bare)
"""


def test_no_handler_of_a_process_is_without_the_filter():
    """In a process of its own: other tests leave handlers behind."""
    environment = os.environ | {"DJANGO_SETTINGS_MODULE": "netbox_hedgehog.settings"}
    command = [sys.executable, "-c", ALL_HANDLERS]
    said = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    assert said.stdout.split("\n")[0] == "True []"


def test_workers_and_beat_use_this_configuration():
    from celery.signals import setup_logging

    receivers = [reference() for _, reference in setup_logging.receivers]
    assert use_project_logging in receivers  # with a receiver, Celery's own set-up stands back
    assert app.conf.worker_hijack_root_logger is False


class TestFilterAlone:
    """On a handler with any formatter."""

    def formatted(self, record: logging.LogRecord) -> str:
        assert RedactingFilter().filter(record)
        return logging.Formatter("%(message)s").format(record)

    def test_message_arguments_traceback_and_stack(self):
        try:
            fail(OSError(URL))
        except OSError as error:
            exc_info = (type(error), error, error.__traceback__)
        record = logging.LogRecord("x", logging.ERROR, "x.py", 1, "to %s", (URL,), exc_info, sinfo=f"in {URL}")
        text = self.formatted(record)
        assert "hunter2" not in text
        assert text.count(REDACTED_URL) == 3

    def test_a_record_that_another_handler_has_formatted_already(self):
        record = logging.LogRecord("x", logging.ERROR, "x.py", 1, "x", (), None)
        record.exc_text = f"OSError: {URL}"
        assert "hunter2" not in self.formatted(record)
