"""Average precision: against pycocotools, for poses and boxes; files, and what is refused."""

import contextlib
import io
import json

import numpy as np
import pytest
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from pixwise.errors import DataError, OptionError, SourceError
from pixwise.evaluate.coco_things import compare_boxes, compare_poses, read_found, read_truth
from pixwise.evaluate.precision import average_precision

KINDS = [{"id": 1, "name": "person"}, {"id": 5, "name": "dog"}]


def made(seed, pictures=12, kinds=KINDS):
    """Poses and boxes of all sizes, crowds, some without points; and what was found: moved, missed, doubled."""
    random = np.random.default_rng(seed)
    truth, found = [], []
    for image in range(1, pictures + 1):
        for _ in range(random.integers(0, 7)):
            side, at = random.choice([20, 60, 200]) * random.uniform(0.7, 1.3, 2), random.uniform(0, 400, 2)
            points = at + random.random((17, 2)) * side
            marked = (random.random((17, 1)) < 0.7) * (random.random() < 0.85) * random.integers(1, 3, (17, 1))
            kind = int(random.choice([each["id"] for each in kinds]))
            row = {"image_id": image, "category_id": kind, "bbox": [*at.tolist(), *side.tolist()]}
            crowd = int(random.random() < 0.1)
            truth.append({
                **row, "id": len(truth) + 1, "area": float(side.prod() * 0.7), "iscrowd": crowd,
                "keypoints": np.hstack([points * (marked > 0), marked]).ravel().tolist(),
                "num_keypoints": int((marked > 0).sum()),
            })  # fmt: skip
            for _ in range(random.choice([0, 1, 1, 1, 2])):
                near = points + random.normal(0, 0.06, (17, 2)) * side * random.choice([0.2, 1, 3])
                box = np.concatenate([at, side]) + random.normal(0, 0.08, 4) * side.mean()
                score = round(float(random.random()), 1)  # many are equal
                found.append({
                    **row, "score": score, "bbox": np.maximum(box, 1).tolist(),
                    "keypoints": np.hstack([near, np.ones((17, 1))]).ravel().tolist(),
                })  # fmt: skip
    images = [
        {"id": image, "file_name": f"{image}.jpg", "width": 640, "height": 480} for image in range(1, pictures + 1)
    ]
    return {"images": images, "annotations": truth, "categories": kinds}, found


def of_pycocotools(truth, found, kind):
    """COCOeval's own table."""
    rows = [{key: value for key, value in row.items() if kind == "keypoints" or key != "keypoints"} for row in found]
    with contextlib.redirect_stdout(io.StringIO()):
        known = COCO()
        known.dataset = json.loads(json.dumps(truth))
        known.createIndex()
        measured = COCOeval(known, known.loadRes(rows), kind)
        measured.evaluate()
        measured.accumulate()
        measured.summarize()
    return measured.stats


@pytest.mark.oracle
@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("kinds", [KINDS[:1], KINDS], ids=["person", "two kinds"])
def test_keypoint_ap_is_that_of_pycocotools(seed, kinds):
    truth, found = made(seed, kinds=kinds)
    if seed % 2:  # a size that is told counts, else the points' own
        found = [{key: value for key, value in row.items() if key != "bbox"} for row in found]
    stats = of_pycocotools(truth, found, "keypoints")
    categories = compare_poses(truth, found)
    whole, medium, large = (average_precision(categories, size, 20) for size in ("all", "medium", "large"))
    ours = [*whole[:3], medium.ap, large.ap, *whole[3:], medium.ar, large.ar]
    np.testing.assert_allclose(ours, stats, atol=1e-9)
    assert 0.05 < stats[0] < 0.95


@pytest.mark.oracle
@pytest.mark.parametrize("seed", range(4))
def test_box_ap_is_that_of_pycocotools(seed):
    truth, found = made(seed)
    stats = of_pycocotools(truth, found, "bbox")
    categories = compare_boxes(truth, found)
    by_size = [average_precision(categories, size) for size in ("all", "small", "medium", "large")]
    ours = [*by_size[0][:3], *(each.ap for each in by_size[1:])]
    np.testing.assert_allclose(ours, stats[:6], atol=1e-9)
    np.testing.assert_allclose([each.ar for each in by_size], stats[8:], atol=1e-9)


@pytest.mark.oracle
def test_only_the_surest_of_a_picture_count():
    truth, found = made(0, pictures=2, kinds=KINDS[:1])
    crowd = [{**row, "score": row["score"] + shift} for shift in (0, 0.01, 0.02, 0.03, 0.04) for row in found] * 2
    stats = of_pycocotools(truth, crowd, "keypoints")
    assert average_precision(compare_poses(truth, crowd), most=20).ap == pytest.approx(stats[0], abs=1e-9)
    assert average_precision(compare_poses(truth, crowd), most=100).ap != pytest.approx(stats[0], abs=1e-4)


@pytest.mark.oracle
def test_of_two_that_are_as_similar_the_last_is_taken():
    row = {"image_id": 1, "category_id": 1, "iscrowd": 0}
    truth = {
        "images": [{"id": 1}],
        "categories": KINDS[:1],
        "annotations": [{**row, "id": 1 + x, "area": 100, "bbox": [x, 0, 10, 10]} for x in (2, 4)],
    }
    found = [{**row, "bbox": [x, 0, 10, 10], "score": score} for x, score in ((3, 0.9), (0, 0.8))]
    ours = average_precision(compare_boxes(truth, found))
    assert ours.ap50 == of_pycocotools(truth, found, "bbox")[1] == pytest.approx(1)  # the other is left for the second


def test_a_shifted_box_is_seen():
    truth, found = made(0)
    moved = [{**row, "bbox": [row["bbox"][0] + 0.5, *row["bbox"][1:]]} for row in found]
    assert average_precision(compare_boxes(truth, moved)).ap != average_precision(compare_boxes(truth, found)).ap


def test_the_truth_itself_is_found_whole():
    truth, _ = made(1)
    rows = [{**row, "score": 1.0} for row in truth["annotations"] if not row["iscrowd"]]
    assert average_precision(compare_boxes(truth, rows))[:] == pytest.approx([1] * 6)
    marked = [row for row in rows if row["num_keypoints"]]
    assert average_precision(compare_poses(truth, marked))[:] == pytest.approx([1] * 6)


def test_nothing_found_is_nothing_and_nothing_there_has_no_ap():
    truth, found = made(1)
    assert average_precision(compare_boxes(truth, []))[:] == (0,) * 6
    assert np.isnan(average_precision(compare_boxes({**truth, "annotations": []}, found))).all()


def written(folder, name, document):
    path = folder / name
    path.write_text(json.dumps(document))
    return path


def test_files_are_read(tmp_path):
    truth, found = made(2)
    known = read_truth(written(tmp_path, "truth.json", truth), "keypoints")
    assert (known, read_found(written(tmp_path, "found.json", found), "keypoints", known)) == (truth, found)


@pytest.mark.parametrize(
    ("document", "said"),
    [
        ({"images": []}, "truth.json: must be a COCO file with the lists images, annotations, categories"),
        ([], "must be a COCO file"),
        ({"images": [], "categories": [], "annotations": [{"image_id": 1, "category_id": 1, "bbox": []}]},
         "entry 0: must have 'keypoints', a list of numbers, got None"),
        ({"images": [{"name": 1}], "categories": [], "annotations": []}, "entry 0: must have 'id', a number, got None"),
    ],
)  # fmt: skip
def test_a_truth_that_is_none_is_told(tmp_path, document, said):
    with pytest.raises(DataError, match=said):
        read_truth(written(tmp_path, "truth.json", document), "keypoints")


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"image_id": 77}, "image_id must be one of the truth's images, got 77; check the ids"),
        ({"category_id": 8}, "category_id must be one of the truth's categories, got 8"),
        ({"score": "high"}, "entry 0: must have 'score', a number, got 'high'"),
        ({"keypoints": None}, "entry 0: must have 'keypoints', a list of numbers, got None"),
    ],
)
def test_results_that_do_not_go_with_the_truth_are_told(tmp_path, change, said):
    truth, found = made(2)
    with pytest.raises(DataError, match=f"found.json.*{said}"):
        read_found(written(tmp_path, "found.json", [found[0] | change]), "keypoints", truth)


def test_files_that_are_no_json_are_told(tmp_path):
    (tmp_path / "cut.json").write_text('{"images": [')
    for name, why in (("cut.json", "Expecting value"), ("none.json", "No such file")):
        with pytest.raises(SourceError, match=rf"{name}: expected a COCO file of the truth as JSON, got {why}"):
            read_truth(tmp_path / name, "bbox")


def test_entries_of_wrong_lengths_are_told():
    truth, found = made(2)
    with pytest.raises(OptionError, match="sigmas must be one per point, got 5 for poses of 17; give theirs"):
        compare_poses(truth, found, [0.1] * 5)
    with pytest.raises(DataError, match=r"bbox must be 4 numbers, got \[1, 2\]"):
        compare_boxes(truth, [found[0] | {"bbox": [1, 2]}])
