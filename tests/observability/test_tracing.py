"""Spans: nothing while tracing is off; on, one trace from the tick to the database, without secrets."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from typing import Any

import pytest
import redis
import structlog
from model_bakery import baker
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from netbox_hedgehog.celery import app
from netbox_hedgehog.errors import RetryLater
from netbox_hedgehog.models import FabricStatus, GitRepository, HedgehogFabric
from netbox_hedgehog.observability import tracing
from netbox_hedgehog.observability.tracing import continued, headers_of_span, identifiers_of_span, span, tell
from netbox_hedgehog.tasks import git_sync_fabric, periodic_fabric_sync_scheduler
from tests.support.remote import document

TRACEPARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


@pytest.fixture
def spans() -> Iterator[InMemorySpanExporter]:
    exporter = InMemorySpanExporter()
    tracing.start(SimpleSpanProcessor(exporter))
    yield exporter
    tracing.stop()


@pytest.fixture
def broker() -> Iterator[redis.Redis]:
    client = redis.Redis.from_url(app.conf.broker_url)
    client.flushdb()
    yield client
    client.flushdb()
    client.close()


def named(spans: InMemorySpanExporter) -> dict[str, Any]:
    return {each.name: each for each in spans.get_finished_spans()}


def headers_of(broker: redis.Redis) -> list[dict[str, Any]]:
    keys = [key for key in broker.scan_iter() if broker.type(key) == b"list"]
    return [json.loads(raw)["headers"] for key in keys for raw in broker.lrange(key, 0, -1)]


class TestOff:
    def test_a_span_is_nothing(self):
        assert span("sync", fabric_id=1) is span("read") is continued({"traceparent": TRACEPARENT}, "sync")
        with span("sync"):
            tell(status="succeeded")
        assert headers_of_span() == identifiers_of_span() == {}
        tracing.flush()
        tracing.stop()

    @pytest.mark.parametrize(
        ("variables", "is_on"),
        [
            ({}, False),
            ({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:9"}, True),
            ({"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "http://127.0.0.1:9/v1/traces"}, True),
            ({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:9", "OTEL_SDK_DISABLED": "true"}, False),
        ],
    )
    def test_it_is_on_only_where_an_endpoint_is_named(self, variables, is_on):
        look = "import django; django.setup(); import sys; print('opentelemetry.sdk' in sys.modules)"
        environment = os.environ | {"DJANGO_SETTINGS_MODULE": "netbox_hedgehog.settings"} | variables
        said = subprocess.run(
            [sys.executable, "-c", look], env=environment, capture_output=True, text=True, check=True, timeout=60
        )
        assert said.stdout == f"{is_on}\n"

    def test_without_the_extra_it_says_so_and_goes_on(self, monkeypatch, operator_log):
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:9")
        monkeypatch.setitem(sys.modules, "opentelemetry.exporter.otlp.proto.http.trace_exporter", None)
        tracing.start_from_environment()
        assert "tracing.not_installed" in operator_log.getvalue()
        assert headers_of_span() == {}


def test_a_collector_that_hangs_does_not_keep_a_worker_from_ending(spans, monkeypatch):
    release = threading.Event()
    monkeypatch.setattr(tracing, "LAST_SPANS_SECONDS", 0.01)
    monkeypatch.setattr(tracing._provider, "force_flush", lambda: release.wait(60))
    tracing.flush()
    assert not release.is_set()
    release.set()


class TestASpan:
    def test_is_redacted(self, spans):
        with span("git.fetch", url="https://bob:hunter2@git.example.com/f.git", nothing=None):
            tell(note="password=hunter2")
        (fetch,) = spans.get_finished_spans()
        assert fetch.attributes == {
            "hedgehog.url": "https://[REDACTED]@git.example.com/f.git",
            "hedgehog.note": "password=[REDACTED]",
        }

    @pytest.mark.parametrize(
        ("error", "kind"),
        [
            (RetryLater("git.refused", "https://bob:hunter2@git.example.com refuses", "Wait."), "git.refused"),
            (OSError("https://bob:hunter2@git.example.com refuses"), "OSError"),
        ],
    )
    def test_names_the_error_that_ends_it_redacted_and_without_its_traceback(self, spans, error, kind):
        with pytest.raises(type(error)), span("git.head"):
            raise error
        (head,) = spans.get_finished_spans()
        assert head.attributes["error.type"] == kind
        assert head.status.status_code.name == "ERROR"
        assert "hunter2" not in head.to_json()
        assert head.events == ()

    def test_names_itself_on_log_lines(self, spans, operator_log):
        with span("sync"):
            structlog.get_logger("ours").info("inside")
            inside = identifiers_of_span()
        structlog.get_logger("ours").info("outside")
        first, second = operator_log.getvalue().splitlines()
        assert f"trace_id={inside['trace_id'][:8]}" in first
        assert "trace_id" not in second

    def test_tells_its_service_unless_the_environment_does(self, spans, monkeypatch):
        with span("sync"):
            pass
        assert spans.get_finished_spans()[0].resource.attributes["service.name"] == "netbox-hedgehog"
        monkeypatch.setenv("OTEL_SERVICE_NAME", "another")
        tracing.start(SimpleSpanProcessor(spans))
        with span("sync"):
            pass
        assert spans.get_finished_spans()[-1].resource.attributes["service.name"] == "another"


class TestMessages:
    def test_carry_nothing_while_tracing_is_off(self, broker):
        git_sync_fabric.delay(1)
        with git_sync_fabric.batch():
            git_sync_fabric.delay(2)
        assert not any("traceparent" in headers for headers in headers_of(broker))

    def test_carry_the_span_that_sent_them_one_by_one_or_in_a_batch(self, broker, spans):
        with span("tick"):
            git_sync_fabric.delay(1)
            with git_sync_fabric.batch():
                git_sync_fabric.delay(2)
                git_sync_fabric.delay(3)
        sent = named(spans)
        ids = {"tick": sent["tick"].context.span_id, "publish": sent["publish"].context.span_id}
        parents = sorted(headers["traceparent"].split("-")[2] for headers in headers_of(broker))
        assert parents == sorted(f"{ids[name]:016x}" for name in ("tick", "publish", "publish"))
        assert sent["publish"].attributes == {"hedgehog.messages": 2}

    def test_continue_what_a_caller_has_begun(self, spans):
        with continued({"traceparent": TRACEPARENT, "id": "x"}, "sync"):
            pass
        (sync,) = spans.get_finished_spans()
        assert f"{sync.context.trace_id:032x}" == TRACEPARENT.split("-")[1]
        assert f"{sync.parent.span_id:016x}" == TRACEPARENT.split("-")[2]


@pytest.mark.django_db
class TestTheWayOfASync:
    @pytest.fixture
    def fabric(self, remote) -> HedgehogFabric:
        remote.commit({"lab/spine-1.yaml": document("spine-1")})
        repository = GitRepository.objects.create(name="r", url=remote.url, username="bob", password="hunter2")
        return baker.make(
            HedgehogFabric,
            name="lab",
            status=FabricStatus.ACTIVE,
            git_repository=repository,
            gitops_directory="/lab",
        )

    def test_is_a_span_for_each_step(self, fabric, spans):
        git_sync_fabric.apply(args=(fabric.pk,))
        found = named(spans)
        assert set(found) == {"sync", "git.head", "git.fetch", "read", "reconcile"}
        for name in ("git.head", "git.fetch", "read", "reconcile"):
            assert found[name].parent.span_id == found["sync"].context.span_id
        assert found["sync"].attributes["hedgehog.status"] == "succeeded"
        assert not [each for each in found.values() if "hunter2" in each.to_json()]

    def test_ends_early_where_nothing_changed(self, fabric, spans):
        git_sync_fabric.apply(args=(fabric.pk,))
        spans.clear()
        git_sync_fabric.apply(args=(fabric.pk,))
        assert set(named(spans)) == {"sync", "git.head"}

    def test_tells_what_failed(self, fabric, spans):
        GitRepository.objects.update(url="https://bob:hunter2@127.0.0.1:9/f.git")
        git_sync_fabric.apply(args=(fabric.pk,))
        found = named(spans)
        assert found["sync"].attributes["hedgehog.error_code"] == found["git.head"].attributes["error.type"]
        assert "hunter2" not in found["git.head"].to_json() + found["sync"].to_json()

    def test_begins_with_a_tick_that_claims_and_publishes(self, fabric, spans, broker):
        periodic_fabric_sync_scheduler.apply()
        found = named(spans)
        assert set(found) == {"tick", "claim", "publish"}
        assert found["tick"].attributes["hedgehog.triggered"] == 1
        (headers,) = headers_of(broker)
        assert int(headers["traceparent"].split("-")[1], 16) == found["tick"].context.trace_id
