"""Noise as it is measured, and what the engines do with odd pictures."""

import cv2
import numpy as np
import pytest
from PIL import Image

from pixwise.engines.repair import FillSession, NonLocalMeans, noise_deviation
from pixwise.samples import photo_like

CLEAN = np.asarray(Image.fromarray(photo_like(24, 32)).resize((256, 192), Image.Resampling.BICUBIC))


@pytest.mark.parametrize("deviation", [3, 8, 15])
def test_noise_is_measured(deviation):
    noisy = np.clip(CLEAN + np.random.default_rng(0).normal(0, deviation, CLEAN.shape), 0, 255).astype(np.uint8)
    assert noise_deviation(cv2, noisy) == pytest.approx(deviation, rel=0.15)


def test_smooth_pictures_have_none():
    assert noise_deviation(cv2, CLEAN) < 0.8


@pytest.mark.parametrize("size", [(1, 1), (2, 300), (300, 2)], ids=str)
def test_odd_pictures_are_answered(size):
    pixels = np.full((*size, 3), 90, np.uint8)
    np.testing.assert_array_equal(NonLocalMeans()(pixels)["pixels"], pixels)


def test_colours_keep_their_places():
    noisy = np.clip(CLEAN + np.random.default_rng(0).normal(0, 10, CLEAN.shape), 0, 255).astype(np.uint8)
    made = NonLocalMeans()(noisy)["pixels"].astype(int)
    assert np.abs(made - CLEAN).mean() < np.abs(made - CLEAN[..., ::-1]).mean() / 3


def test_a_hole_is_filled_from_its_rim():
    pixels, mask = np.full((1, 20, 20, 3), 60, np.uint8), np.zeros((1, 20, 20), np.uint8)
    pixels[0, 8:12, 8:12], mask[0, 8:12, 8:12] = 250, 1
    assert FillSession("INPAINT_TELEA").run({"image": pixels, "mask": mask})["pixels"].max() <= 62
