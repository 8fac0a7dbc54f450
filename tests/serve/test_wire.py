"""Connections that wait, flood or never end, over real sockets and both parsers."""

import asyncio
import io
import os
import resource
import socket
import time

import httpx
import pytest
from PIL import Image
from raw_sockets import dial, dripped, heard, honest_client, post_head, said, small_png, status_of
from running_service import served

from pixwise.serve.settings import load_settings
from pixwise.serve.wire import MOST_HEAD, allowed_connections, protocol_class

PARSERS = ("httptools", "h11")
GET = b"GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n"


@pytest.fixture(scope="module", params=PARSERS)
def place(request):
    impatient = {"head_timeout_s": 0.4, "body_timeout_s": 0.4, "max_connections": 40}
    with served(parser=request.param, built_in=True, **impatient) as place:
        yield place


def test_a_head_that_does_not_come_whole_is_answered_408(place):
    started = time.monotonic()
    answer = said(place.url, b"GET /livez HTTP/1.1\r\nHost: local")
    assert status_of(answer) == 408
    assert b"head must come whole within 0.4 s" in answer
    assert 0.3 < time.monotonic() - started < 2


def test_a_head_that_drips_ends_at_the_same_time(place):
    with dial(place.url, b"GET /livez HTTP/1.1\r\n") as line:
        assert 0.3 < dripped(line, b"X-A: b\r\n", 3) < 1.5


def test_who_says_nothing_is_closed_without_a_word(place):
    started = time.monotonic()
    assert said(place.url, b"") == b""
    assert time.monotonic() - started < 2


def test_blank_lines_are_no_head(place):
    with dial(place.url) as line:
        assert dripped(line, b"\r\n", 3) < 1.5


def test_a_second_request_has_its_own_time(place):
    with dial(place.url, GET) as line:
        assert b"alive" in line.recv(4096)
        time.sleep(0.3)
        line.sendall(GET)
        assert b"alive" in line.recv(4096)
        line.sendall(b"GET /li")
        assert status_of(heard(line)) == 408


def test_a_head_without_end_is_refused(place):
    with dial(place.url, b"GET /livez HTTP/1.1\r\nX-Long: ") as line:
        try:
            for _ in range(40):
                line.sendall(b"a" * MOST_HEAD)
                time.sleep(0.002)
        except ConnectionError:
            return
        assert status_of(heard(line)) in (400, 431)


@pytest.mark.parametrize("more", [b"1;" + b"x" * 300_000, b"0\r\n" + b"X-Trailer: y\r\n" * 30_000])
def test_what_is_neither_head_nor_body_has_an_end(place, more):
    head = post_head("/v1/quality", "Transfer-Encoding: chunked\r\n")
    with dial(place.url, head + b"1\r\nx\r\n") as line:
        try:
            for start in range(0, len(more), 20_000):
                line.sendall(more[start : start + 20_000])
                time.sleep(0.002)
        except ConnectionError:
            return
        assert status_of(heard(line)) in (400, 431)


def test_trailers_are_no_headers(place):
    body = b"2\r\nab\r\n0\r\nContent-Type: application/json\r\nX-Request-ID: forged\r\n\r\n"
    head = post_head("/v1/quality", "Transfer-Encoding: chunked\r\nConnection: close\r\n")
    answer = said(place.url, head + body)
    assert status_of(answer) == 415
    assert b"forged" not in answer


def test_thousands_of_pipelined_requests_are_not_queued(place):
    asked = post_head("/v1/quality?wrong=1", length=1) + b"x"
    queued = []
    with dial(place.url, asked * 3_000) as line:
        while not queued or place.server.server_state.connections:
            queued += [_queued(each) for each in list(place.server.server_state.connections)] or [0]
            line.recv(65_536)
    assert max(queued) < 300_000


def _queued(line) -> int:
    """Bytes, or what comes to as much, that wait at the other end of a connection."""
    return len(line.conn.trailing_data[0]) if hasattr(line, "conn") else 18_000 * len(line.pipeline)


def test_a_few_pipelined_requests_are_answered_in_turn(place):
    asked = [GET.replace(b"\r\n\r\n", b"\r\nX-Request-ID: n%d\r\n\r\n" % number) for number in range(5)]
    answer = said(place.url, b"".join(asked))
    ids = [line.split()[1] for line in answer.split(b"\r\n") if line.startswith(b"x-request-id")]
    assert ids == [b"n%d" % number for number in range(5)]


def test_a_refused_body_is_read_on_so_that_the_refusal_is_seen(place):
    most = place.service.settings.max_body_bytes
    answer = httpx.post(f"{place.url}/v1/quality", content=b"x" * (most + 5_000_000), timeout=20,
                        headers={"Content-Type": "image/png"})  # fmt: skip
    assert answer.status_code == 413
    assert "must be at most" in answer.json()["detail"]


def test_who_still_sends_after_a_refusal_is_not_cut_off(place):
    with dial(place.url, post_head("/v1/quality", length=10**9)) as line:
        assert status_of(line.recv(65_536)) == 413
        assert line.recv(1) == b""
        for _ in range(5):
            line.sendall(b"x" * 100_000)
            time.sleep(0.02)


def test_a_connection_is_used_again_after_a_refusal_that_came_before_the_body(place):
    head = post_head("/v1/quality", length=10_000).replace(b"image/png", b"text/plain")
    with dial(place.url, head) as line:
        assert status_of(line.recv(65_536)) == 415
        line.sendall(b"x" * 10_000 + GET)
        assert b"alive" in line.recv(65_536)
        time.sleep(0.2)
        line.sendall(GET)
        assert b"alive" in line.recv(65_536)


def test_the_rest_of_such_a_body_has_an_end(place):
    head = post_head("/v1/quality", length=10_000).replace(b"image/png", b"text/plain")
    with dial(place.url, head) as line:
        assert status_of(line.recv(65_536)) == 415
        assert 0.2 < dripped(line, b"x", 3) < 1.5


def test_an_answer_that_nobody_reads_is_dropped(place):
    noise = _noise()
    with dial(place.url) as line:
        line.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)  # little fits into the system's own buffers
        line.sendall(post_head("/v1/quality", "Accept: image/png\r\n", len(noise)) + noise)
        time.sleep(2)
        assert len(heard(line)) < len(noise)


def _noise() -> bytes:
    kept = io.BytesIO()
    Image.frombytes("RGB", (1400, 1400), os.urandom(1400 * 1400 * 3)).save(kept, "PNG", compress_level=0)
    return kept.getvalue()


def test_more_connections_than_allowed_close_the_idlest(place):
    with honest_client(place.url):
        lines = [dial(place.url, b"GET /") for _ in range(200)]
        ended = sum(_is_ended(line) for line in lines)
        for line in lines:
            line.close()
    assert ended >= 150


def _is_ended(line) -> bool:
    line.settimeout(0.01)
    try:
        return line.recv(10) == b""
    except TimeoutError:
        return False
    except ConnectionError:
        return True


def test_when_all_are_at_work_a_newcomer_is_told(tmp_path):
    slow = {"max_connections": 8, "body_timeout_s": 5, "deadline_s": 5}
    with served(built_in=True, **slow) as place:
        running = place.service.crew.do

        async def late(ask, work):
            await asyncio.sleep(1)
            return await running(ask, work)

        place.service.crew.do = late
        request = post_head("/v1/quality", "Connection: close\r\n", len(small_png())) + small_png()
        lines = [dial(place.url, request) for _ in range(8)]
        time.sleep(0.3)
        told = said(place.url, b"")
        answers = [heard(line) for line in lines]
        for line in lines:
            line.close()
    assert status_of(told) == 503
    assert b"retry-after: 1" in told
    assert [status_of(answer) for answer in answers] == [200] * 8


def test_the_limit_of_open_files_is_raised_and_kept(monkeypatch, caplog):
    told = {}
    monkeypatch.setattr(resource, "getrlimit", lambda kind: (256, 512))
    monkeypatch.setattr(resource, "setrlimit", lambda kind, limits: told.update(limits=limits))
    assert allowed_connections(load_settings(max_connections=1000)) == 384
    assert told["limits"] == (512, 512)
    assert "raise it with ulimit -n" in caplog.text


def test_the_class_is_of_the_parser_that_is_asked_for():
    assert "H11" in protocol_class(load_settings(), "h11").__name__
    assert "HttpTools" in protocol_class(load_settings()).__name__
