"""Spans, received over HTTP by a collector that is written here."""

import logging
import signal
import socket
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import httpx
import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from serving_process import serving

from pixwise.serve.tracing import tracer_of_environment

TRACE, PARENT = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"


class Collector(BaseHTTPRequestHandler):
    """Keeps what it is sent."""

    got: list

    def do_POST(self):
        message = ExportTraceServiceRequest()
        message.ParseFromString(self.rfile.read(int(self.headers["Content-Length"])))
        for resource in message.resource_spans:
            named = {each.key: each.value.string_value for each in resource.resource.attributes}
            self.server.got += [(named["service.name"], span) for part in resource.scope_spans for span in part.spans]
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_):
        pass


@pytest.fixture(scope="module")
def collector():
    with ThreadingHTTPServer(("127.0.0.1", 0), Collector) as server:
        server.got = []
        threading.Thread(target=server.serve_forever).start()
        yield server
        server.shutdown()


@pytest.fixture(scope="module")
def spans(collector, picture_bytes):
    """Of one request that was answered and of one that was not, and the log."""
    with serving(OTEL_EXPORTER_OTLP_ENDPOINT=f"http://127.0.0.1:{collector.server_port}") as place:
        headers = {"Content-Type": "image/png", "traceparent": f"00-{TRACE}-{PARENT}-01", "X-Request-ID": "mine"}
        httpx.post(f"{place.url}/v1/quality", content=picture_bytes, headers=headers)
        httpx.post(f"{place.url}/v1/quality", content=b"none", headers={"Content-Type": "image/png"})
        assert place.stop(signal.SIGTERM) == 0
    return {span.name: span for _, span in collector.got if span.trace_id.hex() == TRACE}, collector.got, place.lines()


def values(span):
    return {each.key: each.value.string_value or each.value.int_value for each in span.attributes}


def test_a_request_is_a_span_below_that_of_its_caller(spans):
    span = spans[0]["POST /v1/quality"]
    assert span.parent_span_id.hex() == PARENT
    told = values(span)
    assert (told["http.route"], told["http.response.status_code"], told["pixwise.request_id"]) == (
        "/v1/quality",
        200,
        "mine",
    )


def test_its_steps_are_spans_within_it(spans):
    whole = spans[0].pop("POST /v1/quality")
    assert set(spans[0]) >= {"decode", "quality", "encode"}
    for step in spans[0].values():
        assert step.parent_span_id == whole.span_id
        assert whole.start_time_unix_nano <= step.start_time_unix_nano <= step.end_time_unix_nano
        assert step.end_time_unix_nano <= whole.end_time_unix_nano
    spans[0][whole.name] = whole


def test_a_problem_is_told_and_the_service_has_a_name(spans):
    (failed,) = [each for each in spans[1] if values(each[1]).get("error.type") == "no-picture"]
    assert failed[0] == "pixwise"
    assert failed[1].trace_id.hex() != TRACE


def test_the_line_of_the_log_names_the_trace(spans):
    assert [line["trace"] for line in spans[2] if line.get("id") == "mine"] == [TRACE]


@pytest.mark.parametrize(
    "environment",
    [
        {},
        {"OTEL_EXPORTER_OTLP_ENDPOINT": ""},
        {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://x", "OTEL_SDK_DISABLED": "true"},
        {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://x", "OTEL_TRACES_EXPORTER": "none"},
    ],
)
def test_nothing_is_sent_where_the_environment_does_not_say_where(environment):
    assert tracer_of_environment(environment) is None


def test_without_the_extra_it_says_which(monkeypatch, caplog):
    monkeypatch.setitem(__import__("sys").modules, "opentelemetry.exporter.otlp.proto.http.trace_exporter", None)
    with caplog.at_level(logging.WARNING):
        assert tracer_of_environment({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://x"}) is None
    assert "pip install 'pixwise[otel]'" in caplog.text


def test_a_collector_that_does_not_answer_holds_up_nobody(picture_bytes):
    with socket.create_server(("127.0.0.1", 0)) as deaf:
        address = f"http://127.0.0.1:{deaf.getsockname()[1]}"
        with serving(OTEL_EXPORTER_OTLP_ENDPOINT=address, PIXWISE_DRAIN_S="0") as place:
            httpx.get(f"{place.url}/livez")
            started = time.monotonic()
            assert place.stop(signal.SIGTERM) == 0
    assert time.monotonic() - started < 9
