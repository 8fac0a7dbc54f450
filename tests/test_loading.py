"""From a name to a card with the files that the task runs."""

import shutil
import socket
from dataclasses import replace
from functools import partial

import numpy as np
import pytest
from learning import hand_made
from test_session import write_model
from tiny_encoder import write_encoder

import pixwise as px
from pixwise import registry
from pixwise.collections import Focus, Looker, MembershipClassifier
from pixwise.errors import CardError, ModelMissingError, OptionError, SetupError, UnknownModelError
from pixwise.loading import load_card, load_helpers, load_model
from pixwise.pool import Pool
from pixwise.recipe import Recipe
from pixwise.registry import Card, CardFile
from pixwise.task_table import cards_of
from pixwise.tasks.embed import Embedder
from pixwise.tasks.identify import Identifier
from pixwise.vectors import similarity

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


@pytest.fixture
def encoder(tmp_path, monkeypatch):
    monkeypatch.setenv("PIXWISE_HOME", str(tmp_path / "home"))
    return str(write_encoder(tmp_path / "encoder"))


def test_a_vector_of_8_bit_weights_says_so_and_is_nearly_the_same(encoder, photo):
    full, small = (Embedder.load(encoder, precision=precision)(photo) for precision in ("", "int8"))
    assert (full.model.precision, small.model.precision) == ("fp32", "int8")
    assert 0.999 < full.vector @ small.vector < 1 - 1e-6
    with pytest.raises(OptionError, match="vectors must be of one precision, got 'fp32' and 'int8'"):
        similarity(full, small)


def test_the_one_liner_takes_a_precision_and_the_copy_needs_no_network(encoder, photo, monkeypatch):
    monkeypatch.setattr(socket, "socket", None)
    assert px.embed(photo, encoder, precision="int8", offline=True).model.precision == "int8"


def test_the_pool_keeps_precisions_apart_and_each_once(encoder):
    pool = Pool()
    full, small, again = (pool.task("embed", encoder, precision=each).session for each in ("", "int8", "int8"))
    assert small is again is not full
    assert len(pool) == 2


def test_only_models_have_a_precision_and_other_parts_are_shared(encoder, tmp_path):
    (tmp_path / "encoder" / "tokenizer.json").write_text("{}")
    shutil.copy(tmp_path / "encoder" / "model.onnx", tmp_path / "encoder" / "text.onnx")
    files = (CardFile("model.onnx", "model"), CardFile("text.onnx", "text"), CardFile("tokenizer.json", "tokenizer"))
    card, pool = replace(load_card(encoder, "embed"), files=files), Pool()
    full, small = pool.session(card), pool.session(replace(card, made="int8"))
    assert full.files == small.files
    assert full.of("model") is not small.of("model")
    assert len(pool) == 5


def test_a_part_without_products_stays_as_it_is(encoder, tmp_path):
    write_model(tmp_path / "encoder" / "sum.onnx")
    files = (CardFile("model.onnx", "model"), CardFile("sum.onnx", "text"))
    card = replace(load_card(encoder, "embed"), files=files, made="int8")
    for session in (load_model(card), Pool().session(card)):
        assert session.run({"x": np.ones((1, 3), np.float32)}, "text")["y"].tolist() == [[2, 2, 2]]


def test_a_model_in_which_nothing_gets_smaller_is_refused(encoder, tmp_path):
    write_model(tmp_path / "encoder" / "model.onnx")
    for load in (Embedder.load, partial(Pool().task, "embed")):
        with pytest.raises(OptionError, match=r"precision int8 needs a model with products of matrices, got 'encoder'"):
            load(encoder, precision="int8")


@pytest.mark.parametrize(
    ("model", "options", "error", "words"),
    [
        ("clip-b32", {"precision": "int4"}, OptionError, "precision must be 'int8', got 'int4'; leave it out"),
        ("look", {"precision": "int8"}, OptionError, "needs a model with files, got the built-in 'look'"),
        ("clip-b32-int8", {"precision": "int8"}, OptionError, "with fp32 weights, got 'clip-b32-int8' with int8"),
        ("clip-b32", {"precison": "int8"}, OptionError, "did you mean 'precision'"),
        ("clip-b32", {"precision": "int8", "device": "cuda"}, SetupError, "int8 runs on the CPU, got device cuda"),
        ("clip-b32", {"precision": "int8", "offline": True}, ModelMissingError, "must be on this machine"),
    ],
)
def test_a_precision_that_cannot_be_is_told_before_anything_is_fetched(model, options, error, words):
    for load in (Embedder.load, partial(Pool().task, "embed")):
        with pytest.raises(error, match=words):
            load(model, **options)


def test_identify_is_not_advised_to_find_faces_without_landmarks(hub, no_sockets):
    card, find = registry.card("haar-frontal"), partial(px.FaceDetector.load, offline=True)
    with pytest.raises(ModelMissingError, match=r"'yunet' must be on this machine .* models import models\.tar`$"):
        load_helpers(card, ("faces",), {}, lambda need, model: find(model), True)


def test_a_collection_is_advised_the_option_that_it_has():
    with pytest.raises(ModelMissingError, match=r"no fetch \(command line: --finder hog-people\)$"):
        Looker.load(Focus(target="prominent_person", embeddings=("look",)), offline=True)


@pytest.mark.parametrize("load", [Identifier.load, lambda **told: Pool().task("identify", **told)])
def test_offline_the_models_of_a_task_and_its_needs_are_named_at_once(hub, no_sockets, load):
    words = r"models 'sface', 'yunet' must be .*: pixwise models pull sface yunet, or carry it: .*import models\.tar`$"
    with pytest.raises(ModelMissingError, match=words):
        load(offline=True)


def test_offline_one_model_is_named_with_the_ways_to_carry_it(hub, no_sockets):
    with pytest.raises(ModelMissingError, match=r"bundle sface -o models\.tar`, here `pixwise models import"):
        Identifier.load(offline=True, helpers={"faces": print})


@pytest.mark.parametrize("load", [Identifier.load, lambda **told: Pool().task("identify", **told)])
def test_a_helper_may_be_the_name_of_a_model(hub, no_sockets, load):
    with pytest.raises(UnknownModelError, match="got 'models/face-detector', which is not there"):
        load(offline=True, helpers={"faces": "models/face-detector"})
    with pytest.raises(OptionError, match="got 'face'; did you mean 'faces'"):
        load(offline=True, helpers={"face": "haar-frontal"})


def test_helpers_are_loaded_where_they_are_models():
    given = {"faces": "haar-frontal"}
    loaded = load_helpers(registry.card("sface"), ("faces",), given, lambda need, model: (need, model), False)
    assert loaded == {"faces": ("faces", "haar-frontal")}


def test_a_collection_is_not_advised_another_model_than_it_was_trained_on(hub, no_sockets):
    with pytest.raises(ModelMissingError) as told:
        MembershipClassifier.load(hand_made(models=("clip-b32",)), offline=True)
    assert "look" not in str(told.value)
