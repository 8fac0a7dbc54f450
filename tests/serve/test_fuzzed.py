"""Broken heads and bodies by the thousand: always an answer below 500 or a closed line, never a hang."""

import os
import time

import httpx
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from raw_sockets import dial, small_png, status_of
from running_service import served

PNG = small_png()
MANY = int(os.environ.get("PIXWISE_TEST_EXAMPLES", "100"))
QUICK = settings(max_examples=MANY, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True)
PATHS = (
    *("/v1/quality", "/v1/codes", "/v1/analyze", "/v1/embeddings", "/v1/models", "/v1/jobs"),
    *("/analyze_image/", "/analyze_image_upload/", "/available_operations/"),
    *("/livez", "/ui/", "/openapi.json", "/metrics", "/"),
)
KINDS = (
    *("image/png", "image/jpeg", "image/*", "application/json", "application/json; charset=utf-16"),
    *("multipart/form-data; boundary=b", "multipart/form-data", "application/octet-stream", "text/plain", ""),
)
HEADERS = ("Content-Length", "Transfer-Encoding", "Expect", "Connection", "Upgrade", "Accept", "X-Request-ID", "Host",
           "Content-Type", "Range", "Origin", "Accept-Encoding", "Cookie")  # fmt: skip
KEYS = ("image", "url", "options", "model", "tasks", "input", "images", "image_url", "type", "params", "operation_id",
        "gallery", "policy", "colours", "__class__", "self", "name")  # fmt: skip


@pytest.fixture(scope="module", params=["httptools", "h11"])
def place(request):
    with served(parser=request.param, built_in=True, head_timeout_s=1, body_timeout_s=0.15, deadline_s=10) as place:
        with httpx.Client(base_url=place.url, timeout=8) as client:
            yield client
            assert client.get("/livez").status_code == 200
        assert place.service.crew.alive


def sent(place, raw):
    """The status of what comes for raw bytes; 0 for a line that is closed, which must be within seconds."""
    with dial(str(place.base_url), timeout_s=8) as line:
        started = time.monotonic()
        answer = b""
        try:
            line.sendall(raw)
            answer = line.recv(65_536)
        except ConnectionError:
            pass
        assert time.monotonic() - started < 6
    status = status_of(answer)
    assert status < 500, answer
    return status


names = st.text(st.characters(min_codepoint=1, max_codepoint=255), max_size=20)
lines = st.lists(st.tuples(st.one_of(st.sampled_from(HEADERS), names), names), max_size=6)


@QUICK
@given(raw=st.binary(min_size=1, max_size=200))
@example(raw=b"GET / HTTP/9.9\r\n\r\n")
@example(raw=b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03")  # TLS spoken to a plain port
@example(raw=b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")
@example(raw=b"CONNECT a.b:443 HTTP/1.1\r\nHost: localhost\r\n\r\n")
@example(raw=b"OPTIONS * HTTP/1.1\r\nHost: localhost\r\n\r\n")
@example(raw=b"GET http://evil.example/livez HTTP/1.1\r\nHost: localhost\r\n\r\n")
def test_bytes_of_any_kind(place, raw):
    sent(place, raw + b"\r\n\r\n")


@QUICK
@given(method=st.sampled_from(["GET", "POST", "PUT", "DELETE", "HEAD", "OPTIONS", "PATCH", "TRACE", "BREW"]),
       path=st.one_of(st.sampled_from(PATHS), names), headers=lines)  # fmt: skip
@example(method="GET", path="/%00%0d%0a%ff", headers=[])
@example(method="GET", path="/ui/..%2f..%2f..%2fetc%2fpasswd", headers=[])
@example(method="GET", path="/ui/../../etc/passwd", headers=[])
@example(method="POST", path="/v1/quality", headers=[("Transfer-Encoding", "chunked, identity")])
@example(method="POST", path="/v1/quality", headers=[("Content-Length", "-1")])
@example(method="POST", path="/v1/quality", headers=[("Upgrade", "websocket"), ("Connection", "upgrade")])
def test_heads_of_any_kind(place, method, path, headers):
    told = "".join(f"{name}: {value}\r\n" for name, value in headers)
    sent(place, f"{method} {path} HTTP/1.1\r\nHost: localhost\r\n{told}\r\n".encode("latin-1"))


@QUICK
@given(path=st.sampled_from(PATHS[:8]), kind=st.sampled_from(KINDS), body=st.binary(max_size=300),
       query=st.text(st.sampled_from("abz=&%25[]{}\"'./\\0189é"), max_size=30))  # fmt: skip
def test_bodies_of_any_kind(place, path, kind, body, query):
    answer = place.post(path, params=query, content=body, headers={"Content-Type": kind})
    assert answer.status_code < 500 or answer.json()["status"] == 503, answer.text


def broken(picture):
    """Pictures of which some bytes are others, or missing."""
    flips = st.lists(st.tuples(st.integers(0, len(picture) - 1), st.integers(0, 255)), max_size=8)

    def made(told):
        places, length = told
        data = bytearray(picture)
        for at, value in places:
            data[at] = value
        return bytes(data[:length])

    return st.tuples(flips, st.integers(1, len(picture))).map(made)


@QUICK
@given(picture=broken(PNG))
def test_broken_pictures(place, picture):
    answer = place.post("/v1/quality", content=picture, headers={"Content-Type": "image/png"})
    assert answer.status_code in (200, 413, 415), answer.text


numbers = st.one_of(st.integers(), st.floats(allow_nan=False, allow_infinity=False))
plain = st.one_of(st.none(), st.booleans(), numbers, st.text(max_size=20),
                  st.sampled_from(["data:image/png;base64,AAAA", "http://localhost/", "@/etc/passwd"]))  # fmt: skip
values = st.recursive(
    plain,
    lambda inner: st.one_of(
        st.lists(inner, max_size=4), st.dictionaries(st.sampled_from(KEYS), inner, max_size=4)
    ),
    max_leaves=12,
)  # fmt: skip


@QUICK
@given(path=st.sampled_from(PATHS[:8]), body=values)
def test_json_of_any_form(place, path, body):
    answer = place.post(path, json=body)
    assert answer.status_code < 500 or answer.json().get("status") == 503, answer.text


@QUICK
@given(name=st.text(max_size=60), field=st.text(max_size=20), text=st.text(max_size=60))
@example(name="../../../../etc/passwd", field="file", text="")
@example(name="a\r\nX-Evil: 1", field="options", text="[")
def test_forms_with_any_names(place, name, field, text):
    quoted = f'form-data; name="file"; filename="{name}"'.replace("\r", "").replace("\n", "")
    second = f'form-data; name="{field}"\r\n\r\n{text}'
    body = b"\r\n".join((
        b"--b", _utf8(f"Content-Disposition: {quoted}"), b"", PNG,
        b"--b", _utf8(f"Content-Disposition: {second}"), b"--b--", b"",
    ))  # fmt: skip
    answer = place.post("/v1/quality", content=body, headers={"Content-Type": "multipart/form-data; boundary=b"})
    assert answer.status_code in (200, 400, 422), answer.text
    if answer.status_code == 200:
        assert "/" not in answer.json()["image"]["source"]


def _utf8(text):
    return text.encode("utf-8", "replace")
