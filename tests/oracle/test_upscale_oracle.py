"""Enlarged pictures against `transformers`: the same weights, its PIL processor, its torch model, its own way to bytes.

Tolerance: 1 of 255, where 32-bit sums in another order end at the other side of a half; here it is one byte in 20 000.
Tiles: a window of attention sees the next one, layer by layer, so a tile is not the whole to the bit; four layers deep
it is within the same 1 of 255.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from oracle import tiny, upscalers
from PIL import Image
from transformers.models.swin2sr.image_processing_pil_swin2sr import Swin2SRImageProcessorPil

from pixwise.samples import photo_like
from pixwise.tasks.upscale import Upscaler

pytestmark = pytest.mark.oracle

SIZES = ((33, 57), (64, 64), (81, 50))


class Case:
    """A model saved to a folder, and the reference's pictures."""

    def __init__(self, upsampler: str, folder: Path):
        self.model = upscalers.make(upsampler)
        self.folder = upscalers.save(upsampler, self.model, folder / upsampler)
        self.pictures = [photo_like(*size, seed) for seed, size in enumerate(SIZES)]
        self.wanted = [self.reference(pixels) for pixels in self.pictures]
        self.upscaler = Upscaler.load(str(self.folder), threads=1)

    def reference(self, pixels: np.ndarray) -> np.ndarray:
        """(sH, sW, 3) uint8, without what the processor added at the right and below."""
        with torch.no_grad():
            made = self.model(**Swin2SRImageProcessorPil()(Image.fromarray(pixels), return_tensors="pt"))
        height, width = (side * self.model.upscale for side in pixels.shape[:2])
        shares = made.reconstruction[0, :, :height, :width].clamp(0, 1).numpy()
        return (shares.transpose(1, 2, 0) * 255.0).round().astype(np.uint8)


@pytest.fixture(scope="module")
def cases(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Case]:
    return tiny.made_once(Case, tmp_path_factory)


def apart(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    return np.abs(a.astype(int) - b)


@pytest.mark.parametrize("index", range(len(SIZES)), ids=str)
@pytest.mark.parametrize("upsampler", upscalers.KINDS)
def test_the_picture_is_the_references(cases, upsampler, index):
    case = cases(upsampler)
    found = apart(case.upscaler(case.pictures[index]).pixels(), case.wanted[index])
    assert case.wanted[index].std() > 20  # a flat picture would agree with anything
    assert found.max() <= 1
    assert (found > 0).mean() < 0.001


def test_a_batch_of_mixed_sizes_is_the_same(cases):
    case = cases("pixelshuffledirect")
    answers = replace(case.upscaler, batch=6)([*case.pictures, *case.pictures])
    assert all(apart(a.pixels(), w).max() <= 1 for a, w in zip(answers, [*case.wanted, *case.wanted], strict=True))


def test_tiles_are_near_the_whole(cases):
    case, pixels = cases("pixelshuffledirect"), photo_like(150, 210, seed=5)
    whole, tiled = case.reference(pixels), replace(case.upscaler, tile=96, overlap=48)(pixels).pixels()
    found = apart(whole, tiled)
    assert found.max() <= 1
    assert found.mean() < 0.001


@pytest.mark.parametrize("fault", ["channels", "padded too little", "not padded", "shifted"])
def test_a_planted_fault_is_seen(cases, fault):
    case = cases("pixelshuffledirect")
    card, pixels, wanted = case.upscaler.card, case.pictures[1], case.wanted[1]
    faulty = {
        "channels": {"channels": "BGR"},
        "padded too little": {"pad_least": 0},
        "not padded": {"pad_with": "value", "pad": "none", "pad_least": 0, "pad_multiple": 1},
    }
    recipe = replace(card.recipe, **faulty.get(fault, {}))
    made = replace(case.upscaler, card=replace(card, recipe=recipe))(pixels).pixels()
    made = np.roll(made, 1, axis=1) if fault == "shifted" else made
    assert apart(made, wanted).max() > 1
