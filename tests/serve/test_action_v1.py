"""Clips over HTTP: an animation, a form with many files, a list of frames in JSON; and the client that sends them."""

import base64
import io

import httpx
import numpy as np
import pytest
from PIL import Image
from running_service import served

from pixwise.errors import PixwiseError, SourceError
from pixwise.results import Actions, result_from_dict
from pixwise.samples import photo_like
from pixwise.serve.client import Client

WIDE = photo_like(120, 300, 3)
FRAMES = [WIDE[:, 6 * t : 160 + 6 * t] for t in range(20)]  # a camera that pans


def png(frame):
    kept = io.BytesIO()
    Image.fromarray(frame).save(kept, "PNG")
    return kept.getvalue()


def animation():
    images, kept = [Image.fromarray(frame) for frame in FRAMES], io.BytesIO()
    images[0].save(kept, "WEBP", save_all=True, append_images=images[1:], lossless=True)
    return kept.getvalue()


FILES = [png(frame) for frame in FRAMES]
URIS = ["data:image/png;base64," + base64.b64encode(data).decode() for data in FILES]


@pytest.fixture(scope="module")
def url():
    with served(built_in=True) as place:
        yield place.url


@pytest.fixture
def http(url):
    with httpx.Client(base_url=url, timeout=60) as client:
        yield client


def checked(answer, count=20):
    assert answer.status_code == 200, answer.text
    found = result_from_dict(answer.json())
    assert found.count == count
    assert found.labels[0] == "the camera moves"
    return found


def test_a_form_with_many_files_is_a_clip(http):
    answer = http.post("/v1/action", files=[("file", (f"f{i}.png", data)) for i, data in enumerate(FILES)])
    assert checked(answer).image.source == "f0.png and 19 more"


def test_an_animation_is_a_clip(http):
    checked(http.post("/v1/action", files={"file": ("pan.webp", animation())}))
    checked(http.post("/v1/action?stride=1", content=animation(), headers={"Content-Type": "image/webp"}))


def test_frames_in_json_are_a_clip(http):
    found = checked(http.post("/v1/action", json={"frames": URIS, "options": {"frames": 10}}))
    assert found.frames.tolist() == list(range(0, 20, 2))


def test_the_drawn_picture_shows_the_frames_below_the_first(http):
    answer = http.post("/v1/action", json={"frames": URIS}, headers={"Accept": "image/png"})
    with Image.open(io.BytesIO(answer.content)) as drawn:
        assert (drawn.width, drawn.height > 120) == (160, True)


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ({"frames": []}, "frames must be a list of 1 to 256 pictures, got 0"),
        ({"frames": URIS[:1] * 257}, "frames must be a list of 1 to 256 pictures, got 257"),
        ({"frames": URIS[0]}, "frames must be a list of 1 to 256 pictures, got str"),
        ({"frames": URIS, "image": URIS[0]}, "keys of the body must be known, got 'image'"),
    ],
    ids=lambda value: str(value)[:30],
)
def test_what_is_no_clip_is_told(http, body, words):
    answer = http.post("/v1/action", json=body)
    assert (answer.status_code, words in answer.json()["detail"]) == (422, True), answer.text


def test_a_broken_frame_is_named(http):
    answer = http.post("/v1/action", json={"frames": [URIS[0], "data:image/png;base64,AAAA"]})
    assert (answer.status_code, "frame 1 of the clip: " in answer.json()["detail"]) == (415, True), answer.text


def test_only_clips_take_many_files(http):
    answer = http.post("/v1/quality", files=[("file", ("a.png", FILES[0])), ("file", ("b.png", FILES[1]))])
    assert (answer.status_code, "form must have one file, got 2" in answer.json()["detail"]) == (400, True)
    assert http.post("/v1/quality", json={"frames": URIS}).status_code == 422


def test_the_description_tells_both_forms(http):
    body = http.get("/openapi.json").json()["paths"]["/v1/action"]["post"]["requestBody"]["content"]
    told = body["application/json"]["schema"]
    assert told["oneOf"] == [{"required": ["image"]}, {"required": ["frames"]}]
    assert told["properties"]["frames"]["maxItems"] == 256
    assert body["multipart/form-data"]["schema"]["properties"]["file"]["type"] == "array"


def test_the_client_sends_clips_as_the_library_takes_them(url, tmp_path):
    for number, data in enumerate(FILES):
        (tmp_path / f"f{number}.png").write_bytes(data)
    with Client(url) as client:
        for clip in (FRAMES, np.stack(FRAMES), tmp_path, animation()):
            assert client.action(clip).count == 20
        answers = client.action([FRAMES, [b"no picture"], FRAMES[:3]], on_error="return")
        assert isinstance(answers[0], Actions)
        assert isinstance(answers[1], PixwiseError)
        assert answers[2].count == 3
        (tmp_path / "empty").mkdir()
        with pytest.raises(SourceError, match="got no picture in it"):
            client.action(tmp_path / "empty")
