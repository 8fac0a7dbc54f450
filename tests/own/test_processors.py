"""Reading `preprocessor_config.json`; the numbers are compared in oracle/test_processors_oracle.py."""

import pytest

from pixwise.errors import CardError
from pixwise.own.processors import recipe_from_config
from pixwise.planning import plan

VIT = {"image_processor_type": "ViTImageProcessor"}


@pytest.mark.parametrize("ending", ["ImageProcessor", "ImageProcessorFast", "ImageProcessorPil", "FeatureExtractor"])
def test_every_generation_of_a_processor_is_known(ending):
    recipe = recipe_from_config({"image_processor_type": f"ConvNext{ending}", "size": 224}, {}, "m")
    assert (recipe.resize, recipe.size_hw, recipe.crop_hw) == ("shortest", (256, 256), (224, 224))


@pytest.mark.parametrize(
    ("size", "resize", "size_hw"),
    [
        (96, "stretch", (96, 96)),
        ([64, 96], "stretch", (64, 96)),
        ({"height": 64, "width": 96}, "stretch", (64, 96)),
        ({"shortest_edge": 64}, "shortest", (64, 64)),
        ({"longest_edge": 64}, "longest", (64, 64)),
        ({"max_height": 64, "max_width": 96}, "longest", (64, 96)),
    ],
)
def test_a_size_may_be_written_in_every_form(size, resize, size_hw):
    recipe = recipe_from_config({**VIT, "size": size}, {}, "m")
    assert (recipe.resize, recipe.size_hw) == (resize, size_hw)


def test_a_limit_on_the_longer_edge_is_kept():
    recipe = recipe_from_config({**VIT, "size": {"shortest_edge": 64, "longest_edge": 99}}, {}, "m")
    assert recipe.max_side == 99


def test_an_unknown_processor_is_read_by_its_keys():
    config = {"image_processor_type": "MyImageProcessor", "size": 32, "image_mean": 0.5, "image_std": [0.25]}
    recipe = recipe_from_config(config, {}, "m")
    assert (recipe.size_hw, recipe.mean, recipe.std) == ((32, 32), (0.5,) * 3, (0.25,) * 3)


def test_timm_configs_are_read():
    timm = {
        "input_size": [3, 224, 224],
        "crop_pct": 0.95,
        "interpolation": "bicubic",
        "mean": [0.5] * 3,
        "std": [1] * 3,
    }
    recipe = recipe_from_config(None, {"pretrained_cfg": timm}, "m")
    assert (recipe.resize, recipe.size_hw, recipe.crop_hw) == ("shortest", (235, 235), (224, 224))
    assert recipe.resample == "bicubic"
    squashed = recipe_from_config(None, {"pretrained_cfg": {**timm, "crop_mode": "squash", "crop_pct": 1}}, "m")
    assert (squashed.resize, squashed.size_hw) == ("stretch", (224, 224))


@pytest.mark.parametrize(
    ("preprocessor", "words"),
    [
        (None, "mymodel: expected preprocessor_config.json .* got none; copy it"),
        ({**VIT, "size": "big"}, "size of preprocessor_config.json must be a number, .* got 'big'; mend it"),
        ({**VIT, "size": {"height": 3}}, "must be a number"),
        ({**VIT, "size": {"height": 0, "width": 0}}, "must be a number"),
        ({"size": 32}, "image_mean of preprocessor_config.json must be three numbers, got None; add it"),
        ({**VIT, "image_mean": [0.5, 0.5]}, r"image_mean .* must be three numbers, got \[0.5, 0.5\]"),
        ({**VIT, "image_std": [0, 1, 1]}, "image_std .* must be above 0"),
        ({**VIT, "resample": 17}, "resample .* must be 0 to 5, got 17"),
        ({**VIT, "do_center_crop": True}, "crop_size .* got None"),
    ],
)
def test_what_is_missing_or_strange_is_named(preprocessor, words):
    with pytest.raises(CardError, match=words):
        recipe_from_config(preprocessor, {}, "mymodel")


@pytest.mark.parametrize("change", [{"mean": None}, {"crop_mode": "border"}, {"input_size": [3, 224, 192]}])
def test_timm_configs_that_are_not_understood_are_refused(change):
    timm = {"input_size": [3, 224, 224], "mean": [0.5] * 3, "std": [1] * 3, **change}
    with pytest.raises(CardError, match=r"of pretrained_cfg must be|pretrained_cfg must have"):
        recipe_from_config(None, {"pretrained_cfg": timm}, "m")


def test_a_glpn_has_no_size_and_cuts_sides_down():
    recipe = recipe_from_config({"image_processor_type": "GLPNImageProcessor", "size_divisor": 32}, {}, "m")
    assert [plan(size_hw, recipe) for size_hw in ((480, 639), (9, 70), (3000, 4000))] == [
        (480, 608),
        (32, 64),
        (1152, 1536),
    ]


def test_a_panorama_ends_at_four_times_the_size():
    config = {"image_processor_type": "DPTImageProcessor", "size": 518, "keep_aspect_ratio": True}
    recipe = recipe_from_config({**config, "ensure_multiple_of": 14}, {}, "m")
    assert [plan(size_hw, recipe) for size_hw in ((480, 640), (600, 2300), (400, 20_000))] == [
        (518, 686),
        (518, 1988),
        (42, 2072),
    ]


def test_a_zoedepth_with_another_filter_is_told():
    with pytest.raises(CardError, match=r"resample of preprocessor_config.json must be 2 for ZoeDepth, got bicubic"):
        recipe_from_config({"image_processor_type": "ZoeDepthImageProcessor", "resample": 3}, {}, "m")
