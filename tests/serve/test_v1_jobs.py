"""Jobs, over real sockets and through real processes."""

import base64
import time

import httpx
import pytest
from running_service import served


@pytest.fixture(scope="module")
def client(tmp_path_factory):
    folder = str(tmp_path_factory.mktemp("jobs"))
    with (
        served(built_in=True, jobs_folder=folder, job_pictures=40) as place,
        httpx.Client(base_url=place.url, timeout=60) as client,
    ):
        yield client


def uri(data):
    return "data:image/png;base64," + base64.b64encode(data).decode()


def given(client, pictures, tasks=("quality",)):
    answer = client.post("/v1/jobs", json={"images": pictures, "tasks": list(tasks)})
    assert answer.status_code == 202, answer.text
    return answer


def ended(client, job, seconds=30):
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        told = client.get(f"/v1/jobs/{job}").json()
        if told["ended"]:
            return told
        time.sleep(0.02)
    raise AssertionError(told)


def test_a_job_is_answered_as_analyze_would(client, picture_bytes):
    told = {"images": [uri(picture_bytes)] * 3, "tasks": ["quality", "codes"]}
    job = ended(client, given(client, **{"pictures": told["images"], "tasks": told["tasks"]}).json()["id"])
    assert (job["status"], job["done"], job["failed"], job["pictures"]) == ("done", 3, 0, 3)
    mine = client.post("/v1/analyze", json=told).json()["answers"]
    for answer, other in zip(job["answers"], mine, strict=True):
        assert answer["analysis"]["results"]["quality"]["quality"] == other["analysis"]["results"]["quality"]["quality"]


def test_it_is_given_an_id_at_once_and_lies_where_its_location_says(client, picture_bytes):
    answer = given(client, [uri(picture_bytes)])
    assert answer.headers["location"] == f"/v1/jobs/{answer.json()['id']}"
    assert client.get(answer.headers["location"]).status_code == 200


def test_a_bad_picture_is_a_problem_in_its_place(client, picture_bytes):
    images = [uri(picture_bytes), "data:image/png;base64,!", "data:image/png;base64,AAAA", uri(picture_bytes)]
    job = ended(client, given(client, images).json()["id"])
    assert (job["status"], job["done"], job["failed"]) == ("done", 4, 2)
    assert [answer["status"] for answer in job["answers"]] == ["ok", "error", "error", "ok"]
    assert [answer["index"] for answer in job["answers"]] == [0, 1, 2, 3]


def test_answers_come_in_pieces(client, picture_bytes):
    job = given(client, [uri(picture_bytes)] * 4).json()["id"]
    ended(client, job)
    told = client.get(f"/v1/jobs/{job}", params={"first": 1, "count": 2}).json()
    assert [answer["index"] for answer in told["answers"]] == [1, 2]
    assert client.get(f"/v1/jobs/{job}?count=0").json()["answers"] == []


def test_a_job_that_is_cancelled_ends_and_keeps_what_was_answered(client, picture_bytes):
    job = given(client, [uri(picture_bytes)] * 40, ["quality", "ocr", "faces"]).json()["id"]
    assert client.post(f"/v1/jobs/{job}/cancel").json()["status"] == "cancelled"
    told = ended(client, job)
    assert told["status"] == "cancelled"
    assert told["done"] == len(told["answers"]) < 40


def test_a_job_that_has_ended_is_forgotten_when_it_is_deleted(client, picture_bytes):
    job = given(client, [uri(picture_bytes)]).json()["id"]
    ended(client, job)
    assert client.delete(f"/v1/jobs/{job}").json()["status"] == "done"
    assert client.get(f"/v1/jobs/{job}").status_code == 404
    assert job not in {each["id"] for each in client.get("/v1/jobs").json()["data"]}


def test_a_job_that_goes_on_is_cancelled_and_forgotten_when_it_is_deleted(client, picture_bytes):
    job = given(client, [uri(picture_bytes)] * 40, ["ocr", "faces"]).json()["id"]
    while client.get(f"/v1/jobs/{job}").json()["status"] == "queued":
        time.sleep(0.01)
    assert client.delete(f"/v1/jobs/{job}").json()["status"] == "cancelled"
    assert client.get(f"/v1/jobs/{job}").status_code == client.delete(f"/v1/jobs/{job}").status_code == 404
    ended(client, given(client, [uri(picture_bytes)]).json()["id"])  # its worker works on


def test_a_job_that_has_ended_cannot_be_cancelled(client, picture_bytes):
    job = given(client, [uri(picture_bytes)]).json()["id"]
    ended(client, job)
    assert client.post(f"/v1/jobs/{job}/cancel").json()["status"] == "done"


def test_jobs_are_listed_newest_first(client, picture_bytes):
    mine = [given(client, [uri(picture_bytes)]).json()["id"] for _ in range(3)]
    told = client.get("/v1/jobs", params={"limit": 3}).json()["data"]
    assert [each["id"] for each in told] == mine[::-1]
    assert "answers" not in told[0]


@pytest.mark.parametrize(
    ("method", "path", "status", "said"),
    [
        ("GET", "/v1/jobs/nothing", 404, "GET /v1/jobs lists them"),
        ("DELETE", "/v1/jobs/..%2F..%2Fetc", 404, ""),
        ("GET", "/v1/jobs/%00", 404, "must be one of yours"),
        ("GET", "/v1/jobs?limit=0", 422, "limit"),
    ],
)
def test_what_is_no_job_is_a_problem(client, method, path, status, said):
    answer = client.request(method, path)
    assert (answer.status_code, said in answer.json()["detail"]) == (status, True), answer.text


def test_a_path_names_all_its_methods(client):
    assert client.patch("/v1/jobs").headers["allow"] == "GET, POST"
    assert client.patch("/v1/jobs/x").headers["allow"] == "DELETE, GET"


def test_what_is_wrong_with_a_request_is_told_before_it_becomes_a_job(client, picture_bytes):
    wrong = client.post("/v1/jobs", json={"images": [uri(picture_bytes)], "tasks": ["qualit"]})
    many = client.post("/v1/jobs", json={"images": ["data:,"] * 41})
    assert (wrong.status_code, many.status_code) == (422, 413)


def test_one_caller_may_not_have_all_the_jobs(tmp_path, picture_bytes):
    with served(built_in=True, jobs=4, jobs_folder=str(tmp_path)) as place:
        told = {"images": [uri(picture_bytes)] * 30, "tasks": ["ocr"]}
        statuses = [httpx.post(f"{place.url}/v1/jobs", json=told, timeout=60).status_code for _ in range(3)]
        jobs = httpx.get(f"{place.url}/v1/jobs").json()["data"]
        for job in jobs:
            httpx.delete(f"{place.url}/v1/jobs/{job['id']}")
    assert statuses == [202, 202, 429]


def test_pictures_that_wait_have_a_limit(tmp_path, picture_bytes):
    with served(built_in=True, jobs_bytes=len(picture_bytes), jobs_folder=str(tmp_path)) as place:
        answer = httpx.post(f"{place.url}/v1/jobs", json={"images": [uri(picture_bytes)] * 2})
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "30")


def test_a_folder_that_cannot_be_written_is_told(tmp_path, picture_bytes):
    (tmp_path / "file").write_text("")
    with served(built_in=True, jobs_folder=str(tmp_path / "file" / "jobs")) as place:
        answer = httpx.post(f"{place.url}/v1/jobs", json={"images": [uri(picture_bytes)]})
    assert (answer.status_code, "look at jobs_folder" in answer.json()["detail"]) == (503, True)


def test_a_job_outlives_the_service(tmp_path, picture_bytes):
    """Stopped in the middle, it goes on where it was; no picture is answered twice, none is lost."""
    settings = {"built_in": True, "jobs_folder": str(tmp_path)}
    with served(**settings) as place, httpx.Client(base_url=place.url, timeout=60) as client:
        job = given(client, [uri(picture_bytes)] * 24, ["ocr", "quality"]).json()["id"]
        while not client.get(f"/v1/jobs/{job}").json()["done"]:
            time.sleep(0.01)
    with served(**settings) as place, httpx.Client(base_url=place.url, timeout=60) as client:
        assert client.get(f"/v1/jobs/{job}").json()["done"] > 0
        told = ended(client, job, 60)
    assert (told["status"], told["done"], told["failed"]) == ("done", 24, 0)


def test_every_worker_knows_every_job_and_can_cancel_it(tmp_path, picture_bytes):
    settings = {"built_in": True, "jobs_folder": str(tmp_path)}
    with served(**settings) as one, served(**settings) as other, httpx.Client(timeout=60) as client:
        told = {"images": [uri(picture_bytes)] * 40, "tasks": ["ocr"]}
        job = client.post(f"{one.url}/v1/jobs", json=told).json()["id"]
        assert client.post(f"{other.url}/v1/jobs/{job}/cancel").json()["status"] == "cancelled"
        with httpx.Client(base_url=one.url) as mine:
            assert ended(mine, job)["status"] == "cancelled"
