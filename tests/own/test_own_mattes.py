"""Folders of models of `background`, with configs as their repositories have them."""

from dataclasses import replace

import pytest

from pixwise import registry
from pixwise.errors import CardError
from pixwise.own.folder import card_from_configs
from pixwise.pixels import plan

FILES = ["config.json", "preprocessor_config.json", "onnx/model.onnx"]
IMAGENET = {"image_mean": [0.485, 0.456, 0.406], "image_std": [0.229, 0.224, 0.225]}
SQUARE = {"feature_extractor_type": "ViTFeatureExtractor", "do_normalize": True, **IMAGENET, "resample": 2,
          "size": {"height": 1024, "width": 1024}}  # fmt: skip
MODNET = {"feature_extractor_type": "ImageFeatureExtractor", "do_normalize": True, "do_pad": False, "resample": 2,
          "image_mean": [0.5] * 3, "image_std": [0.5] * 3, "size": {"shortest_edge": 512},
          "size_divisibility": 32}  # fmt: skip


def derive(config, preprocessor=SQUARE, task="background"):
    return card_from_configs(config, preprocessor, FILES, task=task, id="mine")


@pytest.mark.parametrize(
    ("config", "head"),
    [
        ({"architectures": ["BiRefNet"], "bb_pretrained": False}, "logits"),
        ({"model_type": "modnet"}, "shares"),
        ({"model_type": "isnet"}, "shares"),
        ({"architectures": ["ISNetModel"]}, "shares"),
        ({"model_type": "u2net", "architectures": ["U2NetModel"]}, "shares"),
    ],
)
@pytest.mark.parametrize("task", ["background", ""])
def test_the_head_follows_from_what_the_model_calls_itself(config, head, task):
    card = derive(config, task=task)
    assert (card.task, card.head, card.names) == ("background", head, ())
    assert (card.recipe.resize, card.recipe.size_hw, card.recipe.resample) == ("stretch", (1024, 1024), "bilinear")


@pytest.mark.parametrize(
    ("size_hw", "planned"), [((512, 512), (512, 512)), ((600, 925), (512, 768)), ((700, 300), (1184, 512))]
)
def test_modnet_sees_multiples_of_32_that_are_not_above(size_hw, planned):
    recipe = derive({"model_type": "modnet"}, MODNET).recipe
    assert (recipe.resize, recipe.multiple_of, recipe.mean) == ("shortest", 32, (0.5, 0.5, 0.5))
    assert plan(size_hw, recipe) == planned


@pytest.mark.parametrize(
    ("name", "config", "preprocessor"),
    [
        ("birefnet-lite", {"architectures": ["BiRefNet"]}, SQUARE),
        ("modnet", {"model_type": "modnet"}, MODNET),
    ],
)
def test_our_cards_say_what_the_configs_of_their_repositories_say(name, config, preprocessor):
    card, derived = registry.card(name), derive(config, preprocessor)
    assert replace(card.recipe, max_side=0, size_hw=derived.recipe.size_hw) == derived.recipe
    assert (card.recipe.size_hw, card.head) == (derived.recipe.size_hw, derived.head)


def test_other_models_are_refused_for_background():
    with pytest.raises(
        CardError,
        match=r"must answer 'background' \(model_type birefnet, isnet, modnet, u2net\), got one for 'classify'",
    ):
        derive({"architectures": ["ViTForImageClassification"], "model_type": "vit"})


def test_a_model_of_background_is_refused_for_others():
    with pytest.raises(CardError, match=r"must answer 'classify' .* got one for 'background' \(BiRefNet\)"):
        derive({"architectures": ["BiRefNet"]}, task="classify")
