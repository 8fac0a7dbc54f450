"""Points and boxes over HTTP: lists in JSON, words in the address."""

import json
from pathlib import Path

import httpx
import pytest
from running_service import served

from pixwise.results import result_from_dict

SCENE = (Path(__file__).resolve().parents[2] / "examples" / "scene.png").read_bytes()


@pytest.fixture(scope="module")
def client():
    with served(built_in=True) as place, httpx.Client(base_url=place.url, timeout=60) as client:
        yield client


def asked(client, options):
    return client.post("/v1/segment", files={"file": ("scene.png", SCENE)}, data={"options": json.dumps(options)})


@pytest.mark.parametrize(
    "options",
    [
        {"points": [[170, 450]]},
        {"points": [170, 450]},
        {"box": [80, 375, 260, 525]},
        {"box": [[80, 375, 260, 525]], "points": [[[170, 450]]], "labels": [1]},
    ],
    ids=str,
)
def test_a_prompt_has_many_forms(client, options):
    answer = asked(client, options)
    assert answer.status_code == 200, answer.text
    [row] = result_from_dict(answer.json())
    assert row.mask.open()[450, 170]
    assert 15_000 < row.area < 18_000


def test_the_address_may_say_it(client):
    answer = client.post("/v1/segment?box=80,375,260,525", content=SCENE, headers={"Content-Type": "image/png"})
    assert len(answer.json()["masks"]) == 1


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"points": [[9999, 1]]}, "point must lie in the 800 x 600 picture"),
        ({"points": {"x": 1}}, "points must be as described"),
        ({"points": [[1, 2]] * 2000}, "points of an object must be at most 1000, got 2000"),
        ({"box": [9, 9, 1, 1]}, "box must have x1 < x2 and y1 < y2"),
    ],
)
def test_what_is_no_prompt_is_a_422(client, options, words):
    answer = asked(client, options)
    assert (answer.status_code, words in answer.json()["detail"]) == (422, True), answer.text
