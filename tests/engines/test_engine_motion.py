"""The built-in `motion`: what it says of clips whose motion is known. Thresholds were measured on 22 photographs."""

import numpy as np
import pytest
from PIL import Image

from pixwise.engines.motion import KINDS, Motion
from pixwise.samples import photo_like

STEPS = 5


def small(frame):
    return np.asarray(Image.fromarray(frame).resize((160, 120), Image.Resampling.BOX))


def noisy(frame, deviation, seed):
    noise = np.random.default_rng(seed).normal(0, deviation, frame.shape)
    return np.clip(frame + noise, 0, 255).astype(np.uint8)


def still(photo):
    return [noisy(photo, 8, seed) for seed in range(STEPS + 1)]


def something_moves(photo):
    thing, frames = np.asarray(Image.fromarray(photo_like(480, 640, 99)).resize((128, 96))), still(photo)
    for t, frame in enumerate(frames):
        frame[200:296, 60 + 30 * t : 188 + 30 * t] = thing
    return frames


def the_camera_pans(photo):
    return [photo[:, 8 * t : 560 + 8 * t] for t in range(STEPS + 1)]


def the_camera_zooms(photo):
    image, frames = Image.fromarray(photo), []
    for t in range(STEPS + 1):
        frames.append(np.asarray(image.crop((8 * t, 6 * t, 640 - 8 * t, 480 - 6 * t)).resize((640, 480))))
    return frames


def cut(photo):
    return [photo if t % 2 else photo_like(480, 640, 200 + t) for t in range(STEPS + 1)]


CLIPS = {still: "still", something_moves: "something moves", the_camera_pans: "the camera moves",
         the_camera_zooms: "the camera moves", cut: "cut"}  # fmt: skip


@pytest.mark.parametrize("seed", [1, 2, 3])
@pytest.mark.parametrize("make", CLIPS, ids=lambda make: make.__name__)
def test_most_steps_are_what_they_were_made_as(make, seed):
    shares = Motion()(np.stack([small(frame) for frame in make(photo_like(480, 640, seed))]))["shares"]
    assert shares[KINDS.index(CLIPS[make])] >= 0.8
    assert shares.sum() == pytest.approx(1)


def test_a_thing_on_plain_ground_moves_and_the_camera_does_not():
    frames = np.full((6, 120, 160, 3), 255, np.uint8)
    for t, frame in enumerate(frames):
        frame[40:80, 10 + 8 * t : 50 + 8 * t] = (200, 30, 30)
    assert Motion()(frames)["shares"].tolist() == [0, 1, 0, 0]


@pytest.mark.parametrize("level", [0, 120, 255])
def test_a_flat_clip_is_still_and_one_frame_is_too(level):
    flat = np.full((4, 120, 160, 3), level, np.uint8)
    assert Motion()(flat)["shares"].tolist() == [1, 0, 0, 0]
    assert Motion()(flat[:1])["shares"].tolist() == [1, 0, 0, 0]


def test_shares_tell_how_many_steps_are_of_a_kind():
    photo = photo_like(480, 640, 1)
    frames = [photo, photo, photo, photo_like(480, 640, 7), photo_like(480, 640, 7)]
    assert Motion()(np.stack([small(frame) for frame in frames]))["shares"].tolist() == [0.75, 0, 0, 0.25]


@pytest.mark.assets
def test_photographs_that_are_shifted_and_exchanged_are_told_apart(assets):
    photos = [np.asarray(Image.open(path).convert("RGB").resize((640, 480))) for path in assets.glob("data/pets/*.jpg")]
    for photo, other in zip(photos, photos[1:] + photos[:1], strict=True):
        panned = np.stack([small(frame) for frame in the_camera_pans(photo)])
        assert Motion()(panned)["shares"][2] >= 0.8
        assert Motion()(np.stack([small(photo), small(other)]))["shares"][3] == 1
