"""The Doorman: heads, headers of answers, faults, deadlines."""

import asyncio

import httpx
import pytest
from raw_sockets import said, small_png, status_of
from running_service import served

from pixwise.serve.guard import _caller_of


@pytest.fixture(scope="module")
def place():
    with served(built_in=True, docs=True) as place:
        yield place


def post(place, **more):
    return httpx.post(f"{place.url}/v1/quality", content=small_png(), headers={"Content-Type": "image/png", **more})


def test_answers_are_kept_by_nobody_and_guessed_at_by_nobody(place):
    headers = post(place).headers
    assert headers["cache-control"] == "no-store"
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "no-referrer"
    assert "server" not in headers


def test_pages_may_speak_to_this_service_alone(place):
    policy = httpx.get(f"{place.url}/ui/").headers["content-security-policy"]
    assert "default-src 'self'" in policy
    assert "frame-ancestors 'none'" in policy


def test_a_page_without_a_policy_of_its_own_gets_one(place):
    from starlette.responses import HTMLResponse

    place.server.config.app.add_route("/ui/trial", lambda request: HTMLResponse("<p>"))
    routes = place.server.config.app.router.routes
    routes.insert(0, routes.pop())
    assert "default-src 'self'; img-src" in httpx.get(f"{place.url}/ui/trial").headers["content-security-policy"]


@pytest.mark.parametrize("head", [b"".join(b"X-%d: y\r\n" % number for number in range(150)),
                                  b"X-Long: " + b"a" * 40_000 + b"\r\n"])  # fmt: skip
def test_a_head_of_too_many_or_too_long_lines_is_431(place, head):
    answer = said(place.url, b"GET /livez HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n" + head + b"\r\n")
    assert status_of(answer) == 431
    assert b"head must be at most 100 lines and 32,768 bytes" in answer


def test_a_path_that_is_too_long_is_431(place):
    assert httpx.get(f"{place.url}/{'a' * 40_000}").status_code == 431


@pytest.mark.parametrize("name", ["Authorization", "X-API-Key", "Content-Type", "Origin"])
def test_what_must_be_said_once_is_refused_twice(place, name):
    head = f"GET /livez HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n{name}: a\r\n{name}: a\r\n\r\n"
    answer = said(place.url, head.encode())
    assert status_of(answer) == 400
    assert f"header '{name.lower()}' must come once".encode() in answer


def test_two_lengths_or_a_length_beside_chunks_are_refused(place):
    for more in (b"Content-Length: 1\r\nContent-Length: 2\r\n", b"Content-Length: 1\r\nTransfer-Encoding: chunked\r\n"):
        head = b"POST /v1/quality HTTP/1.1\r\nHost: localhost\r\nContent-Type: image/png\r\n" + more + b"\r\n"
        assert status_of(said(place.url, head + b"1\r\nx\r\n0\r\n\r\n")) == 400


def test_a_fault_of_ours_is_500_with_an_id_and_nothing_of_what_is_inside(place, caplog):
    do = place.service.crew.do

    async def broken(ask, work):
        raise KeyError("inner secret")

    place.service.crew.do = broken
    answer = post(place, **{"X-Request-ID": "mine"})
    place.service.crew.do = do
    assert answer.status_code == 500
    assert answer.headers["x-request-id"] == "mine"
    assert "secret" not in answer.text
    assert "inner secret" in caplog.text


def test_who_hangs_up_in_the_middle_of_a_body_is_no_fault(place, caplog):
    from raw_sockets import dial, post_head

    for _ in range(5):
        dial(place.url, post_head("/v1/quality", length=1000) + b"x").close()
    assert post(place).status_code == 200
    assert "fault" not in caplog.text


def test_whatever_does_not_end_by_itself_is_ended(monkeypatch):
    monkeypatch.setattr("pixwise.serve.guard._LATE_S", 0.1)
    with served(built_in=True, deadline_s=0.2) as place:

        async def never(ask, work):
            await asyncio.sleep(60)

        place.service.crew.do = never
        answer = post(place)
    assert answer.status_code == 504
    assert "answer must come before the deadline" in answer.json()["detail"]


@pytest.mark.parametrize(("address", "caller"), [
    ("10.0.0.1", "10.0.0.1"), ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"), ("::ffff:10.0.0.1", "10.0.0.1"), ("", ""),
])  # fmt: skip
def test_callers_are_addresses_and_of_ipv6_networks(address, caller):
    assert _caller_of({"client": (address, 1)}) == caller


def test_who_is_no_trusted_gateway_cannot_say_that_he_is_somebody_else():
    with served(built_in=True, rate=2) as place:
        codes = [post(place, **{"X-Forwarded-For": f"10.0.0.{number}"}).status_code for number in range(3)]
    assert codes == [200, 200, 429]


def test_a_trusted_gateway_says_who_asks():
    with served(built_in=True, rate=2, trusted_proxies=["127.0.0.1"]) as place:
        codes = [post(place, **{"X-Forwarded-For": f"10.0.0.{number}"}).status_code for number in range(3)]
    assert codes == [200, 200, 200]
