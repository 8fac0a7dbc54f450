"""Jobs and the end of processes: `pixwise serve`, stopped and killed in the middle of a job."""

import signal
import time

import httpx
import psutil
import pytest
from serving_process import serving
from test_v1_jobs import ended, uri


def begun(url, picture_bytes, pictures=24):
    """A job that has begun and is not done."""
    told = {"images": [uri(picture_bytes)] * pictures, "tasks": ["ocr", "quality"]}
    job = httpx.post(f"{url}/v1/jobs", json=told, timeout=60).json()["id"]
    while not httpx.get(f"{url}/v1/jobs/{job}").json()["done"]:
        time.sleep(0.01)
    return job


@pytest.mark.slow
def test_a_job_goes_on_where_it_was_when_the_service_starts_again(tmp_path, picture_bytes):
    environment = {"PIXWISE_JOBS_FOLDER": str(tmp_path), "PIXWISE_DRAIN_S": "0"}
    with serving(**environment) as service:
        job = begun(service.url, picture_bytes)
        service.stop(signal.SIGTERM)
    done = len(list((tmp_path / job / "answers").glob("*.ok")))
    with serving(**environment) as service, httpx.Client(base_url=service.url) as client:
        told = ended(client, job, 60)
    assert 0 < done < 24
    assert (told["status"], told["done"], told["failed"]) == ("done", 24, 0)


@pytest.mark.slow
def test_every_worker_knows_the_jobs_and_one_that_is_killed_loses_none(tmp_path, picture_bytes):
    with serving("--workers", "2", PIXWISE_JOBS_FOLDER=str(tmp_path)) as service:
        job = begun(service.url, picture_bytes)
        for _ in range(8):  # whichever worker answers
            assert httpx.get(f"{service.url}/v1/jobs/{job}?count=0").status_code == 200
        psutil.Process(service.process.pid).children()[0].kill()
        with httpx.Client(base_url=service.url) as client:
            told = ended(client, job, 60)
    assert (told["status"], told["done"]) == ("done", 24)
