"""GrabCut from points, boxes and masks, on a drawn scene with known shapes and on the pets of the assets."""

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import pixwise as px

SCENE = Path(__file__).resolve().parents[2] / "examples" / "scene.png"


def like(colour):
    """Where the scene has a colour."""
    pixels = np.asarray(Image.open(SCENE).convert("RGB")).astype(int)
    return np.abs(pixels - colour).sum(axis=2) < 30


def iou(mask, truth):
    found = mask.open()
    return (found & truth).sum() / (found | truth).sum()


RED, GREEN = like((204, 51, 46)), like((46, 125, 79))


@pytest.mark.parametrize(
    ("prompt", "truth", "least"),
    [
        ({"box": (80, 375, 260, 525)}, RED, 0.97),
        ({"box": (345, 320, 515, 510)}, GREEN, 0.7),
        ({"points": (170, 450)}, RED, 0.97),
        ({"points": (430, 440)}, GREEN, 0.94),
        ({"box": (345, 320, 515, 510), "points": (430, 440)}, GREEN, 0.7),
    ],
)
def test_what_differs_in_colour_is_cut_out(prompt, truth, least):
    assert iou(px.segment(SCENE, model="grabcut", **prompt)[0].mask, truth) > least


def test_a_point_that_is_not_on_it_takes_a_part_away():
    box = (80, 320, 515, 525)
    both = px.segment(SCENE, model="grabcut", box=box, points=[(170, 450), (430, 440)])[0].mask
    one = px.segment(SCENE, model="grabcut", box=box, points=[(170, 450), (430, 440)], labels=[1, 0])[0].mask
    assert both.open()[440, 430]
    assert one.open()[450, 170]
    assert not one.open()[440, 430]


def test_a_mask_is_bettered():
    rough = np.zeros(GREEN.shape, bool)
    rough[350:500, 390:470] = True
    assert iou(px.segment(SCENE, model="grabcut", mask=rough)[0].mask, GREEN) > 0.95


def test_several_boxes_are_several_objects():
    answer = px.segment(SCENE, model="grabcut", box=[(80, 375, 260, 525), (345, 320, 515, 510)])
    assert answer.objects.tolist() == [0, 1]
    assert min(iou(answer[0].mask, RED), iou(answer[1].mask, GREEN)) > 0.7


@pytest.mark.parametrize("size", [(1, 1), (1, 9), (9, 1), (20000, 10)])
def test_pictures_of_one_colour_have_nothing_to_cut_out(size):
    assert len(px.segment(np.full((*size, 3), 90, np.uint8), model="grabcut")) == 0


def test_the_same_prompt_gives_the_same_mask():
    answers = [px.segment(SCENE, model="grabcut", points=(430, 440)) for _ in range(2)]
    assert answers[0] == answers[1]


@pytest.mark.assets
def test_pets_in_boxes_are_cut_out_better_than_by_the_boxes(assets):
    """Kept from falling: 0.70 with GrabCut, 0.52 with the boxes alone."""
    overlaps = []
    for pet in json.loads((assets / "data" / "pets" / "corpus.json").read_text()):
        x, y, width, height = pet["prompt_box"]
        picture, truth = (assets / "data" / "pets" / pet[name] for name in ("file", "mask_file"))
        answer = px.segment(picture, model="grabcut", box=(x, y, x + width, y + height))
        overlaps.append(iou(answer[0].mask, np.asarray(Image.open(truth).convert("L")) > 0))
    assert np.mean(overlaps) > 0.68
    assert min(overlaps) > 0.45


@pytest.mark.assets
def test_pets_at_points_are_cut_out(assets):
    """Kept from falling: 0.65."""
    overlaps = []
    for pet in json.loads((assets / "data" / "pets" / "corpus.json").read_text()):
        picture, truth = (assets / "data" / "pets" / pet[name] for name in ("file", "mask_file"))
        answer = px.segment(picture, model="grabcut", point=pet["prompt_point"])
        overlaps.append(iou(answer[0].mask, np.asarray(Image.open(truth).convert("L")) > 0))
    assert np.mean(overlaps) > 0.6
