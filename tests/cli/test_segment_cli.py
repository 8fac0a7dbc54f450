"""`pixwise segment`: points and boxes on the command line, masks in every form."""

import csv
import io
import json
from pathlib import Path

import pytest
from PIL import Image

from pixwise.masks import Mask, iou
from pixwise.results import result_from_dict
from pixwise.tasks.segment import Segmenter

SCENE = Path(__file__).resolve().parents[2] / "examples" / "scene.png"
RED = ("--box", "80,375,260,525", "--model", "grabcut")


def test_a_box_gives_a_mask_and_a_picture(cli, tmp_path):
    code, out, err = cli("segment", SCENE, *RED, "-o", tmp_path / "cut.png")
    assert (code, err) == (0, "")
    assert "1 mask" in out
    assert (tmp_path / "cut.png").stat().st_size > 1000


def test_points_may_be_repeated_with_labels(cli):
    asked = ("--point", "640,400", "-p", "540,400", "--label", 1, "--label", 0, "--model", "grabcut", "--json")
    answer = result_from_dict(json.loads(cli("segment", SCENE, *asked).out))
    assert answer[0].mask.open()[400, 640]
    assert not answer[0].mask.open()[400, 540]


def test_each_box_is_an_object(cli):
    document = json.loads(cli("segment", SCENE, *RED, "--box", "345,320,515,510", "--json").out)
    assert [row["object"] for row in document["masks"]] == [0, 1]


def test_an_earlier_mask_is_a_prompt_as_png_run_lengths_or_answer(cli, tmp_path):
    (tmp_path / "answer.json").write_text(cli("segment", SCENE, *RED, "--json").out)
    first = result_from_dict(json.loads((tmp_path / "answer.json").read_text())).masks[0]
    (tmp_path / "runs.json").write_text(json.dumps(first.to_rle()))
    Image.fromarray(first.open()).save(tmp_path / "mask.png")
    said = [cli("segment", SCENE, "--mask", name, "--model", "grabcut", "--json") for name in
            ("answer.json", "runs.json", "mask.png")]  # fmt: skip
    found = [result_from_dict(json.loads(each.out)).masks for each in said]
    direct = Segmenter.load("grabcut", mask=first)(SCENE).masks
    assert found == [direct] * 3
    assert iou(direct, [first])[0, 0] > 0.8
    twice = cli("segment", SCENE, "--mask", "runs.json", "--mask", "mask.png", "--model", "grabcut", "--json")
    assert [row["object"] for row in json.loads(twice.out)["masks"]] == [0, 1]


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("none.png", "none.png: expected a PNG, got No such file"),
        ("none.json", "none.json: expected run lengths"),
        ("rgb.png", "rgb.png: must be a grey PNG, or one with transparency, got mode RGB"),
        ("list.json", "list.json: expected run lengths, {"),
    ],
)
def test_a_file_that_is_no_mask_is_told(cli, tmp_path, name, words):
    Image.new("RGB", (800, 600)).save(tmp_path / "rgb.png")
    (tmp_path / "list.json").write_text("[1, 2]")
    code, out, err = cli("segment", SCENE, "--mask", name, "--model", "grabcut")
    assert (code, out, words in err) == (2, "", True), err


def test_a_mask_of_another_picture_is_that_pictures_error(cli, tmp_path):
    Image.new("L", (80, 60), 255).save(tmp_path / "small.png")
    code, _, err = cli("segment", SCENE, "--mask", "small.png", "--model", "grabcut")
    assert (code, "mask must be of the size of the picture, 800 x 600, got 80 x 60" in err) == (1, True)


def test_csv_has_the_run_lengths_in_a_cell(cli):
    [row] = csv.DictReader(io.StringIO(cli("segment", SCENE, *RED, "--csv").out))
    assert Mask.from_rle(json.loads(row["mask"])).area == int(row["area"])


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        (("--point", "640"), "--point must be x,y in pixels, got '640'"),
        (("--box", "1,2,3"), "--box must be x1,y1,x2,y2 in pixels, got '1,2,3'"),
        (("--box", "9,9,1,1"), "box must have x1 < x2 and y1 < y2, got 9,9,1,1"),
        (("--label", "1"), "labels must be one for each point, got 1 for 0"),
        (("--grid", "8"), "grid must be left out for model 'grabcut'"),
    ],
)
def test_what_is_no_prompt_is_told(cli, asked, words):
    code, _, err = cli("segment", SCENE, *asked, "--model", "grabcut")
    assert (code, words in err) == (2, True), err


def test_a_point_outside_the_picture_is_that_pictures_own_error(cli):
    code, _, err = cli("segment", SCENE, "--point", "9999,1", "--model", "grabcut")
    assert (code, "point must lie in the 800 x 600 picture, got 9999,1" in err) == (1, True)
