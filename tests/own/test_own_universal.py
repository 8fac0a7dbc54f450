"""Mask transformers of one's own: full names where the hub has gaps, and what is stuff."""

import json

import pytest

from pixwise.errors import CardError
from pixwise.own.folder import card_of_path
from pixwise.registry import names

COCO = names("coco_panoptic")
GAPS = {i: name if i <= 90 and name else f"LABEL_{i}" for i, name in enumerate(COCO)}


def folder(place, architecture, kind, labels, **preprocessor):
    (place / "model.onnx").write_bytes(b"")
    config = {"architectures": [architecture], "model_type": kind, "id2label": labels}
    (place / "config.json").write_text(json.dumps(config))
    (place / "preprocessor_config.json").write_text(
        json.dumps({"size": {"height": 64, "width": 64}, "do_normalize": False, **preprocessor})
    )
    return str(place)


def test_the_list_of_coco_is_complete():
    assert len([name for name in COCO if name]) == 133
    assert len([name for name in COCO[:91] if name]) == 80
    assert (COCO[1], COCO[90], COCO[92], COCO[187], COCO[200]) == (
        "person", "toothbrush", "banner", "sky-other-merged", "rug-merged",
    )  # fmt: skip


def test_detr_of_the_hub_gets_the_names_that_it_lacks(tmp_path):
    card = card_of_path(folder(tmp_path, "DetrForSegmentation", "detr", GAPS), "")
    assert (card.task, card.head, card.names) == ("panoptic", "detr_masks", COCO)
    assert len(card.options["stuff"]) == 53


def test_names_of_ones_own_stay(tmp_path):
    labels = {0: "LABEL_0", 1: "crack", **{i: f"LABEL_{i}" for i in range(2, 120)}}
    card = card_of_path(folder(tmp_path, "DetrForSegmentation", "detr", labels), "")
    assert card.names[1] == "crack"
    assert not card.options


def test_a_list_without_gaps_of_cocos_names_has_stuff_too(tmp_path):
    labels = dict(enumerate(name for name in COCO if name))
    card = card_of_path(folder(tmp_path, "Mask2FormerForUniversalSegmentation", "mask2former", labels), "instances")
    assert (card.task, card.head, card.options["grid"]) == ("instances", "mask_queries", 384)
    assert [card.names[i] for i in card.options["stuff"]][:2] == ["banner", "blanket"]


@pytest.mark.parametrize(
    ("architecture", "kind", "task", "head"),
    [
        ("MaskFormerForInstanceSegmentation", "maskformer", "semantic", "mask_queries"),
        ("OneFormerForUniversalSegmentation", "oneformer", "", "mask_queries"),
        ("RfDetrForInstanceSegmentation", "rf_detr", "", "sigmoid_masks"),
        ("SegformerForSemanticSegmentation", "segformer", "", "channels_first"),
    ],
)
def test_each_architecture_has_its_head(tmp_path, architecture, kind, task, head):
    assert card_of_path(folder(tmp_path, architecture, kind, {0: "crack"}), task).head == head


def test_another_task_is_told_which_there_are(tmp_path):
    place = folder(tmp_path, "Mask2FormerForUniversalSegmentation", "mask2former", {0: "crack"})
    with pytest.raises(CardError, match="one for 'panoptic' or 'instances' or 'semantic'"):
        card_of_path(place, "detect")


def test_mask2former_takes_the_multiple_above_and_pads_nothing(tmp_path):
    size = {"size": {"shortest_edge": 100, "longest_edge": 200}, "image_processor_type": "Mask2FormerImageProcessor"}
    recipe = card_of_path(
        folder(tmp_path, "Mask2FormerForUniversalSegmentation", "mask2former", {0: "a"}, **size), ""
    ).recipe
    assert (recipe.multiple_of, recipe.multiples, recipe.pad) == (32, "above", "none")
