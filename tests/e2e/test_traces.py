"""Real workers send one trace from the tick to the database to an OpenTelemetry collector."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Status

from netbox_hedgehog.models import GitRepository, SyncRun
from netbox_hedgehog.tasks import git_sync_fabric, periodic_fabric_sync_scheduler
from tests.support.waiting import eventually

pytestmark = pytest.mark.e2e


class Collector:
    """Takes what the OTLP exporter sends."""

    def __init__(self) -> None:
        self.received: list[bytes] = []
        collector = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                collector.received.append(self.rfile.read(int(self.headers["Content-Length"])))
                self.send_response(200)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_: object) -> None:
                pass

        self._http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._http.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._http.server_address[1]}"
        self._thread = threading.Thread(target=self._http.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        self._thread.start()

    def stop(self) -> None:
        self._http.shutdown()
        self._thread.join()
        self._http.server_close()

    def spans(self) -> list[Any]:
        return [
            span
            for body in list(self.received)
            for resource in ExportTraceServiceRequest.FromString(body).resource_spans
            for scope in resource.scope_spans
            for span in scope.spans
        ]


@pytest.fixture
def collector() -> Iterator[Collector]:
    running = Collector()
    yield running
    running.stop()


def test_a_tick_and_the_syncs_that_it_sent_are_one_trace_without_secrets(system, fabric, collector):
    """Spans are held back for a minute here, so those that arrive have been sent by a worker that ends."""
    system.environment |= {"OTEL_EXPORTER_OTLP_ENDPOINT": collector.url, "OTEL_BSP_SCHEDULE_DELAY": "60000"}
    worker = system.worker(concurrency=2)
    periodic_fabric_sync_scheduler.apply_async(queue="git_sync")
    eventually(lambda: SyncRun.objects.filter(status="succeeded").exists(), "the sync")
    GitRepository.objects.update(url=fabric.git_repository.url.replace("fabrics", "nowhere"))
    git_sync_fabric.delay(fabric.pk)
    eventually(lambda: SyncRun.objects.filter(status="failed").exists(), "a sync that fails")
    worker.stop()

    spans = collector.spans()
    (tick,) = [span for span in spans if span.name == "tick"]
    of_tick = {span.name: span for span in spans if span.trace_id == tick.trace_id}
    assert set(of_tick) == {"tick", "claim", "publish", "sync", "git.head", "git.fetch", "read", "reconcile"}
    parents = {name: span.parent_span_id for name, span in of_tick.items()}
    assert parents["claim"] == parents["publish"] == tick.span_id
    assert parents["sync"] == of_tick["publish"].span_id
    assert {parents[name] for name in ("git.head", "git.fetch", "read", "reconcile")} == {of_tick["sync"].span_id}
    failed = [span for span in spans if span.status.code == Status.STATUS_CODE_ERROR]
    assert [span.name for span in failed] == ["git.head"]
    assert not [body for body in collector.received if b"s3cr3t-canary" in body]
