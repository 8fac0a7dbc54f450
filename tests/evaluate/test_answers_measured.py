"""Answers of ours beside a truth in COCO's form: by the names of pictures and classes."""

import json

import numpy as np
import pytest
from evaluate.test_precision import made

from pixwise.answers.skeleton import Skeleton
from pixwise.errors import DataError, SourceError
from pixwise.evaluate.answers import (
    boxes_of,
    coco_categories,
    image_ids,
    of_pictures,
    paired_answers,
    panoptic_map,
    poses_of,
    read_answers,
)
from pixwise.evaluate.coco_panoptic import read_panoptic, write_panoptic
from pixwise.evaluate.panoptic import Category, PanopticMap, Segment, panoptic_quality
from pixwise.results import Detections, ImageInfo, Panoptic, Poses

KINDS = (Category(1, "person", True), Category(7, "sky", False))


def image(name, size_hw=(480, 640)):
    return ImageInfo(name, size_hw[1], size_hw[0], "")


def detections(name, rows, labels):
    boxes = np.float32([row["bbox"] for row in rows]).reshape(-1, 4)
    boxes[:, 2:] += boxes[:, :2]
    return Detections(
        image=image(name), labels=[labels[row["category_id"]] for row in rows], label_ids=[0] * len(rows),
        scores=[row["score"] for row in rows], boxes=boxes,
    )  # fmt: skip


def poses(name, points, score=1.0, sure=1.0):
    points = np.float32(points)
    return Poses(
        image=image(name), skeleton=Skeleton(tuple(map(str, range(17))), ()), scores=[score] * len(points),
        boxes=np.tile(np.float32([0, 0, 100, 200]), (len(points), 1)), keypoints=points,
        keypoint_scores=np.full(points.shape[:2], sure, np.float32),
    )  # fmt: skip


def panoptic(name, ids, labels):
    ids = np.array(ids)
    numbers = np.arange(1, len(labels) + 1)
    return Panoptic(
        image=image(name, ids.shape), ids=numbers, labels=labels, label_ids=numbers, scores=[1.0] * len(labels),
        things=[True] * len(labels), areas=[int((ids == number).sum()) for number in numbers],
        boxes=np.zeros((len(labels), 4), np.float32), map=ids,
    )  # fmt: skip


def test_answers_of_detect_are_the_rows_of_a_coco_file():
    truth, found = made(3)
    labels = {each["id"]: each["name"] for each in truth["categories"]}
    answers = [
        detections(f"photos/{name['id']}.png", [row for row in found if row["image_id"] == name["id"]], labels)
        for name in truth["images"]
    ]
    for ours, theirs in zip(boxes_of(answers, truth), found, strict=True):
        assert (ours["image_id"], ours["category_id"]) == (theirs["image_id"], theirs["category_id"])
        assert [*ours["bbox"], ours["score"]] == pytest.approx([*theirs["bbox"], theirs["score"]], abs=1e-4)


def test_answers_of_pose_are_the_rows_of_a_coco_file():
    points = np.random.default_rng(0).uniform(0, 400, (2, 17, 2))
    points[1, 3] = np.nan
    rows = poses_of([poses("3.jpg", points, score=0.5, sure=0.8)], made(0)[0])
    assert [(row["image_id"], row["category_id"]) for row in rows] == [(3, 1)] * 2
    assert [row["score"] for row in rows] == pytest.approx([0.4] * 2)
    assert np.reshape(rows[0]["keypoints"], (17, 3))[:, :2] == pytest.approx(points[0], abs=1e-4)
    assert rows[1]["keypoints"][9:12] == [50, 100, 1]  # the middle of the person


def test_an_answer_of_panoptic_is_a_map_with_the_categories_of_the_truth():
    map = panoptic_map(panoptic("a.jpg", [[1, 2], [0, 2]], ["sky", "person"]), KINDS)
    assert (map.ids.tolist(), map.segments) == ([[1, 2], [0, 2]], (Segment(1, 7), Segment(2, 1)))


def test_answers_of_panoptic_are_measured_and_written_in_cocos_form(tmp_path):
    truth = PanopticMap(np.repeat([[1] * 5 + [2] * 5], 4, axis=0), (Segment(1, 1), Segment(2, 7)))
    write_panoptic(tmp_path / "truth.json", [(3, "a.jpg", truth)], KINDS)
    answer = panoptic("photos/a.png", np.repeat([[1] * 4 + [2] * 6], 4, axis=0), ["person", "sky"])
    file = read_panoptic(tmp_path / "truth.json")
    found = panoptic_quality(paired_answers(file, [answer]), file.categories)
    assert found.all.pq == pytest.approx((0.8 + 20 / 24) / 2)
    write_panoptic(tmp_path / "found.json", [(3, "a.jpg", panoptic_map(answer, KINDS))], KINDS)
    again = read_panoptic(tmp_path / "found.json").entries[0].open()
    assert np.array_equal(again.ids, answer.id_map())


def test_answers_are_read_as_the_command_line_writes_them(tmp_path):
    answer = panoptic("a.jpg", [[1]], ["sky"])
    (tmp_path / "a.jsonl").write_text(json.dumps(answer.to_dict()) + "\n\n")
    (tmp_path / "a.json").write_text(json.dumps(answer.to_dict()))
    (tmp_path / "all.json").write_text(json.dumps([answer.to_dict()] * 2))
    assert [len(read_answers(tmp_path / name)) for name in ("a.jsonl", "a.json", "all.json")] == [1, 1, 2]
    assert of_pictures([answer], {"a"}) == ([answer], [])
    assert of_pictures([answer], {"b"}) == ([], ["a.jpg"])


@pytest.mark.parametrize(
    ("text", "error", "said"),
    [
        ('{"schema": "pixwise/error/1", "error": {"message": "no picture"}}', DataError, "got an error: .*no picture"),
        ('{"a": 1}', DataError, "entry 1: must be an answer with a schema, got"),
        ('{"schema": "pixwise/x/1"}', DataError, "entry 1: document must be an answer with a known schema"),
        ("{", SourceError, r"a\.jsonl: expected answers as JSON, got"),
    ],
)
def test_lines_that_are_no_answers_are_told(tmp_path, text, error, said):
    (tmp_path / "a.jsonl").write_text(text)
    with pytest.raises(error, match=said):
        read_answers(tmp_path / "a.jsonl")


def test_names_that_the_truth_does_not_know_are_told(tmp_path):
    truth, _ = made(0)
    with pytest.raises(DataError, match=r"x\.jpg: must be a picture of the truth, got none of this name"):
        boxes_of([detections("x.jpg", [], {})], truth)
    row = {"bbox": [1, 1, 2, 2], "score": 1, "category_id": 1}
    with pytest.raises(DataError, match=r"1\.jpg: labels must be names of the truth's categories, got 'zebra'"):
        boxes_of([detections("1.jpg", [row], {1: "zebra"})], truth)
    with pytest.raises(DataError, match=r"1\.jpg: answer must be Poses, got Detections; ask the task for it"):
        poses_of([detections("1.jpg", [], {})], truth)
    with pytest.raises(DataError, match="images: must have a file name each, got 'a' twice"):
        image_ids([{"id": 1, "file_name": "x/a.jpg"}, {"id": 2, "file_name": "y/a.png"}])


def test_a_picture_without_an_answer_is_told(tmp_path):
    truth = PanopticMap(np.ones((2, 2), int), (Segment(1, 1),))
    write_panoptic(tmp_path / "truth.json", [(3, "a.jpg", truth)], KINDS)
    with pytest.raises(DataError, match="answers: must be of each picture of the truth, got none of a; ask for it"):
        paired_answers(read_panoptic(tmp_path / "truth.json"), [])


@pytest.mark.assets
def test_cocos_categories_are_cocos(assets):
    assert coco_categories() == read_panoptic(assets / "data/coco/panoptic.json").categories
    assert (len(coco_categories()), sum(kind.thing for kind in coco_categories())) == (133, 80)
