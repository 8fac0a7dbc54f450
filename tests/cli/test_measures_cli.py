"""`pixwise eval` on files: what is printed, as JSON, and the words for broken input."""

import json

import numpy as np
import pytest
from evaluate.test_answers_measured import panoptic as answer_of
from evaluate.test_precision import made, of_pycocotools
from PIL import Image
from skimage.metrics import structural_similarity

from pixwise import registry
from pixwise.evaluate.answers import boxes_of, read_answers
from pixwise.evaluate.coco_panoptic import write_panoptic
from pixwise.evaluate.panoptic import Category, PanopticMap, Segment
from pixwise.results import ClassMap, ImageInfo
from pixwise.session import OnnxSession
from pixwise.tasks.detect import Detector

KINDS = (Category(1, "cat", True), Category(7, "sky", False))


def lines(out):
    return [" ".join(line.split()) for line in out.splitlines()]


def saved(path, values, **options):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.array(values)).save(path, **options)


@pytest.fixture
def panoptic(tmp_path):
    """A truth, and an answer whose border lies a column off: IoU 0.8 of the cat, 20/24 of the sky."""
    ids = np.repeat([[1] * 5 + [2] * 5], 4, axis=0)
    moved = np.repeat([[1] * 4 + [2] * 6], 4, axis=0)
    for name, map in (("truth", ids), ("found", moved)):
        picture = (3, "a.jpg", PanopticMap(map, (Segment(1, 1), Segment(2, 7))))
        write_panoptic(tmp_path / f"{name}.json", [picture], KINDS)
    return tmp_path


def test_panoptic_quality_is_told_for_things_and_stuff(cli, panoptic):
    code, out, err = cli("eval", "panoptic", "truth.json", "found.json", "--each")
    assert (code, err) == (0, "")
    assert lines(out) == [
        "PQ SQ RQ categories",
        "all 81.67 81.67 100.00 2",
        "things 80.00 80.00 100.00 1",
        "stuff 83.33 83.33 100.00 1",
        "category PQ SQ RQ found invented missed",
        "cat 80.00 80.00 100.00 1 0 0",
        "sky 83.33 83.33 100.00 1 0 0",
    ]
    told = json.loads(cli("eval", "panoptic", "truth.json", "found.json", "--json").out)
    assert (told["schema"], told["pictures"], told["things"]["pq"]) == ("pixwise/eval-panoptic/1", 1, 0.8)
    assert told["categories"][0]["name"] == "cat"


def test_answers_of_panoptic_are_measured_and_written_in_cocos_form(cli, panoptic):
    answer = answer_of("photos/a.png", np.repeat([[1] * 4 + [2] * 6], 4, axis=0), ["cat", "sky"])
    (panoptic / "ours.jsonl").write_text(json.dumps(answer.to_dict()))
    code, out, err = cli("eval", "panoptic", "truth.json", "ours.jsonl", "--write", "again.json")
    assert (code, err, lines(out)[1]) == (0, "", "all 81.67 81.67 100.00 2")
    assert cli("eval", "panoptic", "truth.json", "again.json").out == out
    code, _, err = cli("eval", "panoptic", "truth.json", "ours.jsonl", "--write", "again.json")
    assert (code, "again.json: expected to be written anew, got one that is there" in err) == (2, True)
    code, _, err = cli("eval", "panoptic", "truth.json", "again.json", "--write", "more.json")
    assert (code, "--write must have answers (.jsonl) to write, got again.json" in err) == (2, True)


def test_broken_panoptic_files_are_told(cli, panoptic):
    asked = ("eval", "panoptic", "truth.json", "found.json")
    code, _, err = cli("eval", "panoptic", "truth.json", "none.json")
    assert (code, "none.json: expected a COCO panoptic file as JSON, got No such file" in err) == (2, True)
    saved(panoptic / "found/a.png", np.zeros((4, 9, 3), np.uint8))
    code, _, err = cli(*asked)
    assert (code, "a.png: every segment must have pixels, got none of 1, 2; leave them out" in err) == (2, True)
    told = json.loads((panoptic / "found.json").read_text())
    told["annotations"][0]["segments_info"] = []
    (panoptic / "found.json").write_text(json.dumps(told))
    code, _, err = cli(*asked)
    assert (code, "a.png: map must be of the size of the truth, 10 x 4, got 9 x 4" in err) == (2, True)
    told["annotations"][0]["image_id"] = 8
    (panoptic / "found.json").write_text(json.dumps(told))
    assert "found: must have each picture of the truth, got none with image_id 3" in cli(*asked).err


def test_classes_of_pixels_are_counted_over_all_pictures(cli, tmp_path):
    saved(tmp_path / "truth/a.png", np.uint8([[0, 0, 1, 255]]))
    saved(tmp_path / "truth/sub/b.png", np.uint8([[1, 1]]))
    saved(tmp_path / "found/a.png", np.uint8([[0, 1, 1, 0]]))
    saved(tmp_path / "found/sub/b.png", np.uint8([[1, 1]]))
    saved(tmp_path / "found/more.png", np.uint8([[1, 1]]))
    (tmp_path / "names.txt").write_text("road\nsky\n")
    code, out, err = cli("eval", "semantic", "truth", "found", "--names", "names.txt", "--each")
    assert (code, err) == (0, "pixwise: 1 of found have no truth and are left out, more first\n")
    assert lines(out)[:4] == ["mIoU 62.50", "mean Dice 76.19", "mean class accuracy 75.00", "pixels right 80.00"]
    assert lines(out)[-1] == "sky 75.00 85.71 100.00"
    told = json.loads(cli("eval", "semantic", "truth", "found", "--json").out)
    assert [row["name"] for row in told["classes"]] == ["0", "1"]


def test_answers_of_semantic_are_taken(cli, tmp_path):
    saved(tmp_path / "photos/a.png", np.zeros((6, 8, 3), np.uint8))
    saved(tmp_path / "truth/a.png", np.uint8([[0] * 4 + [1] * 4] * 6))
    answer = ClassMap(
        image=ImageInfo("a.png", 8, 6, ""), labels=("a", "b"), label_ids=[0, 1], shares=[0.5, 0.5],
        map=np.uint8([[0] * 4 + [1] * 4] * 6),
    )  # fmt: skip
    (tmp_path / "found").mkdir()
    (tmp_path / "found/a.json").write_text(json.dumps(answer.to_dict()))
    assert lines(cli("eval", "semantic", "truth", "found").out)[0] == "mIoU 100.00"


@pytest.mark.parametrize(
    ("found", "said"),
    [
        ({"b.png": [[0]]}, "found: must have a file for each of truth, got none for 1, a first"),
        ({"a.png": [[0, 1]]}, "a: found must be of the size of the truth, 3 x 1, got 2 x 1"),
        ({"a.png": [[0, 1, 2]]}, "a: found: ids must be from 0 to 1, got 2; give as many classes"),
        (
            {"a.png": [[[0] * 3] * 3]},
            "a.png: must be a grey PNG, or one with a palette, whose values are ids, got mode RGB",
        ),
        ({}, "found: expected a file or a folder, got nothing there"),
    ],
)
def test_files_that_do_not_go_together_are_told(cli, tmp_path, found, said):
    saved(tmp_path / "truth/a.png", np.uint8([[0, 1, 1]]))
    (tmp_path / "names.txt").write_text("road\nsky\n")
    for name, values in found.items():
        saved(tmp_path / "found" / name, np.uint8(values))
    code, out, err = cli("eval", "semantic", "truth", "found", "--names", "names.txt")
    assert (code, out, said in err) == (2, "", True), err


def test_masks_are_measured_one_by_one(cli, tmp_path):
    square, half = np.zeros((50, 50), np.uint8), np.zeros((50, 50), np.uint8)
    square[10:40, 10:40], half[10:40, 10:25] = 255, 255
    for name, mask in (("a", square), ("b", half)):
        saved(tmp_path / f"truth/{name}.png", square)
        saved(tmp_path / f"found/{name}.png", mask)
    code, out, _ = cli("eval", "masks", "truth", "found", "--each")
    assert (code, lines(out)[:2], lines(out)[4][:21]) == (
        0,
        ["mean IoU 75.00", "mean Dice 83.33"],
        "a 100.00 100.00 100.0",
    )
    told = json.loads(cli("eval", "masks", "truth/b.png", "found/b.png", "--json").out)
    assert told["masks"][0]["iou"] == 0.5


def test_pictures_are_compared(cli, tmp_path, photo):
    noisy = np.clip(photo.astype(int) + np.random.default_rng(0).integers(-9, 10, photo.shape), 0, 255)
    saved(tmp_path / "truth.png", photo)
    saved(tmp_path / "found.png", noisy.astype(np.uint8))
    code, out, _ = cli("eval", "pictures", "truth.png", "found.png", "--border", 4)
    assert (code, lines(out)[0].split()[0:3]) == (0, ["mean", "PSNR,", "dB"])
    told = json.loads(cli("eval", "pictures", "truth.png", "found.png", "--window", "uniform", "--json").out)
    theirs = structural_similarity(photo, noisy.astype(np.uint8), channel_axis=2)
    assert told["mean"]["ssim"] == pytest.approx(theirs, abs=1e-6)
    code, _, err = cli("eval", "pictures", "truth.png", "found.png", "--border", 240)
    assert (code, "must be larger than twice the border, 240, got 640 x 480" in err) == (2, True)


def test_poses_and_boxes_are_measured(cli, tmp_path):
    truth, found = made(1)
    (tmp_path / "truth.json").write_text(json.dumps(truth))
    (tmp_path / "found.json").write_text(json.dumps(found))
    for verb, sizes in (("poses", 3), ("boxes", 4)):
        code, out, err = cli("eval", verb, "truth.json", "found.json")
        assert (code, err, len(lines(out)), lines(out)[0]) == (0, "", 1 + sizes, "size AP AP50 AP75 AR AR50 AR75")
        told = json.loads(cli("eval", verb, "truth.json", "found.json", "--json").out)
        assert f"{100 * told['all']['ap']:.2f}" == lines(out)[1].split()[1]


def test_broken_results_are_told(cli, tmp_path):
    truth, found = made(1)
    (tmp_path / "truth.json").write_text(json.dumps(truth))
    (tmp_path / "found.json").write_text(json.dumps([{**found[0], "image_id": 99}]))
    code, _, err = cli("eval", "boxes", "truth.json", "found.json")
    assert (code, "image_id must be one of the truth's images, got 99" in err) == (2, True)
    (tmp_path / "found.json").write_text(json.dumps(found))
    code, _, err = cli("eval", "poses", "truth.json", "found.json", "--sigma", 0.1)
    assert (code, "sigmas must be one per point, got 1 for poses of 17" in err) == (2, True)


def test_answers_of_the_command_line_go_with_the_truth_by_their_names(cli, tmp_path, pictures):
    assert cli("detect", pictures, "--model", "hog-people", "--jsonl", "-o", "found.jsonl").code == 0
    truth = {
        "images": [{"id": 7, "file_name": "a.jpg", "width": 64, "height": 48}],
        "categories": [{"id": 1, "name": "person"}],
        "annotations": [{"image_id": 7, "category_id": 1, "bbox": [1, 2, 30, 40], "id": 1, "iscrowd": 0}],
    }
    (tmp_path / "truth.json").write_text(json.dumps(truth))
    code, out, err = cli("eval", "boxes", "truth.json", "found.jsonl")
    assert (code, lines(out)[1].split()[:2]) == (0, ["all", "0.00"])
    assert "2 answers of found.jsonl have no truth and are left out" in err


@pytest.mark.assets
def test_a_real_detector_on_real_pictures_is_measured_as_by_pycocotools(cli, tmp_path, assets):
    truth = json.loads((assets / "data/coco/instances.json").read_text())
    truth["annotations"] = [{**row, "id": place} for place, row in enumerate(truth["annotations"], 1)]
    (tmp_path / "truth.json").write_text(json.dumps(truth))
    session = OnnxSession.load({"model": assets / "models" / "yolox_nano.onnx"}, threads=1)
    detector = Detector(card=registry.card("yolox-nano"), session=session, min_score=0.01)
    answers = detector(sorted((assets / "data/coco/images").glob("*.jpg")))
    (tmp_path / "found.jsonl").write_text("\n".join(json.dumps(answer.to_dict()) for answer in answers))
    told = json.loads(cli("eval", "boxes", "truth.json", "found.jsonl", "--json").out)
    stats = of_pycocotools(truth, boxes_of(read_answers("found.jsonl"), truth), "bbox")
    assert [told["all"][key] for key in ("ap", "ap50", "ap75")] == pytest.approx(stats[:3], abs=1e-6)
    assert 0.3 < told["all"]["ap"] < 0.6
