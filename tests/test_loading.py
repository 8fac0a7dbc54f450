"""From a name to a card with the files that the task runs."""

from dataclasses import replace

import pytest

from pixwise import registry
from pixwise.errors import CardError
from pixwise.recipe import Recipe
from pixwise.registry import Card, CardFile
from pixwise.task_table import cards_of

FILES = (
    CardFile("onnx/vision_model.onnx", "model"),
    CardFile("onnx/vision_model.onnx_data"),
    CardFile("onnx/text_model.onnx", "text"),
    CardFile("onnx/text_model.onnx_data"),
    CardFile("tokenizer.json", "tokenizer"),
    CardFile("config.json"),
)
BOTH = Card(id="both", task="embed", files=FILES, recipe=Recipe(resize="none"))


def test_a_card_is_cut_down_to_the_parts_that_are_run():
    paths = [file.path for file in BOTH.only(("text", "tokenizer")).files]
    assert paths == ["onnx/text_model.onnx", "onnx/text_model.onnx_data", "tokenizer.json", "config.json"]


def test_a_vector_of_a_picture_needs_no_text_tower():
    assert registry.card_for(BOTH, "embed").parts == ("model",)
    assert registry.card_for(BOTH, "detect") == BOTH


def test_a_card_that_lacks_a_part_is_refused():
    with pytest.raises(CardError, match="model 'both' must have model to answer 'embed', got none; choose one of:"):
        registry.card_for(replace(BOTH, files=FILES[2:]), "embed")


def test_a_task_takes_its_own_cards_unless_the_table_says_otherwise():
    assert (cards_of("detect"), cards_of("no such task"), cards_of("")) == ("detect", "no such task", "")
