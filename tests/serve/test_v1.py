"""One picture, one question, over real sockets."""

import io
import json

import httpx
import pytest
from PIL import Image
from running_service import served

import pixwise as px


@pytest.fixture(scope="module")
def client():
    with served(built_in=True) as place, httpx.Client(base_url=place.url, timeout=60) as client:
        yield client


@pytest.fixture(scope="module")
def picture():
    kept = io.BytesIO()
    Image.effect_mandelbrot((160, 120), (-2, -1.5, 1, 1.5), 50).convert("RGB").save(kept, "PNG")
    return kept.getvalue()


def test_the_answer_is_that_of_the_library(client, picture):
    answer = client.post("/v1/quality", content=picture, headers={"Content-Type": "image/png"}).json()
    mine = px.quality(picture).to_dict()
    assert {**answer, "timings_ms": 0, "image": 0} == {**mine, "timings_ms": 0, "image": 0}


def test_the_three_forms_of_body_give_one_answer(client, picture):
    import base64

    uri = "data:image/png;base64," + base64.b64encode(picture).decode()
    raw = client.post("/v1/quality?colours=2", content=picture, headers={"Content-Type": "image/png"})
    form = client.post("/v1/quality", files={"file": ("x.png", picture)}, data={"options": json.dumps({"colours": 2})})
    told = client.post("/v1/quality", json={"image": uri, "options": {"colours": 2}})
    assert raw.json()["colours"] == form.json()["colours"] == told.json()["colours"]
    assert len(raw.json()["colours"]) == 2


def test_a_picture_comes_back_where_one_is_asked_for(client, picture):
    answer = client.post("/v1/codes", content=picture, headers={"Content-Type": "image/png", "Accept": "image/webp"})
    assert Image.open(io.BytesIO(answer.content)).format == "WEBP"


@pytest.mark.parametrize(
    ("path", "content", "kind", "status", "said"),
    [
        ("quality", b"", "image/png", 400, "must bring a picture"),
        ("quality", b"text", "image/png", 415, "expected a JPEG"),
        ("quality", b"x", "text/plain", 415, "body must be multipart"),
        ("quality", b"{", "application/json", 400, "body must be JSON"),
        ("quality?colour=3", b"x", "image/png", 422, "did you mean 'colours'?"),
        ("classify", b"x", "image/png", 503, "pixwise models pull"),
        ("quality?model=../../etc/passwd", b"x", "image/png", 404, "must be one that is served"),
        ("nothing", b"x", "image/png", 404, "path must be"),
    ],
)
def test_what_cannot_be_done_is_a_problem_that_says_why(client, path, content, kind, status, said):
    answer = client.post(f"/v1/{path}", content=content, headers={"Content-Type": kind})
    told = answer.json()
    assert (answer.status_code, told["status"], said in told["detail"]) == (status, status, True), told
    assert answer.headers["content-type"] == "application/problem+json"
    assert told["request"] == answer.headers["x-request-id"]
