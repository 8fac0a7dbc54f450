"""Boxes for words against `transformers`: the same weights, its PIL image processors, its tokenizer call, its
post-processing, from JPEG bytes on.

Tolerances: scores 1e-3, boxes 0.05 pixels of the full picture, so that a shift by half a pixel is seen. The reference
names a phrase of all tokens above a threshold where Grounding DINO answers; ours is the label that owns the best token,
which must be one of the labels in that phrase.
"""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from oracle import finders, tiny
from PIL import Image
from transformers.models.grounding_dino.processing_grounding_dino import GroundingDinoProcessor

from pixwise.tasks.find import Finder

pytestmark = pytest.mark.oracle

SIZES = ((240, 320), (400, 90), (61, 194), (50, 40))  # wide, tall, and smaller than what the model sees
each_kind = pytest.mark.parametrize("name", finders.KINDS)
THRESHOLDS = {"owlvit": 0.3, "owlv2": 0.3, "grounding_dino": 0.5}
WORD = 0.8  # of Grounding DINO's words: so high that phrases are not all labels at once


class Case:
    """A model saved to a folder, and the reference's answers for the pictures."""

    def __init__(self, name: str, folder: Path):
        self.name, self.model = name, finders.make(name)
        finders.save(name, self.model, folder / name)
        self.pictures = [tiny.jpeg(*size, seed=31 + i) for i, size in enumerate(SIZES)]
        self.words = finders.words(name, finders.LABELS)
        self.wanted = [self._answer(picture, size) for picture, size in zip(self.pictures, SIZES, strict=True)]
        self.finder = finders.finder(
            name, self.model, folder / name, labels=finders.LABELS, exact=True, min_score=THRESHOLDS[name],
            min_word_score=WORD,
        )  # fmt: skip

    @torch.no_grad()
    def _answer(self, picture: bytes, size: tuple[int, int]) -> dict:
        pixels = finders.KINDS[self.name].processor(Image.open(io.BytesIO(picture)), return_tensors="pt")
        said = self.model(**self.words, **pixels)
        if self.name != "grounding_dino":
            return finders.KINDS[self.name].processor.post_process_object_detection(
                said, threshold=THRESHOLDS[self.name], target_sizes=[size]
            )[0]
        ids = self.words["input_ids"]
        answer = GroundingDinoProcessor.post_process_grounded_object_detection(
            Positions(), said, torch.arange(ids.shape[1])[None], THRESHOLDS[self.name], WORD, target_sizes=[size]
        )[0]
        row = ids[0].numpy()
        owner = np.where(np.isin(row, (101, 102, 1012)), -1, np.cumsum(row == 1012))  # full stops so far
        phrases = [{int(owner[at]) for at in phrase} - {-1} for phrase in answer["text_labels"]]
        some = [i for i, phrase in enumerate(phrases) if phrase]  # without a word the reference gives a box no name
        kept = {key: answer[key][some] for key in ("scores", "boxes")}
        return {**kept, "phrases": [phrases[i] for i in some]}

    def complaints(self, finder: Finder) -> list[str]:
        each = zip(finder(self.pictures), self.wanted, SIZES, strict=True)
        return [word for ours, wanted, size in each for word in differences(ours, wanted, size)]


class Positions:
    """Stands in for the reference's processor: given positions for token numbers, its phrases are positions."""

    def batch_decode(self, rows: list) -> list[set[int]]:
        return [{int(position) for position in row} for row in rows]


def differences(ours, wanted: dict, size_hw: tuple[int, int]) -> list[str]:
    """What does not agree, in words; nothing when all does."""
    order = np.argsort(-wanted["scores"].numpy(), kind="stable")
    scores = wanted["scores"].numpy()[order]
    if len(ours) != len(scores):
        return [f"{len(ours)} boxes for {len(scores)}"]
    found = []
    if np.abs(ours.scores - scores).max(initial=0) > 1e-3:
        found.append(f"scores {ours.scores} for {scores}")
    if "phrases" in wanted:
        pairs = zip(ours.label_ids, (wanted["phrases"][i] for i in order), strict=True)
        found += [f"label {label} for {phrase}" for label, phrase in pairs if label not in phrase]
    elif ours.label_ids.tolist() != wanted["labels"].numpy()[order].tolist():
        found.append(f"labels {ours.label_ids} for {wanted['labels'].numpy()[order]}")
    boxes = np.clip(wanted["boxes"].numpy()[order], 0, np.float32([size_hw[1], size_hw[0]] * 2))
    if np.abs(ours.boxes - boxes).max(initial=0) > 0.05:
        found.append(f"boxes {ours.boxes} for {boxes}")
    return found


@pytest.fixture(scope="module")
def cases(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Case]:
    return tiny.made_once(Case, tmp_path_factory)


@each_kind
def test_a_finder_gives_the_answer_of_transformers(cases, name):
    case = cases(name)
    assert all(len(wanted["scores"]) >= 4 for wanted in case.wanted), "the oracle must say something"
    assert case.complaints(case.finder) == []


def test_the_phrases_of_the_reference_say_something_about_labels(cases):
    phrases = [tuple(phrase) for wanted in cases("grounding_dino").wanted for phrase in wanted["phrases"]]
    assert sum(len(phrase) < len(finders.LABELS) for phrase in phrases) >= 20
    assert sum(len(phrase) == 1 for phrase in phrases) >= 5


@each_kind
def test_a_batch_of_different_sizes_equals_one_by_one(cases, name):
    finder, pictures = cases(name).finder, cases(name).pictures
    for one, alone in zip(replace(finder, batch=4)(pictures), map(finder, pictures), strict=True):
        assert one.labels == alone.labels
        np.testing.assert_allclose(one.boxes, alone.boxes, atol=0.01)


@pytest.mark.parametrize("name", ["owlvit", "owlv2"])
def test_labels_in_several_runs_give_the_same_answer(cases, name, monkeypatch):
    monkeypatch.setattr("pixwise.tasks.find.LABELS_AT_ONCE", 3)
    assert cases(name).complaints(cases(name).finder) == []


@pytest.mark.parametrize("name", ["owlvit", "owlv2"])
def test_a_template_is_put_around_each_label(cases, name):
    finder = cases(name).finder
    inside = replace(finder, template="{label} x")(cases(name).pictures[0])
    plain = replace(finder, labels=[f"{label} x" for label in finder.labels])(cases(name).pictures[0])
    assert inside.label_ids.tolist() == plain.label_ids.tolist()
    np.testing.assert_array_equal(inside.scores, plain.scores)


# Planted faults: each must be seen.


@each_kind
def test_swapped_channels_are_seen(cases, name):
    finder = cases(name).finder
    recipe = replace(finder.card.recipe, channels="BGR")
    assert cases(name).complaints(replace(finder, card=replace(finder.card, recipe=recipe)))


@each_kind
def test_a_shift_by_half_a_pixel_is_seen(cases, name):
    assert cases(name).complaints(Shifted(**vars(cases(name).finder)))


def test_boxes_of_owlv2_that_are_shares_of_the_picture_are_seen(cases):
    assert cases("owlv2").complaints(Stretched(**vars(cases("owlv2").finder)))


def test_a_picture_that_is_stretched_for_owlv2_is_seen(cases):
    finder = cases("owlv2").finder
    recipe = replace(finder.card.recipe, resize="stretch")
    assert cases("owlv2").complaints(replace(finder, card=replace(finder.card, recipe=recipe)))


@each_kind
def test_labels_in_another_order_are_seen(cases, name):
    assert cases(name).complaints(replace(cases(name).finder, labels=finders.LABELS[::-1]))


class Shifted(Finder):
    """Everything lies half a tensor pixel off."""

    def preprocess(self, picture):
        feeds, fit = super().preprocess(picture)
        return feeds, replace(fit, offset_xy=(0.5, 0.5))


class Stretched(Finder):
    """Shares are taken for those of the picture, as early versions of the reference did."""

    def preprocess(self, picture):
        feeds, fit = super().preprocess(picture)
        height, width = fit.picture_hw
        return feeds, replace(fit, scale_xy=(fit.tensor_hw[1] / width, fit.tensor_hw[0] / height))
