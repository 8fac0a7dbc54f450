"""What is counted, read as Prometheus reads it."""

import signal
import time

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families
from running_service import served
from serving_process import serving

from pixwise.serve import meters
from pixwise.serve.asking import Ask
from pixwise.serve.logs import Visit


def numbers(url):
    """(name, labels) → value of everything that is told."""
    text = httpx.get(f"{url}/metrics").text
    return {
        (sample.name, tuple(sorted(sample.labels.values()))): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def ask(url, data):
    return httpx.post(f"{url}/v1/quality", content=data, headers={"Content-Type": "image/png"})


@pytest.fixture(scope="module")
def told(picture_bytes):
    with served(built_in=True) as place:
        for data in (picture_bytes, picture_bytes, b"none"):
            ask(place.url, data)
        httpx.get(f"{place.url}/nothing")
        yield numbers(place.url)


def test_requests_are_counted_by_route_and_status(told):
    assert told["pixwise_requests_total", ("/v1/quality", "200", "POST")] == 2
    assert told["pixwise_requests_total", ("/v1/quality", "415", "POST")] == 1
    assert told["pixwise_requests_total", ("404", "GET", "none")] == 1
    assert told["pixwise_request_seconds_count", ("/v1/quality",)] == 3


def test_problems_are_counted_by_kind(told):
    assert told["pixwise_problems_total", ("no-picture",)] == 1


def test_steps_batches_loads_and_bytes_are_counted(told, picture_bytes):
    assert told["pixwise_step_seconds_count", ("quality",)] == 2
    assert told["pixwise_batch_rows_count", ("measures",)] == 2
    assert told["pixwise_model_loads_total", ("measures",)] == 1
    assert told["pixwise_model_load_seconds_total", ("measures",)] > 0
    assert told["pixwise_body_bytes_total", ("in",)] == 2 * len(picture_bytes) + 4


def test_the_present_is_told_when_it_is_asked_for(told):
    assert told["pixwise_queue_depth", ("requests",)] == told["pixwise_queue_depth", ("runs",)] == 0
    assert told["pixwise_models_loaded", ()] == told["pixwise_ready", ()] == 1
    assert 30e6 < told["pixwise_memory_bytes", ()] < 8e9


def test_labels_of_strangers_do_not_grow():
    mine = meters.Meters()
    for number in range(200):
        mine.request(Visit(Ask(steps_ms={f"step{number}": 1.0}), f"METHOD{number}", time.perf_counter()))
    text = mine.text().decode()
    assert text.count("pixwise_requests_total{") == 1
    assert text.count("pixwise_step_seconds_count{") == 65


def test_several_workers_tell_the_sum_and_leave_no_file(picture_bytes, tmp_path):
    with serving("--workers", "2", TMPDIR=str(tmp_path)) as place:
        for _ in range(12):
            ask(place.url, picture_bytes)
        time.sleep(1.2)  # the other one shows its present once a second
        told = [numbers(place.url) for _ in range(4)]
        assert {each["pixwise_requests_total", ("/v1/quality", "200", "POST")] for each in told} == {12}
        assert {each["pixwise_ready", ()] for each in told} == {2}
        assert list(tmp_path.glob("pixwise-meters-*/*.db"))
        assert place.stop(signal.SIGTERM) == 0
    assert list(tmp_path.iterdir()) == []
