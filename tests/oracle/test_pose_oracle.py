"""Keypoints against `transformers`: the same weights, its PIL processor, its torch model, its own way back.

Tolerances: tensors within 1e-5 (two divisions in another order; the crops are the same bytes), scores within 1e-4,
keypoints within 0.01 px, all but a few: where a heat map is nearly flat, a step to its top divides by almost nothing,
the reference does so in 32 bits, and its top may lie far outside the map, where ours stays in the cell. Those are few.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from oracle import posers, tiny
from PIL import Image
from transformers.models.vitpose.image_processing_pil_vitpose import VitPoseImageProcessorPil

from pixwise import crops, heatmaps
from pixwise.picture import Picture
from pixwise.tasks import pose
from pixwise.tasks.pose import PoseEstimator

pytestmark = pytest.mark.oracle

SIZES = ((241, 321), (401, 181), (195, 263))
PEOPLE = (  # boxes of each picture: inside, partly outside, tiny, the whole picture, an odd fraction
    ((20, 30, 120, 221), (-40, -20, 90, 180), (300, 200, 303, 204)),
    ((0, 0, 181, 401),),
    ((150.25, 20.5, 262.75, 190.125), (200, 100, 300, 250), (5, 5, 6, 60), (10, 150, 250, 160)),
)
PROCESSOR = VitPoseImageProcessorPil(size={"height": posers.SIZE_HW[0], "width": posers.SIZE_HW[1]})


def coco(boxes):
    return [[x1, y1, x2 - x1, y2 - y1] for x1, y1, x2, y2 in boxes]


class Case:
    """A model saved to a folder, and what the reference says of the people."""

    def __init__(self, name: str, folder: Path):
        self.name, self.model = name, posers.make(name)
        self.folder = posers.save(name, folder / name, self.model)
        self.pictures = [tiny.jpeg(*size, seed=41 + i) for i, size in enumerate(SIZES)]
        self.pose = PoseEstimator.load(str(self.folder), threads=1, min_keypoint_score=0.0, box=[(0, 0, 1, 1)])
        self.wanted = [self.reference(data, boxes) for data, boxes in zip(self.pictures, PEOPLE, strict=True)]

    def reference(self, data: bytes, boxes, dataset: int = 0):
        """Pixel values; keypoints (R, K, 2) and scores (R, K)."""
        image = Image.fromarray(Picture.open(data).pixels())  # with its colour profile, and grey ones as RGB
        pixels = PROCESSOR(image, boxes=[coco(boxes)], return_tensors="pt").pixel_values
        asked = {"dataset_index": torch.full((len(boxes),), dataset)} if self.name == "plus" else {}
        with torch.no_grad():
            answer = self.model(pixels, **asked)
        people = PROCESSOR.post_process_pose_estimation(answer, boxes=[coco(boxes)])[0]
        return pixels.numpy(), *(np.stack([each[key].numpy() for each in people]) for key in ("keypoints", "scores"))

    def asked(self, index: int, **options):
        return replace(self.pose, box=PEOPLE[index], **options)(self.pictures[index])

    def away(self, answer, index: int) -> np.ndarray:
        """Distance from the reference's of each keypoint that was seen, px."""
        _, points, scores = self.wanted[index]
        return np.hypot(*(answer.keypoints - points)[scores > 1e-3].T)


@pytest.fixture(scope="module")
def cases(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Case]:
    return tiny.made_once(Case, tmp_path_factory)


@pytest.mark.parametrize("index", range(len(SIZES)))
def test_crops_are_the_references(cases, index):
    case = cases("simple")
    task = replace(case.pose, box=PEOPLE[index])
    picture = Picture.open(case.pictures[index])
    feeds, _ = task.preprocess(picture, **task.answers_needed(picture))
    np.testing.assert_allclose(feeds["pixel_values"], case.wanted[index][0], atol=1e-5, rtol=0)


@pytest.mark.parametrize("index", range(len(SIZES)))
@pytest.mark.parametrize("name", posers.KEYPOINTS)
def test_keypoints_and_scores_are_the_references(cases, name, index):
    case = cases(name)
    answer, away = case.asked(index), case.away(case.asked(index), index)
    np.testing.assert_allclose(answer.keypoint_scores, np.maximum(case.wanted[index][2], 0), atol=1e-4)
    assert len(away) > 0.7 * answer.keypoint_scores.size
    assert (away < 0.01).mean() > 0.93


def test_people_of_many_pictures_are_one_batch(cases):
    case = cases("simple")
    seen = []
    task = replace(
        case.pose, box=((5, 5, 100, 170), (30, 2, 170, 190)), batch=3, session=Counting(case.pose.session, seen)
    )
    answers = task(case.pictures)
    assert seen == [6]
    for data, answer in zip(case.pictures, answers, strict=True):
        _, points, scores = case.reference(data, task.box)
        close = np.hypot(*(answer.keypoints - points)[scores > 1e-3].T) < 0.01
        assert close.mean() > 0.95


class Counting:
    def __init__(self, session, seen):
        self.session, self.seen = session, seen

    def __getattr__(self, name):
        return getattr(self.session, name)

    def run(self, feeds, part="model"):
        self.seen.append(len(feeds["pixel_values"]))
        return self.session.run(feeds, part)


def test_each_of_the_experts_answers_as_the_references(cases):
    case = cases("plus")
    told = []
    for dataset in range(3):
        _, points, scores = case.reference(case.pictures[0], PEOPLE[0], dataset)
        answer = case.asked(0, dataset=dataset)
        assert (np.hypot(*(answer.keypoints - points)[scores > 1e-3].T) < 0.01).mean() > 0.9
        told.append(answer.keypoint_scores)
    assert np.abs(told[0] - told[1]).max() > 0.01


@pytest.mark.parametrize("fault", ["half a pixel", "no DARK", "another margin", "channels", "no UDP"])
def test_a_planted_fault_is_seen(cases, fault, monkeypatch):
    case, task = cases("simple"), cases("simple").pose
    if fault == "half a pixel":
        cut = crops.crop_frame
        monkeypatch.setattr(pose, "crop_frame", lambda pixels, centre, size, hw: cut(pixels, centre + 0.5, size, hw))
    elif fault == "no DARK":
        monkeypatch.setattr(pose, "peaks", lambda maps: heatmaps.peaks(maps, refine=False))
    elif fault == "another margin":
        monkeypatch.setattr(pose, "frames_around", lambda boxes, hw: crops.frames_around(boxes, hw, 1.2))
    elif fault == "no UDP":
        monkeypatch.setattr(
            pose, "from_frames", lambda points, frames, hw: crops.from_frames(points, frames, (hw[0] + 1, hw[1] + 1))
        )
    else:
        task = replace(task, card=replace(task.card, recipe=replace(task.card.recipe, channels="BGR")))
    away = case.away(replace(task, box=PEOPLE[0])(case.pictures[0]), 0)
    assert (away < 0.01).mean() < 0.9


@pytest.mark.assets
def test_people_of_real_pictures_are_the_references(cases, assets):
    """All people of 24 pictures of COCO, by their true boxes, those at the border moved half out of the picture."""
    case, folder = cases("simple"), assets / "data" / "coco"
    truth = json.loads((folder / "instances.json").read_text())
    away = []
    for image in truth["images"]:
        found = [
            each["bbox"] for each in truth["annotations"] if (each["image_id"], each["category_id"]) == (image["id"], 0)
        ]
        boxes = [(x - w / 2 if x < 9 else x, y, x + w, y + h) for x, y, w, h in found]
        if boxes:
            data = (folder / "images" / image["file_name"]).read_bytes()
            _, points, scores = case.reference(data, boxes)
            answer = replace(case.pose, box=boxes)(data)
            np.testing.assert_allclose(answer.keypoint_scores, np.maximum(scores, 0), atol=1e-4)
            away.append(np.hypot(*(answer.keypoints - points)[scores > 1e-3].T))
    assert sum(map(len, away)) > 400
    assert (np.concatenate(away) < 0.01).mean() > 0.93
