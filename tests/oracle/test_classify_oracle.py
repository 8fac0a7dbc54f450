"""Classifiers against `transformers`: the same weights, its PIL image processors, its torch model, its own formula.

Tolerance: scores 1e-3 as promised; labels in the same order.
"""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from oracle import tiny
from PIL import Image
from transformers.models.convnext.image_processing_pil_convnext import ConvNextImageProcessorPil
from transformers.models.mobilenet_v2.image_processing_pil_mobilenet_v2 import MobileNetV2ImageProcessorPil
from transformers.models.vit.image_processing_pil_vit import ViTImageProcessorPil

from pixwise.tasks.classify import Classifier

pytestmark = pytest.mark.oracle

SIZES = ((240, 320), (400, 180), (194, 262))
MODELS = ("convnext", "vit", "vit_multi_label", "mobilenet_v2")
_SQUARE = {"size": {"height": 96, "width": 96}}
PROCESSORS = {
    "convnext": ConvNextImageProcessorPil(size={"shortest_edge": 128}, crop_pct=0.875),
    "vit": ViTImageProcessorPil(**_SQUARE),
    "vit_multi_label": ViTImageProcessorPil(**_SQUARE),
    "mobilenet_v2": MobileNetV2ImageProcessorPil(size={"shortest_edge": 110}, crop_size={"height": 96, "width": 96}),
}


class Case:
    """A model saved to a folder, and the reference's scores for the pictures."""

    def __init__(self, name: str, folder: Path):
        self.model, processor = tiny.make(name), PROCESSORS[name]
        self.folder = tiny.save(name, self.model, processor.to_dict(), folder / name)
        self.pictures = [tiny.jpeg(*size, seed=21 + i) for i, size in enumerate(SIZES)]
        tensors = [processor(Image.open(io.BytesIO(data)), return_tensors="pt") for data in self.pictures]
        with torch.no_grad():
            logits = torch.cat([self.model(**tensor).logits for tensor in tensors])
        self.wanted = (logits.sigmoid() if name == "vit_multi_label" else logits.softmax(-1)).numpy()  # (3, C)
        self.classifier = Classifier.load(str(self.folder), exact=True, threads=1, min_score=0.0, top=6)

    def complaints(self, classifier: Classifier, index: int) -> list[str]:
        ours, wanted = classifier(self.pictures[index]), self.wanted[index]
        best = np.argsort(-wanted, kind="stable")[: classifier.top]
        labels = tuple(self.model.config.id2label[int(i)] for i in best)
        found = [] if ours.labels == labels else [f"labels {ours.labels} for {labels}"]
        return found + ([] if np.abs(ours.scores - wanted[best]).max() <= 1e-3 else [f"{ours.scores} {wanted[best]}"])


@pytest.fixture(scope="module")
def cases(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Case]:
    return tiny.made_once(Case, tmp_path_factory)


@pytest.mark.parametrize("name", MODELS)
def test_a_classifier_gives_the_answer_of_transformers(cases, name):
    case = cases(name)
    assert [case.complaints(case.classifier, i) for i in range(len(SIZES))] == [[], [], []]


@pytest.mark.parametrize("name", MODELS)
def test_a_batch_of_different_sizes_equals_one_by_one(cases, name):
    case = cases(name)
    together = replace(case.classifier, batch=3)(case.pictures)
    for one, alone in zip(together, map(case.classifier, case.pictures), strict=True):
        assert one.labels == alone.labels
        np.testing.assert_allclose(one.scores, alone.scores, atol=1e-5)


@pytest.mark.parametrize("name", MODELS)
def test_swapped_channels_are_seen(cases, name):
    case = cases(name)
    recipe = replace(case.classifier.card.recipe, channels="BGR")
    assert case.complaints(replace(case.classifier, card=replace(case.classifier.card, recipe=recipe)), 0)


@pytest.mark.parametrize("name", MODELS)
def test_a_shift_by_half_a_pixel_is_seen(cases, name):
    case = cases(name)
    assert case.complaints(Shifted(**vars(case.classifier)), 0)


@pytest.mark.parametrize("name", MODELS)
def test_the_wrong_head_is_seen(cases, name):
    case = cases(name)
    head = "softmax" if name == "vit_multi_label" else "sigmoid"
    assert case.complaints(replace(case.classifier, card=replace(case.classifier.card, head=head)), 0)


class Shifted(Classifier):
    """A planted fault: the model sees everything half a pixel to the right."""

    def preprocess(self, picture):
        feeds, fit = super().preprocess(picture)
        return {name: (rows + np.roll(rows, 1, axis=-1)) / 2 for name, rows in feeds.items()}, fit
