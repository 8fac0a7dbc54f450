"""Texts and pictures as vectors, in OpenAI's form, with a tiny CLIP of random weights."""

import base64
import re
from concurrent.futures import ThreadPoolExecutor

import httpx
import numpy as np
import pytest
from oracle import texts
from running_service import served

import pixwise as px


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return texts.save(texts.make("clip"), tmp_path_factory.mktemp("clip"))


@pytest.fixture(scope="module")
def place(folder):
    with served(own_models={"clip": str(folder)}, models={"embed": "clip"}, max_texts=8, max_pictures=3) as place:
        yield place


@pytest.fixture(scope="module")
def client(place):
    with httpx.Client(base_url=place.url, timeout=60) as client:
        yield client


@pytest.fixture(scope="module")
def uri(picture_bytes):
    return "data:image/png;base64," + base64.b64encode(picture_bytes).decode()


def asked(client, told, **more):
    answer = client.post("/v1/embeddings", json={"input": told, **more})
    assert answer.status_code == 200, answer.text
    return np.float32([row["embedding"] for row in answer.json()["data"]])


def test_a_text_is_the_librarys_vector(client, folder):
    mine = px.embed_text("two cats", str(folder)).vector
    np.testing.assert_array_equal(asked(client, "two cats"), mine[None])


def test_texts_and_pictures_come_in_the_order_of_the_request(client, folder, uri, picture_bytes):
    rows = asked(client, ["two cats", uri, {"image": uri}, {"text": "a bird"}])
    pictures, words = px.embed(picture_bytes, str(folder)).vector, px.embed_text(["two cats", "a bird"], str(folder))
    np.testing.assert_allclose(rows, [words[0].vector, pictures, pictures, words[1].vector], atol=1e-5)


def test_base64_is_little_endian_float32(client):
    told = client.post("/v1/embeddings", json={"input": "two cats", "encoding_format": "base64"}).json()
    row = np.frombuffer(base64.b64decode(told["data"][0]["embedding"]), "<f4")
    np.testing.assert_array_equal(row, asked(client, "two cats")[0])


def test_the_answer_has_openais_form_and_counts_tokens(client):
    told = client.post("/v1/embeddings", json={"input": ["a bird", "two cats"], "model": "clip", "user": "me"}).json()
    assert (told["object"], [row["index"] for row in told["data"]]) == ("list", [0, 1])
    assert told["usage"] == {"prompt_tokens": 8, "total_tokens": 8}  # two words each, a begin and an end
    assert (told["data"][0]["object"], told["model"]) == ("embedding", "clip")


def test_dimensions_are_those_of_the_model(client):
    assert asked(client, "two cats", dimensions=24).shape == (1, 24)
    refused = client.post("/v1/embeddings", json={"input": "two cats", "dimensions": 12})
    assert (refused.status_code, "must be 24, got 12; leave it out" in refused.json()["detail"]) == (422, True)


@pytest.mark.parametrize(
    ("told", "status", "said"),
    [
        ({}, 422, "body must have 'input'"),
        ({"input": []}, 422, "must have a text or a picture"),
        ({"input": ""}, 422, "input[0]: must say something"),
        ({"input": ["a", "  "]}, 422, "input[1]: must say something"),
        ({"input": [1, 2]}, 422, "got numbers of tokens; send the text"),
        ({"input": {"image": "x"}}, 422, "image must be a data URI"),
        ({"input": ["a"] * 9}, 413, "texts must be at most 8, got 9"),
        ({"input": "a", "encoding_format": "int8"}, 422, "encoding_format must be one of float, base64"),
        ({"input": "a", "dimensions": "24"}, 422, "dimensions must be a whole number"),
        ({"input": "a", "model": "text-embedding-3-small"}, 404, "must be one that is served"),
        ({"input": "a", "model": "look"}, 422, "must have text and tokenizer to read texts"),
        ({"input": "a", "modl": "x"}, 422, "did you mean 'model'?"),
        ({"input": ["a", "data:image/png;base64,AAAA"]}, 415, "input[1]:"),
    ],
    ids=str,
)
def test_a_problem_says_what_is_wrong_in_both_forms(client, told, status, said):
    answer = client.post("/v1/embeddings", json=told)
    problem = answer.json()
    assert (answer.status_code, said in problem["detail"]) == (status, True), problem
    assert problem["error"]["message"] == problem["detail"]


def test_a_model_without_texts_still_sees(place, client, uri):
    assert asked(client, uri, model="look").shape == (1, 356)


def test_texts_of_several_callers_run_together(folder):
    texts = ["a bird", "a dog", "a cats", "two bird", "two dog", "two cats", "ein Haus", "am See"]
    with served(own_models={"clip": str(folder)}, models={"embed": "clip"}, max_wait_ms=1000) as place:
        with httpx.Client(base_url=place.url, timeout=60) as client:
            asked(client, "the sky")
            before = runs_of(place)
            place.service.traffic.work(1)  # as if one more were always on its way: a batch waits for its whole time
            with ThreadPoolExecutor(len(texts)) as callers:
                rows = list(callers.map(lambda text: asked(client, text)[0], texts))
        assert runs_of(place) - before < len(texts)
    mine = [embedding.vector for embedding in px.embed_text(texts, str(folder))]
    np.testing.assert_allclose(rows, mine, atol=1e-5)


def runs_of(place):
    """How often a model was run."""
    told = re.findall(r"pixwise_model_seconds_count\{.*?\} (\S+)", place.service.meters.text().decode())
    return sum(map(float, told))
