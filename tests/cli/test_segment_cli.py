"""`pixwise segment`: points and boxes on the command line, masks in every form."""

import csv
import io
import json
from pathlib import Path

import pytest

from pixwise.masks import Mask
from pixwise.results import result_from_dict

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
