"""Captioners of one's own: which files, tokens and rules."""

import pytest

from pixwise.errors import CardError
from pixwise.own.captions import caption_files, caption_options
from pixwise.own.folder import card_from_configs

FILES = ["onnx/encoder_model.onnx", "onnx/decoder_model.onnx", "onnx/decoder_model_merged.onnx", "tokenizer.json"]
QUANTIZED = ["onnx/encoder_model_quantized.onnx", "onnx/decoder_model_merged_quantized.onnx", "tokenizer.json"]
PAIR = {
    "model_type": "vision-encoder-decoder",
    "architectures": ["VisionEncoderDecoderModel"],
    "decoder_start_token_id": 9,
    "decoder": {"n_positions": 64, "eos_token_id": 8, "bos_token_id": 7},
}
SIZE = {"image_processor_type": "ViTImageProcessor", "size": {"height": 8, "width": 8}}


def parts(files, onnx=""):
    return {file.part: file.path for file in caption_files(files, "mine", onnx) if file.part}


def test_the_merged_decoder_goes_before_the_one_without_a_cache():
    assert parts(FILES) == {
        "encoder": "onnx/encoder_model.onnx",
        "decoder": "onnx/decoder_model_merged.onnx",
        "tokenizer": "tokenizer.json",
    }


def test_the_plain_precision_goes_first_and_any_is_taken():
    assert parts([*QUANTIZED, *FILES])["encoder"] == "onnx/encoder_model.onnx"
    assert parts(QUANTIZED)["decoder"] == "onnx/decoder_model_merged_quantized.onnx"


@pytest.mark.parametrize("meant", QUANTIZED[:2])
def test_the_file_that_is_meant_brings_its_partner(meant):
    assert list(parts([*FILES, *QUANTIZED], meant).values()) == QUANTIZED


def test_a_decoder_that_is_meant_is_taken():
    assert parts(FILES, "onnx/decoder_model.onnx")["decoder"] == "onnx/decoder_model.onnx"


def test_external_data_comes_along():
    files = [*FILES, "onnx/encoder_model.onnx_data", "onnx/decoder_model_merged.onnx.data", "onnx/other.onnx_data"]
    beside = [file.path for file in caption_files(files, "mine") if not file.part]
    assert beside == ["onnx/encoder_model.onnx_data", "onnx/decoder_model_merged.onnx.data"]


@pytest.mark.parametrize(
    ("files", "words"),
    [
        (["model.safetensors"], r"expected onnx/encoder_model.onnx and .*merged.onnx, got none; pixwise export makes"),
        (FILES[:1], "got onnx/encoder_model.onnx; pixwise export makes one"),
        (FILES[:3], "expected tokenizer.json, got none; copy it"),
    ],
)
def test_what_is_missing_is_named(files, words):
    with pytest.raises(CardError, match=words):
        caption_files(files, "mine")


def test_blip_begins_with_its_own_token_and_ends_with_the_separator():
    config = {"model_type": "blip", "text_config": {"bos_token_id": 30522, "max_position_embeddings": 512}}
    assert caption_options(config, {}, "mine") == {"start_id": 30522, "end_id": 102, "context": 512}


def test_tokens_of_a_pair_stand_in_any_of_its_configs():
    assert caption_options(PAIR, {}, "mine") == {"start_id": 9, "end_id": 8, "context": 64}
    assert caption_options(PAIR, {"eos_token_id": [3, 4]}, "mine")["end_id"] == [3, 4]


def test_rules_come_from_the_generation_config_where_they_say_something():
    said = {"num_beams": 4, "max_length": 16, "min_length": 0, "length_penalty": 1.0, "early_stopping": True}
    options = caption_options(PAIR, {**said, "no_repeat_ngram_size": 3, "do_sample": True}, "mine")
    assert {key: options[key] for key in options if key not in ("start_id", "end_id", "context")} == {
        "beams": 4,
        "max_tokens": 15,
        "early_stopping": True,
        "no_repeat_ngram": 3,
    }


def test_a_token_that_is_not_named_is_asked_for():
    with pytest.raises(CardError, match=r"mine: config.json must have eos_token_id, got none; add it"):
        caption_options({**PAIR, "decoder": {"n_positions": 64, "bos_token_id": 1}}, {}, "mine")


def test_a_card_is_made_of_all_that():
    card = card_from_configs(PAIR, SIZE, tuple(QUANTIZED), task="caption", id="mine")
    assert (card.task, card.head, card.precision) == ("caption", "vision_encoder_decoder", "int8")
    assert card.parts == ("encoder", "decoder", "tokenizer")
    assert card.names == ()
