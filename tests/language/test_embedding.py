"""`px.embed_text` with a tiny model in a folder."""

import json

import numpy as np
import onnx
import pytest
import tokenizers
from onnx import TensorProto, helper, numpy_helper

import pixwise as px
from pixwise.errors import CardError, ModelMissingError, OptionError

WORDS = {"<unk>": 0, "</s>": 1, "dog": 2, "cat": 3}
DIRECTIONS = np.float32([[1, 1], [0, 3], [3, 4], [4, 3]])  # one per word


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A SigLIP of words: the vector of a text is the direction of the last token of four."""
    folder = tmp_path_factory.mktemp("words")
    made = tokenizers.Tokenizer(tokenizers.models.WordLevel(WORDS, unk_token="<unk>"))
    made.pre_tokenizer = tokenizers.pre_tokenizers.Whitespace()
    made.save(str(folder / "tokenizer.json"))
    config = {"architectures": ["SiglipModel"], "model_type": "siglip", "text_config": {"max_position_embeddings": 2}}
    (folder / "config.json").write_text(json.dumps(config))
    (folder / "tokenizer_config.json").write_text(json.dumps({"pad_token": "</s>", "padding_side": "left"}))
    (folder / "preprocessor_config.json").write_text(
        json.dumps({"image_processor_type": "SiglipImageProcessor", "size": {"height": 8, "width": 8}})
    )
    nodes = [
        helper.make_node("Gather", ["input_ids", "last"], ["id"], axis=1),
        helper.make_node("Gather", ["directions", "id"], ["pooler_output"]),
    ]
    graph = helper.make_graph(
        nodes,
        "words",
        [helper.make_tensor_value_info("input_ids", TensorProto.INT64, ["n", "tokens"])],
        [helper.make_tensor_value_info("pooler_output", TensorProto.FLOAT, ["n", 2])],
        [numpy_helper.from_array(DIRECTIONS, "directions"), numpy_helper.from_array(np.int64(-1), "last")],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=10)
    onnx.save(model, folder / "text_model.onnx")
    (folder / "vision_model.onnx").write_bytes(b"never opened")
    return folder


def test_one_text_gives_one_answer_that_names_text_and_model(folder):
    found = px.embed_text("dog", folder, precision="")
    np.testing.assert_allclose(found.vector, [0.6, 0.8], atol=1e-6)
    assert (found.image.source, found.dimension) == ("dog", 2)
    assert (found.model.id, found.model.precision) == (folder.name, "fp32")


def test_a_list_gives_a_list_in_its_order(folder):
    found = px.embed_text(["cat", "dog", "cat"], str(folder))
    assert [answer.image.source for answer in found] == ["cat", "dog", "cat"]
    np.testing.assert_allclose(found[0].vector, [0.8, 0.6], atol=1e-6)
    assert px.similarity(found[0], found).tolist() == pytest.approx([1, 0.96, 1])
    assert px.embed_text([], folder) == []


@pytest.mark.parametrize(
    ("texts", "words"),
    [
        ("", "texts: text 1 must say something, got ''"),
        (["dog", "  "], "texts: text 2 must say something"),
        ([3], "texts: text 1 must be a string, got int 3"),
        (b"dog", "texts must be a list of texts, got b'dog'"),
    ],
)
def test_what_is_no_text_is_told_before_anything_is_loaded(texts, words):
    with pytest.raises(OptionError, match=words):
        px.embed_text(texts, "no such model")


@pytest.mark.parametrize("model", ["dinov2-small", "look", "clip-b32-int8"])
def test_a_model_without_a_tower_for_texts_names_those_that_have_one(model):
    with pytest.raises(
        CardError, match=rf"model '{model}' must have text and tokenizer .* one of: clip-b32, clip-l14, si"
    ):
        px.embed_text("a dog", model)


def test_a_model_that_is_not_here_is_told_without_a_built_in_that_reads_no_texts(tmp_path, monkeypatch):
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path))
    with pytest.raises(ModelMissingError, match=r"pixwise models pull clip-b32, or carry it: .* import models\.tar`$"):
        px.embed_text("a dog", offline=True)


def test_a_misspelt_option_is_told():
    with pytest.raises(OptionError, match="option of embed_text must be known, got 'modle'; did you mean 'model'"):
        px.embed_text("a dog", modle="clip-b32")
