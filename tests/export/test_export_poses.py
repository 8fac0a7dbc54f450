"""ViTPose and ViTPose+ as folders: what is in them, smaller weights, what is refused."""

import json
import tomllib
from types import SimpleNamespace

import numpy as np
import pytest
from oracle import posers, tiny

from pixwise import registry
from pixwise.errors import ModelFileError, OptionError
from pixwise.export import export
from pixwise.export.tracing import quiet
from pixwise.samples import photo_like
from pixwise.tasks.pose import PoseEstimator

BOXES = [(10, 10, 90, 140), (60, -20, 150, 90)]
PICTURE = photo_like(150, 160, 3)


@pytest.fixture(scope="module")
def case(tmp_path_factory):
    def made(name, folder):
        model = posers.make(name)
        if name == "plus":
            model.config.edges = [[0, 1], [0, 2]]
        with quiet():
            model.save_pretrained(folder / "checkpoint")
        (folder / "checkpoint" / "preprocessor_config.json").write_text(json.dumps(posers.PREPROCESSOR))
        lines = []
        done = export(folder / "checkpoint", folder / "out", progress=lines.append)
        return SimpleNamespace(source=folder / "checkpoint", done=done, lines=lines)

    return tiny.made_once(made, tmp_path_factory)


def asked(folder, **options):
    return PoseEstimator.load(str(folder), threads=1, box=BOXES, min_keypoint_score=0.1, **options)(PICTURE)


@pytest.mark.parametrize("name", ["simple", "classic", "plus", "wholebody"])
def test_heat_maps_are_the_checkpoints_own_in_batches_of_one_two_and_three(case, name):
    [pixels, maps] = case(name).done.differences
    assert (maps.output, pixels.share < 1e-6, maps.share < 1e-4) == ("heatmaps", True, True)
    assert maps.shapes == "2x3x128x96, 3x3x128x96, 1x3x128x96"


def test_the_crop_was_compared_with_that_of_its_own_processor(case):
    assert any(line.startswith("pixels differ by") for line in case("simple").lines)


def test_the_card_tells_names_lines_and_experts(case):
    simple, plus = (tomllib.loads((case(name).done.folder / "card.toml").read_text()) for name in ("simple", "plus"))
    assert (simple["task"], simple["head"], simple["names"]) == (
        "pose",
        "heatmaps",
        list(registry.names("coco_keypoints")),
    )
    assert "options" not in simple
    assert plus["options"] == {"edges": [[0, 1], [0, 2]], "datasets": 3}


@pytest.mark.parametrize("name", ["simple", "plus"])
def test_16_bits_find_the_same_joints(case, name, tmp_path):
    small = export(case(name).source, tmp_path / "small", precision="fp16").folder
    one, other = asked(case(name).done.folder), asked(small)
    np.testing.assert_allclose(one.keypoint_scores, other.keypoint_scores, atol=0.02)
    seen = (one.keypoint_scores > 0.5) & (other.keypoint_scores > 0.5)
    away = np.hypot(*(one.keypoints - other.keypoints)[seen].T)
    assert np.median(away) < 0.2
    assert (away < 2).mean() > 0.9


def test_the_experts_of_an_export_differ(case):
    folder = case("plus").done.folder
    assert np.abs(asked(folder, dataset=0).keypoint_scores - asked(folder, dataset=1).keypoint_scores).max() > 0.01
    with pytest.raises(OptionError, match="dataset must be a number from 0 to 2, got 3"):
        asked(folder, dataset=3)


def test_an_export_that_answers_otherwise_is_not_written(case, tmp_path):
    source = case("classic").source
    with pytest.raises(ModelFileError, match=r"must answer as the checkpoint within 0, got .* nothing was written"):
        export(source, tmp_path / "out", tolerance=0.0)
    assert list(tmp_path.iterdir()) == []
