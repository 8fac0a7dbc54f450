"""What configs tell about a tower for texts."""

import pytest

from pixwise.errors import CardError
from pixwise.own.folder import card_from_configs
from pixwise.own.texts import text_files, text_options

FILES = [
    "config.json", "onnx/model.onnx", "onnx/text_model.onnx", "onnx/text_model.onnx_data", "onnx/text_model_fp16.onnx",
    "onnx/vision_model.onnx", "onnx/vision_model_fp16.onnx", "onnx/vision_model_int8.onnx", "tokenizer.json",
]  # fmt: skip
CLIP, SIGLIP = {"model_type": "clip"}, {"model_type": "siglip"}


def parts(config, onnx, files=FILES):
    return [(file.path, file.part) for file in text_files(config, onnx, files)]


def test_the_tower_for_texts_is_of_the_same_precision():
    assert parts(CLIP, "onnx/vision_model.onnx") == [
        ("onnx/text_model.onnx", "text"),
        ("onnx/text_model.onnx_data", ""),
        ("tokenizer.json", "tokenizer"),
    ]
    assert parts(CLIP, "onnx/vision_model_fp16.onnx")[0] == ("onnx/text_model_fp16.onnx", "text")
    assert parts(CLIP, "onnx/vision_model_int8.onnx") == [("tokenizer.json", "tokenizer")]


@pytest.mark.parametrize(
    ("config", "onnx"), [({"model_type": "dinov2"}, "vision_model.onnx"), (CLIP, "onnx/model.onnx"), ({}, "model.onnx")]
)
def test_others_have_none(config, onnx):
    assert parts(config, onnx) == []


def test_the_length_is_that_of_the_config_or_of_its_kind():
    assert text_options({**CLIP, "text_config": {"max_position_embeddings": 40}}, {}, "mine") == {"text_length": 40}
    assert text_options(CLIP, {}, "mine") == {"text_length": 77}
    assert text_options(SIGLIP, {}, "mine") == {"text_length": 64, "fill_text": True}
    assert text_options({"model_type": "dinov2"}, {"pad_token": "x"}, "mine") == {}


@pytest.mark.parametrize("pad", ["</s>", {"content": "</s>", "lstrip": False}])
def test_the_filling_is_that_of_the_tokenizer(pad):
    assert text_options(SIGLIP, {"pad_token": pad, "padding_side": "left"}, "mine") == {
        "text_length": 64, "fill_text": True, "pad_token": "</s>", "pad_left": True,
    }  # fmt: skip


@pytest.mark.parametrize("reader", ["GemmaTokenizer", "GemmaTokenizerFast", "Siglip2Tokenizer"])
def test_siglip_2_reads_lowercase_also_where_it_calls_itself_siglip(reader):
    assert text_options(SIGLIP, {"tokenizer_class": reader}, "mine")["lowercase"]
    assert text_options({"model_type": "siglip2"}, {}, "mine")["lowercase"]
    assert "lowercase" not in text_options(CLIP, {"tokenizer_class": reader}, "mine")


def test_a_scale_that_is_written_into_the_config_counts_and_where_training_began_does_not():
    told = text_options({**SIGLIP, "logit_scale": 100, "logit_bias": -10.5}, {}, "mine")
    assert (told["logit_scale"], told["logit_bias"]) == (100, -10.5)
    assert "logit_scale" not in text_options({**CLIP, "logit_scale_init_value": 2.6592}, {}, "mine")


@pytest.mark.parametrize("scale", [4.6052, float("nan"), float("inf")])
def test_a_scale_that_is_a_logarithm_or_no_number_is_told(scale):
    with pytest.raises(CardError, match=rf"mine: logit_scale of config.json must be the exponential .* got {scale}"):
        text_options({**CLIP, "logit_scale": scale}, {}, "mine")


@pytest.mark.parametrize("odd", [{"text_config": {"max_position_embeddings": "x"}}, {"logit_scale": "high"}])
def test_values_of_odd_types_are_told(odd):
    config = {**CLIP, "architectures": ["CLIPModel"], **odd}
    preprocessor = {"size": 8, "do_normalize": False, "image_processor_type": "CLIPImageProcessor"}
    with pytest.raises(CardError, match="must hold values of the usual types, got ValueError"):
        card_from_configs(config, preprocessor, FILES, task="embed", id="mine")
