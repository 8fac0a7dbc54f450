"""Surfaces over a picture: the quick way to the highest of them against the plain one."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from pixwise import surfaces
from pixwise.errors import ShapeError
from pixwise.surfaces import best_classes, highest


def plain(logits, size_hw):
    """All maps enlarged, then the best: as references do it."""
    large = torch.nn.functional.interpolate(torch.from_numpy(logits)[None], size=size_hw, mode="bilinear")
    return large[0].argmax(0).numpy()


@given(
    st.integers(1, 9), st.integers(1, 12), st.integers(1, 12), st.integers(1, 40), st.integers(1, 40), st.integers(0, 9)
)
def test_the_best_class_is_that_of_the_enlarged_maps(classes, h, w, height, width, seed):
    logits = np.random.default_rng(seed).normal(0, 1, (classes, h, w)).astype(np.float32)
    assert (best_classes(logits, (height, width)) == plain(logits, (height, width))).mean() > 0.999


def test_of_equal_logits_the_first_class_wins():
    assert (best_classes(np.ones((4, 3, 3), np.float32), (7, 8)) == 0).all()
    logits = np.zeros((3, 2, 2), np.float32)
    logits[1:, :, 1] = 1  # classes 1 and 2 tie on the right
    assert set(np.unique(best_classes(logits, (2, 9)))) == {0, 1}


def test_a_class_that_wins_at_no_corner_can_win_between_them():
    logits = np.array([[[3.0, 0.0]], [[0.0, 3.0]], [[2.9, 2.9]]], np.float32)  # (3, 1, 2)
    assert 2 in best_classes(logits, (1, 9))
    assert (best_classes(logits, (1, 9)) == plain(logits, (1, 9))).all()


def test_many_classes_need_sixteen_bits():
    logits = np.random.default_rng(0).normal(0, 1, (300, 5, 5)).astype(np.float32)
    found = best_classes(logits, (20, 20))
    assert found.dtype == np.uint16
    assert (found == plain(logits, (20, 20))).all()


def test_logits_that_are_not_finite_are_refused():
    with pytest.raises(ShapeError, match="finite"):
        best_classes(np.full((2, 2, 2), np.nan, np.float32), (4, 4))


@given(
    st.integers(1, 5), st.integers(1, 9), st.integers(1, 9), st.integers(1, 40), st.integers(1, 40), st.integers(0, 9)
)
def test_pixels_that_reach_a_threshold_are_those_of_the_enlarged_maps(count, h, w, height, width, seed):
    maps = np.random.default_rng(seed).uniform(0, 1, (count, h, w)).astype(np.float32)
    large = torch.nn.functional.interpolate(torch.from_numpy(maps)[None], size=(height, width), mode="bilinear")[0]
    found = highest(lambda low, high: maps[:, low:high], maps.shape, (height, width), 0.55)[1]
    assert np.abs(found - (large >= 0.55).sum((1, 2)).numpy()).max() <= 1


def test_it_is_the_same_in_one_band_and_in_many(monkeypatch):
    maps = np.random.default_rng(3).uniform(0, 1, (4, 9, 11)).astype(np.float32)
    whole = highest(lambda low, high: maps[:, low:high], maps.shape, (50, 60), 0.5)
    monkeypatch.setattr(surfaces, "_AT_ONCE", 50)
    parts = highest(lambda low, high: maps[:, low:high], maps.shape, (50, 60), 0.5)
    assert all(np.array_equal(a, b) for a, b in zip(whole, parts, strict=True))
