"""What a worker does with jobs that another one left."""

import asyncio
import os
import threading
import time

import httpx
import pytest
from running_service import served
from test_v1_jobs import ended

from pixwise.serve.asking import Ask
from pixwise.serve.service import Service
from pixwise.serve.settings import load_settings
from pixwise.serve.spool import Spool


@pytest.fixture
def left(tmp_path, picture_bytes):
    """A job of four pictures, as a worker left it that was killed over its second and third."""
    spool = Spool(tmp_path)
    pictures = [({"name": f"{number}.png"}, picture_bytes) for number in range(4)]
    job = spool.accept("ada", [{"task": "quality"}], pictures, {}).id
    spool.begin(job)
    return spool, job


def finished(spool, job):
    with served(built_in=True, jobs_folder=str(spool.folder)) as place, httpx.Client(base_url=place.url) as client:
        return ended(client, job)


def test_a_job_that_a_worker_left_is_finished(left):
    spool, job = left
    spool.trying(job, 1, 1)
    told = finished(spool, job)
    assert (told["status"], told["done"], told["failed"]) == ("done", 4, 0)


def test_a_picture_that_stopped_two_workers_is_given_up_and_no_other(left):
    spool, job = left
    spool.trying(job, 1, 2)
    spool.trying(job, 2, 1)
    told = finished(spool, job)
    assert [answer["status"] for answer in told["answers"]] == ["ok", "error", "ok", "ok"]
    assert "got 2 workers that it stopped" in told["answers"][1]["problem"]["detail"]


def test_a_job_that_was_cancelled_while_nobody_had_it_ends(left):
    spool, job = left
    spool.cancel(job)
    assert finished(spool, job)["status"] == "cancelled"


def test_requests_go_first(tmp_path, picture_bytes):
    spool, hold = Spool(tmp_path), threading.Event()
    job = spool.accept("ada", [{"task": "quality"}], [({"name": "a.png"}, picture_bytes)], {}).id
    service = Service(load_settings(built_in=True, jobs_folder=str(tmp_path), log="none"))
    cores = os.cpu_count() or 1
    works = [threading.Thread(target=lambda: asyncio.run(service.crew.do(Ask(), hold.wait))) for _ in range(cores)]
    [work.start() for work in works]
    with served(service) as place, httpx.Client(base_url=place.url) as client:
        time.sleep(1)
        assert client.get(f"/v1/jobs/{job}").json()["status"] == "running"
        assert client.get(f"/v1/jobs/{job}").json()["done"] == 0
        hold.set()
        assert ended(client, job)["done"] == 1
    [work.join() for work in works]


def test_a_job_for_what_is_served_no_more_fails_in_words(tmp_path, picture_bytes):
    spool = Spool(tmp_path)
    job = spool.accept("ada", [{"task": "embed", "model": "gone"}], [({"name": "a.png"}, picture_bytes)], {}).id
    told = finished(spool, job)
    assert (told["status"], "must be one that is served" in told["message"]) == ("failed", True)
