"""`pixwise pose`: boxes on the command line, a drawn picture, tables."""

import csv
import io
import json
import shutil
from pathlib import Path

import pytest
from oracle import posers
from PIL import Image

SCENE = Path(__file__).resolve().parents[2] / "examples" / "scene.png"
BOXES = ("--box", "80,40,300,300", "--box=-20,10,90,200")


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    return str(posers.save("simple", tmp_path_factory.mktemp("pose") / "mine"))


def test_boxes_are_people_and_the_picture_is_drawn(cli, model, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    shutil.copy(SCENE, tmp_path)
    done = cli("pose", "scene.png", "--model", model, *BOXES, "-o", "drawn.png", "--min-keypoint-score", "0.1")
    assert done.code == 0, done.err
    with Image.open("drawn.png") as drawn, Image.open(SCENE) as plain:
        assert drawn.size == plain.size
        assert drawn.convert("RGB").tobytes() != plain.convert("RGB").tobytes()


def test_json_and_csv_tell_the_keypoints(cli, model):
    told = json.loads(cli("pose", str(SCENE), "--model", model, *BOXES, "--json").out)
    assert [len(row["keypoints"]) for row in told["poses"]] == [17, 17]
    rows = list(csv.DictReader(io.StringIO(cli("pose", str(SCENE), "--model", model, *BOXES, "--csv").out)))
    assert [len(row["keypoint_scores"].split()) for row in rows] == [17, 17]


def test_a_finder_without_download_may_find_the_people(cli, model):
    done = cli("pose", str(SCENE), "--model", model, "--detect-model", "hog-people")
    assert (done.code, done.err) == (0, "")
    assert " no poses  by mine" in done.out  # nobody stands in the drawn scene


def test_the_help_tells_boxes_and_whose_model_finds_people(cli):
    told = " ".join(cli("pose", "--help").out.split())
    assert "--box X1,Y1,X2,Y2" in told
    assert "--detect-model ID Model that finds the people for it." in told


@pytest.mark.parametrize("box", ["1,2,3", "9,9,1,1", "a,b,c,d", "5000,1,6000,9"])
def test_a_box_that_is_none_is_told(cli, model, box):
    done = cli("pose", str(SCENE), "--model", model, "--box", box)
    assert done.code in (1, 2)
    assert "box must" in done.err
