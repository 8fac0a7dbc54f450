"""Folders of keypoint models, with configs as their repositories have them."""

import pytest
from oracle.posers import PREPROCESSOR

from pixwise import registry
from pixwise.errors import CardError
from pixwise.own.folder import card_from_configs

FILES = ["config.json", "preprocessor_config.json", "onnx/model.onnx"]
NAMES = {str(index): f"LABEL_{index}" for index in range(17)}
CONFIG = {"architectures": ["VitPoseForPoseEstimation"], "model_type": "vitpose", "id2label": NAMES}


def derive(config=None, preprocessor=None):
    told = {**PREPROCESSOR, **(preprocessor or {})}
    return card_from_configs({**CONFIG, **(config or {})}, told, FILES, task="pose", id="mine")


def test_a_folder_of_vitpose_answers_pose():
    card = derive()
    assert (card.task, card.head, card.names) == ("pose", "heatmaps", registry.names("coco_keypoints"))
    assert (card.recipe.size_hw, card.recipe.resize, card.recipe.resample) == ((128, 96), "stretch", "linear")
    assert card.recipe.mean == pytest.approx((0.485, 0.456, 0.406))
    assert card.options == {}


def test_the_card_that_ships_with_us_is_what_its_folder_would_give():
    card, mine = registry.card("vitpose-base-simple"), derive(preprocessor={"size": {"height": 256, "width": 192}})
    assert (card.recipe, card.names, card.head) == (mine.recipe, mine.names, mine.head)


def test_names_and_lines_of_the_config_are_kept():
    card = derive({"id2label": {"0": "Nose", "1": "L_Eye", "2": "R_Eye"}, "edges": [[0, 1], [0, 2]]})
    assert card.names == ("Nose", "L_Eye", "R_Eye")
    assert card.options == {"edges": [[0, 1], [0, 2]]}


def test_whole_bodies_are_known_by_their_number_and_others_keep_theirs():
    whole = derive({"id2label": {str(i): f"LABEL_{i}" for i in range(133)}})
    assert whole.names == registry.names("coco_wholebody")
    assert derive({"id2label": {"0": "LABEL_0", "1": "LABEL_1"}}).names == ("LABEL_0", "LABEL_1")


def test_experts_are_counted():
    assert derive({"backbone_config": {"num_experts": 6}}).options == {"datasets": 6}


@pytest.mark.parametrize(
    ("config", "preprocessor", "words"),
    [
        ({"edges": [[0, 1, 2]]}, {}, "edges of config.json must be pairs of keypoints, got"),
        (
            {},
            {"normalize_factor": 100.0},
            "must cut people out by an affine map with normalize_factor 200, got another",
        ),
        ({}, {"do_affine_transform": False}, "must cut people out by an affine map"),
        ({"model_type": "rtmpose"}, {}, "model_type of a model for pose must be one of vitpose, got 'rtmpose'"),
    ],
)
def test_what_cannot_be_read_is_refused(config, preprocessor, words):
    with pytest.raises(CardError, match=words):
        derive(config, preprocessor)
