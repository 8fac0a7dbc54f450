"""OpenTelemetry, when the environment names a collector: a span per request, and one below it for each of its steps.

Visit, when its request has ended ─▶ spans with the times that it noted ─▶ OTLP over HTTP, in a thread of the SDK

Needs the extra `otel`. The SDK reads its own environment (OTEL_*); nothing is sent where none of it is set.
"""

from __future__ import annotations

import logging
import os
import threading
import time
from collections.abc import Mapping

from pixwise.serve.logs import Visit

__all__ = ["Tracer", "tracer_of_environment"]

_LOG = logging.getLogger("pixwise.serve")
_ENDPOINTS = ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT")
_PATIENCE_S = 3.0


def tracer_of_environment(environment: Mapping[str, str] = os.environ) -> Tracer | None:
    """What sends spans to where the environment says; None where it says nowhere."""
    off = (
        environment.get("OTEL_SDK_DISABLED", "").lower() == "true" or environment.get("OTEL_TRACES_EXPORTER") == "none"
    )
    if off or not any(environment.get(name) for name in _ENDPOINTS):
        return None
    try:
        return Tracer()
    except ImportError as error:
        names = " and ".join(_ENDPOINTS)
        _LOG.warning("spans need the extra 'otel', got no %s; run: pip install 'pixwise[otel]', or unset %s",
                     error.name, names)  # fmt: skip
        return None


class Tracer:
    """Makes spans of requests that have ended, and sends them."""

    def __init__(self) -> None:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
        from opentelemetry.sdk.resources import Resource
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.sdk.trace.export import BatchSpanProcessor
        from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

        named = {} if os.environ.get("OTEL_SERVICE_NAME") else {"service.name": "pixwise"}
        self._provider = TracerProvider(resource=Resource.create(named), shutdown_on_exit=False)
        self._provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
        self._tracer = self._provider.get_tracer("pixwise.serve")
        self._propagator = TraceContextTextMapPropagator()

    def tell(self, visit: Visit) -> None:
        """Send the spans of a request that has ended, below the one that its caller named (`traceparent`)."""
        from opentelemetry.trace import SpanKind, StatusCode, set_span_in_context

        ended = time.time_ns()
        span = self._tracer.start_span(
            f"{visit.method} {visit.route}",
            context=self._propagator.extract(visit.parent),
            kind=SpanKind.SERVER,
            start_time=ended - round(1e9 * visit.seconds),
            attributes=_attributes(visit),
        )
        if not visit.status or visit.status >= 500:
            span.set_status(StatusCode.ERROR, visit.ask.problem)
        context = set_span_in_context(span)
        for step, began, until in visit.ask.marks or ():
            self._tracer.start_span(step, context, start_time=began).end(until)
        span.end(ended)
        visit.trace = f"{span.get_span_context().trace_id:032x}"

    def close(self) -> None:
        """Send what was not sent yet; a collector that does not answer is not waited for."""
        ending = threading.Thread(target=self._provider.shutdown, daemon=True)  # sends what is left, with retries
        ending.start()
        ending.join(_PATIENCE_S)


def _attributes(visit: Visit) -> dict[str, str | int | float]:
    problem = {"error.type": visit.ask.problem} if visit.ask.problem else {}
    return {
        "http.request.method": visit.method,
        "http.route": visit.route,
        "http.response.status_code": visit.status or 499,
        "pixwise.request_id": visit.ask.id,
        "pixwise.caller": visit.ask.caller,
        **{f"pixwise.{step}_ms": round(ms, 1) for step, ms in dict(visit.ask.steps_ms).items()},
        **problem,
    }
