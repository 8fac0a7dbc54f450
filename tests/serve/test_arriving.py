"""Bodies on their way in: slow, long, many at once."""

import time
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest
from raw_sockets import dial, dripped, heard, honest_client, post_head, small_png, status_of
from running_service import served

from pixwise.serve.arriving import ByteBudget
from pixwise.serve.asking import Busy

MIB = 2**20


@pytest.fixture(scope="module")
def place():
    with served(
        built_in=True, body_timeout_s=0.4, deadline_s=1.2, max_body_bytes=4 * MIB, open_bytes=16 * MIB
    ) as place:
        yield place


def test_a_body_that_stops_is_408(place):
    with dial(place.url, post_head("/v1/quality", length=1000) + b"x" * 10) as line:
        started = time.monotonic()
        answer = heard(line)
    assert status_of(answer) == 408
    assert b"next piece of a body must come within 0.4 s" in answer
    assert time.monotonic() - started < 1.0


def test_a_body_that_drips_ends_at_the_deadline(place):
    with dial(place.url, post_head("/v1/quality", length=100_000)) as line:
        assert 0.9 < dripped(line, b"x", 5) < 2.5


def test_a_form_that_stops_is_408_too(place):
    head = post_head("/v1/quality", length=1000).replace(b"image/png", b"multipart/form-data; boundary=b")
    with dial(place.url, head + b"--b\r\n") as line:
        assert status_of(heard(line)) == 408


@pytest.mark.parametrize("announced", [4 * 2**30, 10**30])
def test_four_gigabytes_that_are_announced_are_refused_by_the_head(place, announced):
    with dial(place.url, post_head("/v1/quality", length=announced)) as line:
        started = time.monotonic()
        answer = heard(line)
    assert status_of(answer) in (400, 413)
    assert time.monotonic() - started < 0.5


def test_who_asks_before_he_sends_is_told_at_once(place):
    with dial(place.url, post_head("/v1/quality", "Expect: 100-continue\r\n", length=4 * 2**30)) as line:
        assert status_of(heard(line)) == 413


def test_chunks_without_end_are_413(place):
    def chunks():
        while True:
            yield b"x" * MIB

    answer = httpx.post(f"{place.url}/v1/quality", content=chunks(), headers={"Content-Type": "image/png"})
    assert answer.status_code == 413
    assert "got more" in answer.json()["detail"]


def test_bodies_of_one_caller_take_at_most_half_of_the_memory(place):
    with honest_client(place.url):
        lines = [dial(place.url, post_head("/v1/quality", length=4 * MIB) + b"x" * (4 * MIB - 1)) for _ in range(6)]
        with ThreadPoolExecutor(6) as pool:
            answers = list(pool.map(heard, lines))
        for line in lines:
            line.close()
    codes = sorted(status_of(answer) for answer in answers)
    assert set(codes) <= {408, 429}
    assert codes.count(429) >= 3


def test_what_was_held_is_given_back(place):
    for _ in range(8):
        answer = httpx.post(f"{place.url}/v1/quality", content=b"x" * 3 * MIB, headers={"Content-Type": "image/png"})
        assert answer.status_code == 415
    assert httpx.post(f"{place.url}/v1/quality", content=small_png(),
                      headers={"Content-Type": "image/png"}).status_code == 200  # fmt: skip


def test_a_budget_counts_all_and_each():
    budget = ByteBudget(100)
    budget.take("a", 50)
    with pytest.raises(Busy, match="bodies of one caller that are worked on must be at most 50 bytes") as caught:
        budget.take("a", 1)
    assert caught.value.own
    budget.take("b", 50)
    with pytest.raises(Busy, match="bodies that are worked on must be at most 100 bytes"):
        budget.take("c", 1)
    budget.give_back("a", 50)
    budget.give_back("b", 50)
    assert budget.held == 0
