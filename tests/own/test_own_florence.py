"""A Florence-2 of one's own: which files it takes, and what it is asked."""

import pytest

from pixwise import registry
from pixwise.errors import CardError
from pixwise.own.folder import card_from_configs

PREPROCESSOR = {
    "image_processor_type": "CLIPImageProcessor", "size": {"height": 768, "width": 768}, "do_center_crop": False,
    "image_mean": [0.485, 0.456, 0.406], "image_std": [0.229, 0.224, 0.225],
}  # fmt: skip
FLORENCE = {"architectures": ["Florence2ForConditionalGeneration"], "model_type": "florence2"}
PARTS = [f"onnx/{name}.onnx" for name in ("vision_encoder", "embed_tokens", "encoder_model", "decoder_model_merged")]


def derive(task, files=(*PARTS, "tokenizer.json"), onnx="", **text):
    config = {**FLORENCE, "text_config": text}
    return card_from_configs(config, PREPROCESSOR, files, task=task, id="mine", onnx=onnx)


@pytest.mark.parametrize(
    ("task", "name"),
    [("detect", "-detect"), ("ocr", "-ocr"), ("find", "-find"), ("caption", ""), ("", "")],
)
def test_it_is_asked_what_our_own_card_of_the_task_asks(task, name):
    card, ours = derive(task), registry.card(f"florence2-base{name}")
    assert (card.head, card.options, card.recipe) == (ours.head, ours.options, ours.recipe)
    assert (sorted(card.parts), card.licence, card.repo, card.verified) == (sorted(ours.parts), "", "", False)


def test_it_holds_as_many_tokens_as_its_config_says():
    assert derive("ocr", max_position_embeddings=4096).options["context"] == 4096
    options = derive("caption", max_position_embeddings=200).options
    assert (options["context"], options["max_tokens"]) == (200, 100)


def test_other_precisions_are_taken_together():
    files = [*(path.replace(".onnx", "_int8.onnx") for path in PARTS), PARTS[0], "tokenizer.json"]
    card = derive("ocr", files, onnx="onnx/vision_encoder_int8.onnx")
    assert card.precision == "int8"
    assert all("int8" in file.path for file in card.files if file.part != "tokenizer")


def test_weights_beside_a_file_come_with_it():
    card = derive("ocr", [*PARTS, "tokenizer.json", "onnx/vision_encoder.onnx_data"])
    assert [file.path for file in card.files if not file.part] == ["onnx/vision_encoder.onnx_data"]


def test_a_file_or_a_task_that_is_not_there_is_told():
    with pytest.raises(CardError, match=r"must have .* got no onnx/decoder_model_merged\.onnx; take them from"):
        derive("ocr", [*PARTS[:3], "tokenizer.json"])
    with pytest.raises(
        CardError, match="must answer 'faces', got a Florence-2, which answers caption, detect, find, o"
    ):
        derive("faces")


@pytest.mark.parametrize("task", ["caption", "detect", "find", "ocr"])
def test_every_task_gets_all_parts_of_our_own_cards(task):
    mine = [card for card in registry.cards(task) if card.head == "florence"]
    assert mine
    assert all(set(card.parts) == {"encoder", "embed_tokens", "text_encoder", "decoder", "tokenizer"} for card in mine)
