"""Maps of classes against `transformers`: the same weights, its PIL processors, its torch model, its own way back.

Tolerance: 99.9 % of the pixels have the same class; others are ties that 32-bit arithmetic breaks in another way. Here
it is mostly all of them.
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
from transformers.models.dpt.image_processing_pil_dpt import DPTImageProcessorPil
from transformers.models.segformer.image_processing_pil_segformer import SegformerImageProcessorPil

from pixwise.tasks.semantic import SemanticSegmenter

pytestmark = pytest.mark.oracle

SIZES = ((240, 320), (400, 180), (194, 262))
_SQUARE = {"size": {"height": 128, "width": 128}}
PROCESSORS = {
    "segformer": SegformerImageProcessorPil(**_SQUARE),
    "dpt": DPTImageProcessorPil(**_SQUARE),
}


class Case:
    """A model saved to a folder, and the reference's maps of the pictures."""

    def __init__(self, name: str, folder: Path):
        self.model, processor = tiny.make(name), PROCESSORS[name]
        self.folder = tiny.save(name, self.model, processor.to_dict(), folder / name)
        self.pictures = [tiny.jpeg(*size, seed=31 + i) for i, size in enumerate(SIZES)]
        self.wanted = []
        for data, size in zip(self.pictures, SIZES, strict=True):
            with torch.no_grad():
                answer = self.model(**processor(Image.open(io.BytesIO(data)), return_tensors="pt"))
            self.wanted.append(processor.post_process_semantic_segmentation(answer, target_sizes=[size])[0].numpy())
        self.segmenter = SemanticSegmenter.load(str(self.folder), exact=True, threads=1)

    def same(self, segmenter: SemanticSegmenter, index: int) -> float:
        """Share of pixels with the reference's class."""
        return float((segmenter(self.pictures[index]).ids() == self.wanted[index]).mean())


@pytest.fixture(scope="module")
def cases(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Case]:
    return tiny.made_once(Case, tmp_path_factory)


@pytest.mark.parametrize("index", range(len(SIZES)))
@pytest.mark.parametrize("name", PROCESSORS)
def test_the_map_is_the_references(cases, name, index):
    case = cases(name)
    assert len(np.unique(case.wanted[index])) >= 3  # a map of one class would agree with anything
    assert case.same(case.segmenter, index) >= 0.999


def test_a_batch_of_mixed_sizes_is_the_same(cases):
    case = cases("segformer")
    answers = case.segmenter([*case.pictures, *case.pictures])
    assert all((a.ids() == w).mean() >= 0.999 for a, w in zip(answers, [*case.wanted, *case.wanted], strict=True))


def test_rows_are_the_classes_of_the_map_without_the_one_that_says_nothing(cases):
    case = cases("segformer")
    answer = case.segmenter(case.pictures[0])
    ids, counts = np.unique(case.wanted[0], return_counts=True)
    shares = {int(i): n / case.wanted[0].size for i, n in zip(ids, counts, strict=True) if i}
    assert dict(zip(answer.label_ids.tolist(), answer.shares.tolist(), strict=True)) == pytest.approx(shares, abs=1e-6)
    assert answer.mask(answer.labels[0]).area == round(answer.shares[0] * case.wanted[0].size)


@pytest.mark.parametrize("fault", ["channels", "half a pixel", "nearest"])
def test_a_planted_fault_is_seen(cases, fault, monkeypatch):
    case = cases("segformer")
    card, segmenter = case.segmenter.card, case.segmenter
    if fault == "channels":
        segmenter = replace(segmenter, card=replace(card, recipe=replace(card.recipe, channels="BGR")))
        assert case.same(segmenter, 0) < 0.98
        return
    ids = segmenter(case.pictures[0]).ids()
    small = Image.fromarray(ids).resize((32, 32), Image.Resampling.NEAREST)
    wrong = np.roll(ids, 2, axis=1) if fault == "half a pixel" else np.asarray(small.resize(ids.shape[::-1], 0))
    assert (wrong == case.wanted[0]).mean() < 0.998
