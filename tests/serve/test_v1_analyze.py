"""Many pictures, many questions, over real sockets."""

import base64
import io

import httpx
import pytest
from PIL import Image
from running_service import served

import pixwise as px


@pytest.fixture(scope="module")
def client():
    with served(built_in=True, max_pictures=5) as place, httpx.Client(base_url=place.url, timeout=60) as client:
        yield client


def uri(data):
    return "data:image/png;base64," + base64.b64encode(data).decode()


def without_times(analysis):
    results = {task: {**told, "timings_ms": 0, "message": 0} for task, told in analysis["results"].items()}
    return {**analysis, "image": 0, "results": results}


def test_an_answer_is_what_the_library_answers(client, picture_bytes):
    tasks = ["quality", "codes", "faces"]
    told = client.post("/v1/analyze", json={"images": [uri(picture_bytes)], "tasks": tasks}).json()
    assert (told["schema"], told["answers"][0]["status"]) == ("pixwise/analyses/1", "ok")
    mine = px.analyze(picture_bytes, tasks).to_dict()
    assert without_times(told["answers"][0]["analysis"]) == without_times(mine)


def test_the_three_forms_of_body_are_answered_alike(client, picture_bytes):
    files = [("file", ("a.png", picture_bytes)), ("file", ("b.png", picture_bytes))]
    form = client.post("/v1/analyze", files=files, data={"tasks": "quality, codes"}).json()["answers"]
    raw = client.post("/v1/analyze?tasks=quality&tasks=codes", content=picture_bytes,
                      headers={"Content-Type": "image/png"}).json()["answers"]  # fmt: skip
    told = client.post("/v1/analyze", json={"images": [uri(picture_bytes)] * 2, "tasks": ["quality", "codes"]}).json()
    assert [each["name"] for each in form] == ["a.png", "b.png"]
    assert [each["name"] for each in told["answers"]] == ["images[0]", "images[1]"]
    mine = [without_times(each["analysis"]) for each in (*form, *raw, *told["answers"])]
    assert all(each == mine[0] for each in mine)


def test_a_bad_picture_is_a_problem_in_its_place(client, picture_bytes):
    files = [("file", ("../a.txt", b"hello")), ("file", ("b.png", picture_bytes)), ("file", ("c.png", b""))]
    bad, good, empty = client.post("/v1/analyze", files=files, data={"tasks": '["quality"]'}).json()["answers"]
    assert (bad["name"], bad["status"], bad["problem"]["status"]) == ("a.txt", "error", 415)
    assert (good["status"], empty["status"]) == ("ok", "error")
    assert "expected a JPEG" in bad["problem"]["detail"]


def test_a_data_uri_or_address_that_cannot_be_had_harms_no_other(client, picture_bytes):
    images = ["data:image/png;base64,!", {"url": "http://127.0.0.1/x.png"}, uri(picture_bytes)]
    answers = client.post("/v1/analyze", json={"images": images, "tasks": ["quality"]}).json()["answers"]
    assert [each["status"] for each in answers] == ["error", "error", "ok"]
    assert "which this service does not fetch" in answers[1]["problem"]["detail"]


def test_a_task_without_a_model_is_skipped_with_the_command_that_fetches_it(client, picture_bytes):
    told = client.post("/v1/analyze", json={"images": [uri(picture_bytes)], "tasks": ["classify", "quality"]}).json()
    results = told["answers"][0]["analysis"]["results"]
    assert (results["classify"]["status"], results["quality"]["status"]) == ("skipped", "ok")
    assert "pixwise models pull" in results["classify"]["message"]


def test_a_task_takes_its_options_and_its_model(client, picture_bytes):
    tasks = [{"task": "quality", "options": {"colours": 2}}, {"task": "embed", "model": "look"}]
    told = client.post("/v1/analyze", json={"images": [uri(picture_bytes)], "tasks": tasks}).json()
    results = told["answers"][0]["analysis"]["results"]
    assert len(results["quality"]["colours"]) == 2
    assert results["embed"]["model"]["id"] == "look"


def test_one_picture_comes_back_drawn_where_an_image_is_asked_for(client, picture_bytes):
    answer = client.post("/v1/analyze?tasks=codes,faces", content=picture_bytes,
                         headers={"Content-Type": "image/png", "Accept": "image/jpeg"})  # fmt: skip
    assert Image.open(io.BytesIO(answer.content)).size == (160, 120)


@pytest.mark.parametrize(
    ("told", "status", "said"),
    [
        ({}, 422, "must have 'images'"),
        ([], 422, "must be a JSON object, got a list"),
        ({"images": []}, 422, "pictures must be 1 to 5, got 0"),
        ({"images": ["data:,"] * 6}, 413, "pictures must be 1 to 5, got 6"),
        ({"images": "data:,"}, 422, "images must be a list, got str"),
        ({"images": [7]}, 422, "image must be a data URI"),
        ({"images": ["data:,"], "task": ["ocr"]}, 422, "must have pictures and tasks, got 'task'"),
        ({"images": ["data:,"], "tasks": []}, 422, "tasks must be a list"),
        ({"images": ["data:,"], "tasks": "ocr"}, 422, "tasks must be a list"),
        ({"images": ["data:,"], "tasks": ["ocrr"]}, 422, "did you mean 'ocr'?"),
        ({"images": ["data:,"], "tasks": ["ocr", "ocr"]}, 422, "tasks must differ, got 'ocr' twice"),
        ({"images": ["data:,"], "tasks": ["find"]}, 422, "find: labels must be given"),
        ({"images": ["data:,"], "tasks": [{"task": "ocr", "x": 1}]}, 422, "task must be a name or"),
        ({"images": ["data:,"], "tasks": [{"task": "quality", "options": {"colours": 0}}]}, 422, "quality: colours"),
        ({"images": ["data:,"], "tasks": [{"task": "ocr", "model": "/etc"}]}, 404, "must be one that is served"),
    ],
    ids=str,
)
def test_a_request_that_cannot_be_answered_is_refused_before_a_picture_is_opened(client, told, status, said):
    answer = client.post("/v1/analyze", json=told)
    assert (answer.status_code, said in answer.json()["detail"]) == (status, True), answer.text


def test_several_pictures_cannot_be_drawn_into_one(client, picture_bytes):
    files = [("file", ("a.png", picture_bytes))] * 2
    answer = client.post("/v1/analyze", files=files, headers={"Accept": "image/png"})
    assert (answer.status_code, "several pictures must be JSON" in answer.json()["detail"]) == (406, True)


def test_a_full_house_refuses_the_whole_request(picture_bytes):
    with served(built_in=True, concurrency=1, queue=1) as place:
        place.service.crew.places = 0
        answer = httpx.post(f"{place.url}/v1/analyze", json={"images": [uri(picture_bytes)] * 3, "tasks": ["quality"]})
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "1")


def test_pieces_that_find_the_queue_full_wait_for_their_turn(picture_bytes):
    with served(built_in=True, concurrency=1, queue=1, queue_per_caller=8, max_batch=8) as place:
        images = [uri(picture_bytes)] * 9
        told = httpx.post(f"{place.url}/v1/analyze", json={"images": images, "tasks": ["quality"]}, timeout=60).json()
    assert [each["status"] for each in told["answers"]] == ["ok"] * 9


def test_more_pictures_than_places_all_get_their_turn(picture_bytes):
    with served(built_in=True, concurrency=1, queue=2) as place:
        images = [uri(picture_bytes)] * 9
        told = httpx.post(f"{place.url}/v1/analyze", json={"images": images, "tasks": ["quality"]}, timeout=60).json()
    assert [each["status"] for each in told["answers"]] == ["ok"] * 9
