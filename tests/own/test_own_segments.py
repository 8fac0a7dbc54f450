"""Promptable segmenters of one's own: which files, which recipe."""

import json

import pytest

from pixwise.errors import CardError
from pixwise.own.folder import card_from_configs, card_of_path
from pixwise.own.segments import segment_files

FILES = ["onnx/vision_encoder.onnx", "onnx/prompt_encoder_mask_decoder.onnx"]
QUANTIZED = [path.replace(".onnx", "_quantized.onnx") for path in FILES]
SAM = {"model_type": "sam", "architectures": ["SamModel"]}
SAM2 = {"model_type": "sam2", "architectures": ["Sam2Model"]}


def parts(files, onnx=""):
    return {file.part: file.path for file in segment_files(files, "mine", onnx) if file.part}


def test_the_plain_precision_goes_first_and_any_is_taken():
    assert list(parts([*QUANTIZED, *FILES]).values()) == FILES
    assert list(parts(QUANTIZED).values()) == QUANTIZED


@pytest.mark.parametrize("meant", QUANTIZED)
def test_the_file_that_is_meant_brings_its_partner(meant):
    assert list(parts([*FILES, *QUANTIZED], meant).values()) == QUANTIZED


def test_external_data_comes_along():
    files = [*FILES, FILES[0] + "_data", FILES[1] + ".data", "onnx/other.onnx_data"]
    assert [file.path for file in segment_files(files, "mine") if not file.part] == [
        FILES[0] + "_data",
        FILES[1] + ".data",
    ]


@pytest.mark.parametrize("files", [FILES[:1], FILES[1:], ["model.safetensors"], [FILES[0], QUANTIZED[1]]])
def test_what_is_missing_is_named(files):
    with pytest.raises(CardError, match=r"mine: expected onnx/vision_encoder.onnx and onnx/prompt_encoder"):
        segment_files(files, "mine")


@pytest.mark.parametrize(("config", "head"), [(SAM, "sam"), (SAM2, "sam2")])
def test_a_folder_of_the_hub_answers_segment(config, head, tmp_path):
    (tmp_path / "onnx").mkdir()
    for name in FILES:
        (tmp_path / name).touch()
    (tmp_path / "config.json").write_text(json.dumps(config))
    kind = {"sam": "SamImageProcessor", "sam2": "Sam2ImageProcessorFast"}[head]
    (tmp_path / "preprocessor_config.json").write_text(json.dumps({"image_processor_type": kind}))
    card = card_of_path(str(tmp_path), "segment")
    assert (card.task, card.head, card.parts) == ("segment", head, ("encoder", "decoder"))
    assert card.recipe.size_hw == (1024, 1024)


def test_the_recipes_are_those_of_the_cards():
    from pixwise import registry

    sam = card_from_configs(SAM, {"image_processor_type": "SamImageProcessor"}, FILES, task="segment", id="x")
    sam2 = card_from_configs(SAM2, {"image_processor_type": "Sam2ImageProcessorFast"}, FILES, task="", id="x")
    assert sam.recipe == registry.card("slimsam").recipe
    assert sam2.recipe == registry.card("sam2.1-tiny").recipe


def test_a_segmenter_answers_no_other_task():
    with pytest.raises(CardError, match=r"model must answer 'embed'.*, got one for 'segment'"):
        card_from_configs(SAM, {"image_processor_type": "SamImageProcessor"}, FILES, task="embed", id="x")
