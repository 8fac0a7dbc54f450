"""Vectors against `transformers`: the same weights, its PIL image processors, its torch model, from JPEG bytes on.

Tolerance: cosine 0.9999 as promised. The planted faults (swapped channels, half a pixel, another head) all fall below.
"""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from oracle import tiny, towers
from PIL import Image

from pixwise.errors import ShapeError
from pixwise.samples import photo_like
from pixwise.tasks.embed import Embedder
from pixwise.vectors import similarity, unit

pytestmark = pytest.mark.oracle

ENOUGH = 0.9999
SIZES = ((240, 320), (400, 180), (194, 262))
WRONG_HEADS = {"siglip": "mean_patches", "dinov2": "mean_patches", "dinov2_patches": "cls"}
each_tower = pytest.mark.parametrize("name", towers.TOWERS)


def large() -> bytes:
    """A JPEG of 12 megapixels."""
    buffer = io.BytesIO()
    Image.fromarray(photo_like(750, 1000, seed=5)).resize((4000, 3000)).save(buffer, "JPEG", quality=90)
    return buffer.getvalue()


PICTURES = [*(tiny.jpeg(*size, seed=21 + i) for i, size in enumerate(SIZES)), large()]


class Case:
    """A model saved to a folder, and the reference's vectors of the pictures."""

    def __init__(self, name: str, folder: Path):
        tower, self.model = towers.TOWERS[name], towers.make(name)
        tensors = [tower.processor(Image.open(io.BytesIO(data)), return_tensors="pt") for data in PICTURES]
        with torch.no_grad():
            self.wanted = torch.cat([tower.vector(self.model, each["pixel_values"]) for each in tensors]).numpy()
        self.embedder = Embedder.load(str(towers.save(name, self.model, folder / name)), exact=True, threads=1)
        if name == "dinov2_patches":
            self.embedder = replace(self.embedder, card=replace(self.embedder.card, head="mean_patches"))

    def cosines(self, embedder: Embedder) -> np.ndarray:
        ours = np.stack([embedder(data).vector for data in PICTURES])
        return (ours * unit(self.wanted)).sum(axis=1)  # (4,)


@pytest.fixture(scope="module")
def cases(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Case]:
    return tiny.made_once(Case, tmp_path_factory)


@each_tower
def test_vectors_are_those_of_transformers(cases, name):
    case = cases(name)
    assert case.cosines(case.embedder).min() >= ENOUGH


@each_tower
def test_a_scaled_decode_of_12_megapixels_stays_close(cases, name):  # random weights feel each pixel; 0.9993 was seen
    case = cases(name)
    assert case.cosines(replace(case.embedder, exact=False)).min() >= 0.999


@each_tower
def test_a_batch_of_different_sizes_equals_one_by_one(cases, name):
    case = cases(name)
    together = replace(case.embedder, batch=4)(PICTURES)
    for one, alone in zip(together, map(case.embedder, PICTURES), strict=True):
        np.testing.assert_allclose(one.vector, alone.vector, atol=1e-5)


@each_tower
def test_8_bit_weights_stay_close_to_transformers(cases, name):  # 0.991 was seen: 32 numbers a layer average little
    case = cases(name)
    small = Embedder.load(case.embedder.card.folder, exact=True, threads=1, precision="int8")
    cosines = case.cosines(replace(small, card=replace(small.card, head=case.embedder.card.head)))
    assert 0.98 < cosines.min() < 1 - 1e-5


@each_tower
def test_pictures_differ_from_one_another(cases, name):
    case = cases(name)
    others = similarity(answers := case.embedder(PICTURES), answers)[~np.eye(len(PICTURES), dtype=bool)]
    assert others.max() < ENOUGH


@each_tower
def test_swapped_channels_are_seen(cases, name):
    case = cases(name)
    recipe = replace(case.embedder.card.recipe, channels="BGR")
    swapped = replace(case.embedder, card=replace(case.embedder.card, recipe=recipe))
    assert case.cosines(swapped).max() < ENOUGH


@each_tower
def test_a_shift_by_half_a_pixel_is_seen(cases, name):
    case = cases(name)
    assert case.cosines(Shifted(**vars(case.embedder))).max() < ENOUGH


@pytest.mark.parametrize(("name", "head"), WRONG_HEADS.items())
def test_the_wrong_head_is_seen(cases, name, head):
    case = cases(name)
    assert case.cosines(replace(case.embedder, card=replace(case.embedder.card, head=head))).max() < ENOUGH


@pytest.mark.parametrize("name", ["clip", "clip_vision", "convnext"])
def test_a_head_that_the_outputs_do_not_fit_is_refused(cases, name):
    embedder = cases(name).embedder
    with pytest.raises(ShapeError, match=r"must contain 'last_hidden_state' \(n, tokens, D\), got .* check the head"):
        replace(embedder, card=replace(embedder.card, head="cls"))(PICTURES[0])


class Shifted(Embedder):
    """A planted fault: the model sees everything half a pixel to the right."""

    def preprocess(self, picture):
        feeds, fit = super().preprocess(picture)
        return {name: (rows + np.roll(rows, 1, axis=-1)) / 2 for name, rows in feeds.items()}, fit
