"""Spans for OpenTelemetry; nothing at all unless the extra ``tracing`` is installed and an endpoint is named.

The endpoint and all else come from OpenTelemetry's own variables (``OTEL_EXPORTER_OTLP_ENDPOINT``,
``OTEL_SERVICE_NAME``, ``OTEL_TRACES_SAMPLER``, …). What is told is redacted as log lines are. OpenTelemetry's
instrumentation of Celery is not used: it listens to each publish, which would send a tick's messages one by one.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from importlib.metadata import version
from typing import TYPE_CHECKING, Any, Final

import structlog

from netbox_hedgehog.observability.redaction import redact, redact_value

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import SpanProcessor, TracerProvider
    from opentelemetry.trace import Tracer

SERVICE: Final = "netbox-hedgehog"
LAST_SPANS_SECONDS: Final = 3.0
_ENDPOINTS: Final = ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT")

_tracer: Tracer | None = None
_provider: TracerProvider | None = None

log = structlog.get_logger(__name__)


# Stands for every span while tracing is off; one object, so that it costs next to nothing.
_NOTHING: Final[AbstractContextManager[None]] = nullcontext()


def start_from_environment() -> None:
    """Send spans to where OpenTelemetry's variables say, if they say so."""
    if (
        not any(os.environ.get(name) for name in _ENDPOINTS)
        or os.environ.get("OTEL_SDK_DISABLED", "").lower() == "true"
    ):
        return
    try:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter  # noqa: PLC0415 - an extra
        from opentelemetry.sdk.trace.export import BatchSpanProcessor  # noqa: PLC0415 - an extra
    except ImportError:
        log.warning("tracing.not_installed", remedy="Install netbox-hedgehog[tracing], or name no OTLP endpoint.")
        return
    start(BatchSpanProcessor(OTLPSpanExporter()))


def start(processor: SpanProcessor) -> None:
    """Hand every span to ``processor`` from now on."""
    global _provider, _tracer  # noqa: PLW0603 - one of each in a process
    from opentelemetry.sdk.resources import Resource  # noqa: PLC0415 - an extra
    from opentelemetry.sdk.trace import TracerProvider  # noqa: PLC0415 - an extra

    known = {"service.version": version(SERVICE)}
    if not os.environ.get("OTEL_SERVICE_NAME"):
        known["service.name"] = SERVICE
    _provider = TracerProvider(resource=Resource.create(known))
    _provider.add_span_processor(processor)
    _tracer = _provider.get_tracer("netbox_hedgehog")


def stop() -> None:
    """Send what is still held back, and no more."""
    global _provider, _tracer  # noqa: PLW0603 - as above
    if _provider is not None:
        _provider.shutdown()
    _provider = _tracer = None


def flush() -> None:
    """Send what is still held back, for a pool process ends without any farewell; a collector that hangs is left."""
    if _provider is not None:
        sending = threading.Thread(target=_provider.force_flush, name="last-spans", daemon=True)
        sending.start()
        sending.join(LAST_SPANS_SECONDS)


def span(name: str, **attributes: Any) -> AbstractContextManager[None]:
    """A span around a block; an error that leaves the block is its status."""
    return _NOTHING if _tracer is None else _span(_tracer, name, attributes)


def continued(headers: Mapping[str, Any] | None, name: str, **attributes: Any) -> AbstractContextManager[None]:
    """A span whose parent is the one that sent a message with these ``headers``."""
    return _NOTHING if _tracer is None else _span(_tracer, name, attributes, headers or {})


def tell(**attributes: Any) -> None:
    """Add attributes to the span under way, if there is one."""
    if _tracer is not None:
        from opentelemetry.trace import get_current_span  # noqa: PLC0415 - an extra

        get_current_span().set_attributes(_attributes(attributes))


def headers_of_span() -> dict[str, str]:
    """What a message must carry for its task to continue the span under way; empty while tracing is off."""
    carrier: dict[str, str] = {}
    if _tracer is not None:
        from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator  # noqa: PLC0415

        TraceContextTextMapPropagator().inject(carrier)
    return carrier


def identifiers_of_span() -> dict[str, str]:
    """Trace and span of this moment, as log lines name them; empty outside of spans."""
    if _tracer is None:
        return {}
    from opentelemetry import trace  # noqa: PLC0415 - an extra

    context = trace.get_current_span().get_span_context()
    if not context.is_valid:
        return {}
    return {"trace_id": trace.format_trace_id(context.trace_id), "span_id": trace.format_span_id(context.span_id)}


@contextmanager
def _span(
    tracer: Tracer, name: str, attributes: Mapping[str, Any], headers: Mapping[str, Any] | None = None
) -> Iterator[None]:
    from opentelemetry.trace import StatusCode  # noqa: PLC0415 - an extra
    from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator  # noqa: PLC0415

    parent = None if headers is None else TraceContextTextMapPropagator().extract(headers)
    with tracer.start_as_current_span(
        name,
        context=parent,
        attributes=_attributes(attributes),
        record_exception=False,  # its text and traceback would go out as they are
        set_status_on_exception=False,
    ) as real:
        try:
            yield
        except BaseException as error:
            real.set_attribute("error.type", getattr(error, "code", type(error).__name__))
            real.set_status(StatusCode.ERROR, redact(error))
            raise


def _attributes(attributes: Mapping[str, Any]) -> dict[str, Any]:
    """Under our own prefix, redacted."""
    return {f"hedgehog.{name}": redact_value(value) for name, value in attributes.items() if value is not None}
