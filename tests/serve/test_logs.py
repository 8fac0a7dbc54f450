"""What the log says of requests, and what it never says."""

import io
import json
import logging
import time

import httpx
import pytest
from running_service import served

from pixwise.serve import logs
from pixwise.serve.asking import Ask

FAULTY = b"secret-picture-" * 100


@pytest.fixture
def log():
    """The log of this process, for one test."""
    root, told = logging.getLogger(), io.StringIO()
    before = root.handlers[:], root.level, logging.getLogger("pixwise.serve").level
    logs.set_up("json", told)
    yield told
    root.handlers[:] = before[0]
    root.setLevel(before[1])
    logging.getLogger("pixwise.serve").setLevel(before[2])


@pytest.fixture(scope="module")
def place():
    with served(built_in=True) as place:
        yield place


def lines(log, count=1):
    """The lines so far, as soon as there are so many: a line is written after its answer has gone."""
    end = time.monotonic() + 10
    while log.getvalue().count("\n") < count and time.monotonic() < end:
        time.sleep(0.01)
    return [json.loads(line) for line in log.getvalue().splitlines()]


def post(place, task, data, **headers):
    return httpx.post(f"{place.url}/v1/{task}", content=data, headers={"Content-Type": "image/png", **headers})


def test_a_request_is_one_line_with_its_id_and_its_times(place, log, picture_bytes):
    answer = post(place, "quality", picture_bytes, **{"X-Request-ID": "mine-1"})
    (line,) = lines(log)
    assert (line["id"], line["path"], line["status"], line["caller"]) == ("mine-1", "/v1/quality", 200, "127.0.0.1")
    assert (line["bytes_in"], line["bytes_out"]) == (len(picture_bytes), len(answer.content))
    assert {"queue", "decode", "quality", "encode"} <= set(line["steps_ms"])
    assert line["pid"] > 0
    assert line["ms"] >= sum(line["steps_ms"].values()) - 1


def test_what_is_turned_away_tells_where_it_would_have_gone(place, log, picture_bytes):
    post(place, "quality", picture_bytes, Host="elsewhere.example")
    httpx.get(f"{place.url}/v1/jobs/nothing", headers={"Host": "elsewhere.example"})
    httpx.get(f"{place.url}/nowhere")
    told = [(line["path"], line["status"]) for line in lines(log, 3)]
    assert told == [("/v1/quality", 421), ("/v1/jobs/{job}", 421), ("none", 404)]


def test_who_waits_for_a_model_sees_it(place, log, picture_bytes):
    waits = ["load" in post(place, "codes", picture_bytes).headers["Server-Timing"] for _ in range(2)]
    assert waits == [True, False]


def test_server_timing_has_the_same_steps(place, log, picture_bytes):
    timing = post(place, "quality", picture_bytes).headers["Server-Timing"]
    told = {part.partition(";dur=")[0]: float(part.partition(";dur=")[2]) for part in timing.split(", ")}
    assert told.pop("total") >= told["quality"]
    assert told == lines(log)[0]["steps_ms"]


@pytest.mark.parametrize("given", ['a"b', "x" * 129, "a\tb", "é", "a b"])
def test_an_id_that_would_hurt_a_log_is_replaced(given):
    assert logs.request_id(given, "made") == "made"


def test_a_failure_tells_its_kind_and_nothing_of_the_picture(place, log):
    post(place, "quality", FAULTY, Authorization="Bearer secret-key")
    httpx.get(f"{place.url}/secret-path?key=secret-key")
    assert [line["problem"] for line in lines(log, 2)] == ["no-picture", "404"]
    assert "secret" not in log.getvalue()


def test_long_values_in_a_fault_are_cut(log):
    try:
        raise ValueError(f"got {FAULTY!r}")
    except ValueError:
        logging.getLogger("pixwise.serve").exception("fault")
    (line,) = lines(log)
    assert line["level"] == "error"
    assert max(map(len, line["fault"].splitlines())) <= 500


def test_the_text_form_is_one_line_too():
    visit = logs.Visit(Ask(id="i", caller="shop", steps_ms={"decode": 1.25}), "POST", 0.0, "/v1/ocr", 200, 5, 7)
    record = logging.LogRecord("x", logging.INFO, "", 0, "request", (), None)
    record.pixwise = {**visit.told(), "pid": 1, "ms": 3.0}
    told = logs.formatter_of("text").format(record)
    assert told.endswith("POST /v1/ocr 200 3.0 ms in=5 out=7 id=i caller=shop pid=1 decode=1.2")


def test_who_leaves_before_the_answer_is_told_as_499():
    assert logs.Visit(Ask(), "POST", 0.0).told()["status"] == 499
