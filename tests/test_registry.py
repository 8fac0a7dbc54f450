"""Cards, read from data files and checked key by key."""

import dataclasses

import pytest

from pixwise import registry
from pixwise.errors import CardError, UnknownModelError
from pixwise.pixels import Recipe

TABLE = {"id": "mine", "task": "detect", "head": "yolox", "input": {"size_hw": [64, 96]}}


def made(**changes):
    return registry.card_from_table({**TABLE, **changes}, where="card.toml")


def test_a_table_becomes_a_card():
    card = made(names=["cat", "dog"], files=[{"path": "m.onnx", "part": "model"}])
    assert card.recipe == Recipe(size_hw=(64, 96))
    assert card.names == ("cat", "dog")
    assert card.files[0].part == "model"


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"id": ""}, "card must have 'id' as a string, got ''"),
        ({"headd": "x"}, "card keys must be known, got 'headd'; did you mean 'head'"),
        ({"runtime": "torch"}, "runtime must be one of 'onnx', 'builtin', 'learned', got 'torch'; leave"),
        ({"revision": "main"}, "revision must be 40 hex digits, got 'main'"),
        ({"input": {"sise_hw": [1, 1]}}, "input: keys must be known, got 'sise_hw'; did you mean 'size_hw'"),
        ({"input": {"resize": "squash", "size_hw": [1, 1]}}, "input.resize must be one of"),
        ({"input": {}}, "card.toml: card 'mine': input.size_hw must be two positive numbers, .*; add size_hw = "),
        ({"files": [{"path": "a", "sha256": "12"}]}, "sha256 of a must be 64 hex digits, got '12'"),
        ({"files": [{"part": "model"}]}, "missing 1 required positional argument: 'path'"),
        ({"files": [{"path": "a", "bytes": "12"}]}, r"bytes: must be a whole number, got '12'"),
        ({"files": [{"path": "a"}]}, 'one of its files must be the model, got none; add part = "model"'),
        ({"commercial": "no"}, "commercial: must be true or false, got 'no'"),
        ({"batch": "8"}, "batch: must be a whole number, got '8'"),
        ({"names": "cat"}, "names: must be a list of strings, got 'cat'"),
        ({"options": "suppress"}, "options: must be a table, got 'suppress'"),
        ({"input": "stretch"}, "input must be a table, got 'stretch'"),
        ({"input": {"size_hw": "64"}}, "size_hw: must be two whole numbers, got '64'"),
        ({"input": {"size_hw": [64, 64, 3]}}, r"size_hw: must be two whole numbers, got \[64, 64, 3\]"),
        ({"input": {"size_hw": [64, 64], "mean": [0.5]}}, r"mean: must be three numbers, got \[0.5\]"),
        ({"input": {"size_hw": [64, 64], "std": [1, 0, 1]}}, "input.std must be three numbers other than 0"),
        ({"input": {"size_hw": [64, 64], "channels": "GBR"}}, "input.channels must be one of .*, got 'GBR'"),
        ({"input": {"size_hw": [64, 64], "pad": "middle"}}, "input.pad must be one of .*, got 'middle'"),
        ({"input": {"size_hw": [64, 64], "layout": "NCHW"}}, "input.layout must be one of .*; did you mean 'CHW'"),
        ({"input": {"size_hw": [64, 64], "dtype": "int64"}}, "input.dtype must be one of .*, got 'int64'"),
        ({"task": "detct"}, "card.toml: card 'mine': task must be known, got 'detct'; did you mean 'detect'"),
        ({"batch": 0}, "batch must be at least 1, got 0"),
        ({"files": ["a.onnx"]}, r"files must be a table, got 'a.onnx'; write \[\[files\]\]"),
        ({"input": {"size_hw": [64, 64], "name": 3}}, "input.name must be a string, got 3"),
        ({"input": {"size_hw": [64, 64], "pad": "left"}}, "card.toml: card 'mine': input.pad must be .* got 'left'"),
        ({"input": {"size_hw": [64, 64], "scale": 0.0}}, "input.scale must be a number other than 0, got 0.0"),
        ({"input": {"size_hw": [64, 64], "offset": float("nan")}}, "input.offset must be finite, got nan"),
        ({"input": {"size_hw": [64, 64], "crop_hw": [8, 0]}}, "input.crop_hw must be two positive numbers"),
        ({"input": {"size_hw": [64, 64], "multiple_of": 0}}, "input.multiple_of must be at least 1, got 0"),
        ({"input": {"size_hw": [64, 64], "pad_multiple": 0}}, "input.pad_multiple must be at least 1, got 0"),
        ({"vocabulary": "klingon"}, "vocabulary must be a file of models/names, got 'klingon'"),
        ({"vocabulary": "coco80", "names": ["a"]}, "must have names or vocabulary, got both"),
    ],
)
def test_a_wrong_table_is_refused_with_words(changes, words):
    with pytest.raises(CardError, match=words):
        made(**changes)


def test_an_unknown_model_names_those_that_look_like_it():
    with pytest.raises(UnknownModelError, match="got 'yolox-nanno'; did you mean 'yolox-nano'"):
        registry.card("yolox-nanno")


def test_a_model_of_another_task_is_refused():
    with pytest.raises(CardError, match="model 'yolox-nano' must answer 'classify', got one for 'detect'"):
        registry.card("yolox-nano", "classify")


def test_coco_with_gaps_has_ninety_one_slots_and_eighty_names():
    names = registry.names("coco91")
    assert (len(names), sum(map(bool, names))) == (91, 80)
    assert (names[1], names[44], names[90]) == ("person", "bottle", "toothbrush")
    assert [name for name in names if name] == list(registry.names("coco80"))


def test_each_task_has_at_most_one_default_of_each_runtime():
    for task in registry.tasks():
        defaults = [card.runtime for card in registry.cards(task) if card.default]
        assert len(defaults) == len(set(defaults)) >= 1


def test_defaults_may_be_used_commercially():
    assert all(card.commercial for card in registry.cards() if card.default)


def test_a_card_is_verified_when_every_file_has_a_hash():
    card = made(files=[{"path": "a", "part": "model", "sha256": "0" * 64, "bytes": 3}])
    assert (card.verified, card.bytes) == (True, 3)
    unknown = dataclasses.replace(card, files=(registry.CardFile("a"),))
    assert (unknown.verified, unknown.bytes) == (False, 0)


@pytest.mark.parametrize("card", registry.cards(), ids=lambda card: card.id)
def test_every_card_says_licence_title_and_where_its_files_are(card):
    assert card.licence
    assert card.title
    if card.runtime == "onnx":
        assert any(file.part for file in card.files)
        assert card.repo or all(file.url.startswith("https://") for file in card.files)


def test_a_task_in_the_place_of_a_model_is_told_as_such():
    with pytest.raises(UnknownModelError, match=r"got 'zeroshot'; that is a task: .*pixwise models list zeroshot"):
        registry.card("zeroshot")


def test_a_name_that_looks_like_none_is_not_answered_with_all_of_them():
    with pytest.raises(UnknownModelError, match=r"got 'qqqq'; choose one of the list \(pixwise models list\)$"):
        registry.card("qqqq")
