"""Classifiers with sessions that answer as told, and with a real model where the assets are."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest

from pixwise.errors import CardError, OptionError, ShapeError
from pixwise.pixels import Recipe
from pixwise.registry import Card, default_card
from pixwise.session import FakeSession
from pixwise.tasks.classify import Classifier

PICTURE = np.zeros((20, 30, 3), np.uint8)
NAMES = ("cat", "dog", "", "cow")


def classifier(values, head="softmax", names=NAMES, output="logits", **options):
    card = Card(id="fake", task="classify", head=head, names=names, recipe=Recipe(size_hw=(8, 8)))
    return Classifier(card=card, session=FakeSession({output: np.float32([values])}), **options)


def test_softmax_shares_sum_to_one():
    found = classifier([1, 3, -50, 2], min_score=0)(PICTURE)
    assert found.labels == ("dog", "cow", "cat")
    np.testing.assert_allclose(found.scores, np.exp([0, -1, -2]) / np.exp([0, -1, -2]).sum(), atol=1e-6)


def test_each_sigmoid_class_is_a_yes_or_no_of_its_own():
    found = classifier([5, 4, 9, -3], "sigmoid")(PICTURE)
    assert found.labels == ("cat", "dog")
    np.testing.assert_allclose(found.scores, 1 / (1 + np.exp([-5.0, -4.0])), atol=1e-6)


def test_probabilities_stay_as_they_are():
    values = np.array([0.25, 0.5, 0, 0.25]).reshape(4, 1, 1)
    found = classifier(values, "probabilities", output="softmaxout_1")(PICTURE)
    assert (found.labels, found.scores.tolist()) == (("dog", "cat", "cow"), [0.5, 0.25, 0.25])


def test_numbers_of_any_size_do_not_overflow():
    assert classifier([1e4, -1e4, 0, 0])(PICTURE).scores.tolist() == [1]
    assert classifier([1e4, -1e4, -1, -1], "sigmoid")(PICTURE).scores.tolist() == [1]


def test_names_that_are_empty_are_no_class():
    assert "" not in classifier([0, 0, 9, 0], min_score=0)(PICTURE).labels


def test_options_choose_rows():
    assert len(classifier([3, 2, 0, 1], top=1)(PICTURE)) == 1
    assert classifier([3, 2, 0, 1], top=0, min_score=0.2)(PICTURE).labels == ("cat", "dog")


def test_a_model_without_names_answers_with_numbers():
    assert classifier([0, 9], names=())(PICTURE).labels == ("class 1",)


def test_the_usual_score_depends_on_the_head():
    assert [classifier([0] * 4, head).min_score for head in Classifier.heads] == [0.01, 0.5, 0.01]


@pytest.mark.parametrize("options", [{"top": -1}, {"min_score": 2}, {"min_score": "high"}])
def test_options_out_of_range_are_refused(options):
    with pytest.raises(OptionError, match=r"must be a number from 0 to"):
        classifier([0] * 4, **options)


def test_a_model_with_another_number_of_classes_is_named():
    with pytest.raises(ShapeError, match=r"must have 4 values, one per label, got shape \(1, 7\); check the labels"):
        classifier([0] * 7)(PICTURE)


def test_a_detector_is_refused():
    with pytest.raises(CardError, match=r"must answer 'classify', got one for 'detect'"):
        Classifier(
            card=Card(id="x", task="detect", head="softmax", recipe=Recipe(size_hw=(8, 8))), session=FakeSession({})
        )


def test_the_default_is_permissive_and_its_file_has_a_hash_that_was_seen():
    card = default_card("classify")
    assert (card.licence, card.verified, len(card.names)) == ("Apache-2.0", True, 1000)


@pytest.fixture(scope="module")
def squeezenet(assets, tmp_path_factory):
    """SqueezeNet as a user would bring it: the ONNX file and a card beside it."""
    folder = tmp_path_factory.mktemp("squeezenet")
    (folder / "model.onnx").symlink_to((assets / "models/SqueezeNet_fp16.onnx").resolve())
    labels = (assets / "models/imagenet_labels_1001.txt").read_text("utf-8").splitlines()[1:]
    (folder / "card.toml").write_text(
        f'head = "probabilities"\nprecision = "fp16"\nnames = {json.dumps(labels)}\n'
        '[input]\nsize_hw = [256, 256]\nresize = "shortest"\ncrop_hw = [224, 224]\nchannels = "BGR"\nscale = 1.0\n'
        'mean = [103.939, 116.779, 123.68]\ndtype = "float16"\n',
        "utf-8",
    )
    return Classifier.load(str(folder), threads=1)


BREEDS = {  # of the pets, those that ImageNet has
    "pet_basset_hound_50.jpg": "basset",
    "pet_german_shorthaired_58.jpg": "German short-haired pointer",
    "pet_samoyed_42.jpg": "Samoyed",
}


@pytest.mark.assets
@pytest.mark.parametrize("file", BREEDS)
def test_squeezenet_names_the_breed(assets, squeezenet, file):
    assert squeezenet(assets / "data/pets" / file).labels[0] == BREEDS[file]


@pytest.mark.assets
def test_squeezenet_sees_swapped_channels(assets, squeezenet):
    recipe = replace(squeezenet.card.recipe, channels="RGB", mean=squeezenet.card.recipe.mean[::-1])
    swapped = replace(squeezenet, card=replace(squeezenet.card, recipe=recipe), min_score=0.0, top=0)
    right, wrong = (
        np.mean(
            [
                row.score
                for file, breed in BREEDS.items()
                for row in one(assets / "data/pets" / file)
                if row.label == breed
            ]
        )
        for one in (replace(squeezenet, min_score=0.0, top=0), swapped)
    )
    assert right > wrong + 0.05


@pytest.mark.assets
def test_many_pictures_of_different_sizes_equal_one_by_one(assets, squeezenet):
    paths = [assets / "data/pets" / file for file in BREEDS]
    together = replace(squeezenet, batch=3)(paths)
    assert [one.labels for one in together] == [squeezenet(path).labels for path in paths]
