"""Pictures made of pictures over HTTP: as JSON, as a picture, with a mask as a data address."""

import base64
import io
import json

import httpx
import numpy as np
import pytest
from PIL import Image
from running_service import served

from pixwise.results import result_from_dict
from pixwise.samples import photo_like

PIXELS = photo_like(60, 80)
HOLE = np.zeros((60, 80), np.uint8)
HOLE[20:30, 40:60] = 255


def png(pixels):
    data = io.BytesIO()
    Image.fromarray(pixels).save(data, "PNG")
    return data.getvalue()


@pytest.fixture(scope="module")
def client():
    with served(built_in=True) as place, httpx.Client(base_url=place.url, timeout=60) as client:
        yield client


def asked(client, task, options, accept="application/json"):
    files, data = {"file": ("p.png", png(PIXELS))}, {"options": json.dumps(options)}
    return client.post(f"/v1/{task}", files=files, data=data, headers={"Accept": accept})


def test_a_larger_picture_comes_in_json(client):
    answer = asked(client, "upscale", {"factor": 3})
    assert answer.status_code == 200, answer.text
    assert result_from_dict(answer.json()).pixels().shape == (180, 240, 3)


def test_whoever_wants_a_picture_gets_the_picture_itself(client):
    answer = asked(client, "upscale", {"factor": 2}, "image/png")
    assert Image.open(io.BytesIO(answer.content)).size == (160, 120)


def test_a_mask_is_a_data_address(client):
    mask = "data:image/png;base64," + base64.b64encode(png(HOLE)).decode()
    made = result_from_dict(asked(client, "inpaint", {"mask": mask}).json())
    np.testing.assert_array_equal(made.pixels()[HOLE == 0], PIXELS[HOLE == 0])
    assert made.changed == pytest.approx(200 / 4800, abs=1e-4)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"mask": "/etc/passwd"}, "mask must be as described, got '"),
        ({"mask": "data:image/png;base64,AAAA"}, "picture"),
        ({"box": [900, 10, 950, 20]}, "box must overlap the 80 x 60 picture"),
        ({}, "what is filled must be said"),
    ],
)
def test_what_cannot_be_filled_is_a_client_error(client, options, words):
    answer = asked(client, "inpaint", options)
    assert 400 <= answer.status_code < 500
    assert words in answer.json()["detail"]


def test_too_large_a_picture_is_refused(client):
    answer = asked(client, "upscale", {"factor": 4, "max_output": 1000})
    assert 400 <= answer.status_code < 500
    assert "must have at most 1,000 pixels" in answer.json()["detail"]
