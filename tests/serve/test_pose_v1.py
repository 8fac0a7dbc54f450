"""Poses over HTTP, of a model of the operator's own: people by the finder that is there, or in boxes of the request."""

import json
from pathlib import Path

import httpx
import pytest
from oracle import posers
from running_service import served

from pixwise.results import result_from_dict

SCENE = (Path(__file__).resolve().parents[2] / "examples" / "scene.png").read_bytes()


@pytest.fixture(scope="module")
def client(tmp_path_factory):
    folder = posers.save("simple", tmp_path_factory.mktemp("pose") / "mine")
    with served(own_models={"mine": str(folder)}) as place, httpx.Client(base_url=place.url, timeout=60) as client:
        yield client


def asked(client, **options):
    data = {"options": json.dumps(options), "model": "mine"}
    return client.post("/v1/pose", files={"file": ("scene.png", SCENE)}, data=data)


def test_boxes_of_the_request_are_people(client):
    answer = asked(client, box=[[80, 40, 300, 300], [-20, 10, 90, 200]], min_keypoint_score=0.0)
    assert answer.status_code == 200, answer.text
    poses = result_from_dict(answer.json())
    assert poses.keypoints.shape == (2, 17, 2)
    assert poses.boxes[1].tolist() == [0, 10, 90, 200]


def test_without_boxes_a_finder_is_asked(client):
    answer = asked(client)
    assert answer.status_code == 200, answer.text
    assert isinstance(answer.json()["poses"], list)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"box": [[900, 9, 990, 20]]}, "box must overlap the 800 x 600 picture"),
        ({"box": [9, 9, 1, 1]}, "box must have x1 < x2 and y1 < y2"),
        ({"dataset": 1}, "dataset must be left out"),
    ],
)
def test_what_cannot_be_asked_is_a_422(client, options, words):
    answer = asked(client, **options)
    assert (answer.status_code, words in answer.json()["detail"]) == (422, True), answer.text
