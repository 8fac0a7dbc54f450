"""What stands out from the border: things on plain grounds, their shadows, and grounds with nothing on them."""

import cv2
import numpy as np
import pytest
from PIL import Image, ImageDraw

from pixwise.engines.cutout import SalientCut, border_distance, grab_cut
from pixwise.samples import photo_like

HEIGHT, WIDTH = 240, 320
Y, X = np.mgrid[:HEIGHT, :WIDTH]
ONES = np.ones((HEIGHT, WIDTH, 3))
GROUNDS = {
    "white": 250 * ONES,
    "black": 12 * ONES,
    "vignette": (235 - 90 * np.hypot((Y - 120) / HEIGHT, (X - 160) / WIDTH)[..., None] ** 2) * ONES,
    "sky": np.array([120, 160, 200]) + (Y / HEIGHT)[..., None] * np.array([110, 70, 30]),
    "table": np.where((Y > 150)[..., None], np.array([150.0, 110, 80]), np.array([225.0, 225, 220])),
    "wood": np.array([160, 120, 80]) + (12 * np.sin(Y / 5 + 3 * np.sin(X / 40)))[..., None],
}


def shape(kind):
    """(H, W) 0 to 1 with a smooth edge."""
    image = Image.new("L", (2 * WIDTH, 2 * HEIGHT))
    pen = ImageDraw.Draw(image)
    if kind == "vase":
        pen.ellipse((250, 160, 390, 400), fill=255)
        pen.rectangle((295, 80, 345, 190), fill=255)
    else:
        pen.ellipse((200, 120, 440, 360), fill=255)
        pen.ellipse((255, 175, 385, 305), fill=0)
    return np.asarray(image.resize((WIDTH, HEIGHT), Image.Resampling.LANCZOS)) / 255


def shot(ground, kind, colour=(190, 60, 50), shadow=0.3):
    """A product shot: a thing, its soft shadow on the ground, grain."""
    thing = shape(kind)
    dark = cv2.GaussianBlur(np.roll(thing, (12, 8), (0, 1)), (0, 0), 8) * shadow
    behind = GROUNDS[ground] * (1 - dark[..., None])
    front = np.array(colour) * (0.85 + 0.3 * (X / WIDTH)[..., None])
    grain = np.random.default_rng(0).normal(0, 2, (HEIGHT, WIDTH, 3))
    return np.clip(thing[..., None] * front + (1 - thing[..., None]) * behind + grain, 0, 255).astype(np.uint8)


def overlap(a, b):
    return (a & b).sum() / (a | b).sum()


@pytest.fixture(scope="module")
def engine():
    return SalientCut()


@pytest.mark.parametrize("kind", ["vase", "ring"])
@pytest.mark.parametrize("ground", GROUNDS)
def test_a_thing_on_a_plain_ground_is_cut_out_without_its_shadow(engine, ground, kind):
    found = engine(shot(ground, kind))["alpha"] > 127
    assert overlap(found, shape(kind) > 0.5) > 0.95


def test_a_grey_thing_on_white_is_told_from_its_shadow(engine):
    found = engine(shot("white", "vase", (150, 150, 150)))["alpha"] > 127
    assert overlap(found, shape("vase") > 0.5) > 0.9


def test_a_shadow_is_known_by_its_soft_edge():
    pixels = shot("white", "vase", (120, 120, 120), shadow=0.25)
    distance, shadow = border_distance(cv2, pixels)
    beside = (shape("vase") == 0) & (distance > 11)
    assert beside.sum() > 300
    assert shadow[beside].mean() > 0.7
    assert shadow[shape("vase") == 1].mean() < 0.05


@pytest.mark.parametrize("grain", [0, 6, 16])
@pytest.mark.parametrize("ground", GROUNDS)
def test_a_ground_with_nothing_on_it_is_empty(engine, ground, grain):
    noise = np.random.default_rng(0).normal(0, grain, (HEIGHT, WIDTH, 3))
    assert not engine(np.clip(GROUNDS[ground] + noise, 0, 255).astype(np.uint8))["alpha"].any()


def test_a_subject_that_the_edge_of_the_picture_cuts_off_is_no_ground(engine):
    pixels = shot("white", "vase")
    pixels[150:, 100:200] = photo_like(90, 100) // 2
    assert (engine(pixels)["alpha"][200:, 110:190] > 127).mean() > 0.95


def test_dirt_is_no_subject(engine):
    pixels = np.array(shot("white", "vase"))
    pixels[:] = 240
    pixels[50:53, 60:63] = 0
    assert not engine(pixels)["alpha"].any()


def test_the_edge_has_no_stairs(engine):
    alpha = engine(shot("white", "vase"))["alpha"]
    assert len(np.unique(alpha)) > 20


@pytest.mark.parametrize("size", [(1, 1), (2, 300), (300, 2), (5, 5)], ids=str)
def test_small_pictures_are_answered(engine, size):
    assert engine(np.full((*size, 3), 90, np.uint8))["alpha"].shape == size


def test_grabcut_gives_the_same_answer_whatever_was_drawn_at_random_before():
    pixels, seeds = photo_like(120, 160, 2), np.full((120, 160), cv2.GC_PR_BGD, np.uint8)
    seeds[30:90, 40:120], seeds[:5] = cv2.GC_PR_FGD, cv2.GC_BGD
    found = []
    for seed in range(4):  # two of them would give an answer of their own
        cv2.setRNGSeed(seed)
        found.append(grab_cut(cv2, pixels, seeds, 2))
    assert all((cut == found[0]).all() for cut in found)


@pytest.mark.assets
def test_cats_and_dogs_are_cut_out_of_pink(engine, assets):
    pixels = np.asarray(Image.open(assets / "data/photos/cats_and_dogs.jpg").resize((448, 224)))
    alpha = engine(pixels)["alpha"]
    pink = np.array([250, 180, 200])
    assert 0.28 < (alpha > 127).mean() < 0.34
    assert (
        np.linalg.norm(pixels[alpha > 250] - pink, axis=1).mean()
        > 2 * np.linalg.norm(pixels[alpha == 0] - pink, axis=1).mean()
    )
