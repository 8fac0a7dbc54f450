"""Pictures from noise over HTTP, with a tiny UNet of random weights."""

import io
import time

import generators
import httpx
import numpy as np
import pytest
from PIL import Image
from running_service import served

import pixwise as px
from pixwise.results import result_from_dict


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return generators.save(tmp_path_factory.mktemp("models") / "toy")


@pytest.fixture(scope="module")
def client(folder):
    with (
        served(own_models={"faces": str(folder)}, max_pictures=60, deadline_s=3.0) as place,
        httpx.Client(base_url=place.url, timeout=60) as client,
    ):
        yield client


def ask(client, accept="application/json", **told):
    return client.post("/v1/generate", json={"model": "faces", "steps": 3, **told}, headers={"Accept": accept})


def test_the_answer_is_the_librarys(client, folder):
    answer = ask(client, count=2, seed=5, eta=0.5)
    assert answer.status_code == 200, answer.text
    found, mine = result_from_dict(answer.json()), px.generate(folder, 2, seed=5, steps=3, eta=0.5)
    assert (found.pictures, found.seeds.tolist(), found.eta) == (mine.pictures, [5, 6], 0.5)
    assert "generate;dur=" in answer.headers["Server-Timing"]


def test_a_caller_may_want_one_picture_of_all(client, folder):
    answer = ask(client, "image/png", count=4, scheduler="ddpm")
    assert answer.headers["Content-Type"] == "image/png"
    with Image.open(io.BytesIO(answer.content)) as grid:
        assert np.array_equal(grid, px.generate(folder, 4, steps=3, scheduler="ddpm").grid())


@pytest.mark.parametrize(
    ("told", "status", "words"),
    [
        ({"model": "cats"}, 404, "model of generate must be one of the service's own_models, got 'cats'; choose one"),
        ({"model": 3}, 422, "model must be a string, got 3"),
        ({"count": 0}, 422, "count must be a whole number from 1 up, got 0"),
        ({"count": 61}, 413, "pictures must be at most 60, got 61; ask in several requests"),
        ({"steps": 1001}, 422, "steps must be a whole number from 1 to 1000"),
        ({"steps": "many"}, 422, "steps must be a whole number from 1 to 1000"),
        ({"seed": -1}, 422, "seed must be a whole number from 0 up"),
        ({"eta": "much"}, 422, "eta must be a number from 0 to 1"),
        ({"scheduler": ["ddim"]}, 422, "scheduler must be known, got ['ddim']"),
        ({"batch": 3}, 422, "keys of the body must be known, got 'batch'"),
    ],
)
def test_what_cannot_be_made_is_a_problem(client, told, status, words):
    answer = ask(client, **told)
    assert (answer.status_code, words in answer.json()["detail"]) == (status, True), answer.text


def test_a_folder_that_makes_pictures_answers_no_task(client, picture_bytes):
    models = client.get("/v1/models").json()["data"]
    assert [model["tasks"] for model in models if model["id"] == "faces"] in ([], [[]])
    refused = client.post("/v1/classify?model=faces", content=picture_bytes, headers={"Content-Type": "image/png"})
    assert refused.status_code in (404, 422)
    assert "generate" in refused.json()["detail"]


def test_another_form_is_not_acceptable(client):
    assert ask(client, "text/html").status_code == 406
    assert client.post("/v1/generate", content=b"x", headers={"Content-Type": "text/plain"}).status_code == 415


def test_the_deadline_ends_it_between_two_steps(client):
    began = time.monotonic()
    answer = ask(client, count=60, steps=1000)
    assert (answer.status_code, time.monotonic() - began < 20) == (504, True), answer.text
    assert ask(client, count=1).status_code == 200  # the thread is free again
