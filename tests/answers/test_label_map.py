"""Maps of ids: the quick way to the best class of each pixel against the plain one; there and back."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from pixwise.answers.label_map import LabelMap, best_classes
from pixwise.errors import ShapeError


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


@pytest.mark.parametrize("kind", [np.uint8, np.uint16])
def test_a_map_goes_there_and_back_as_a_png(kind):
    ids = np.random.default_rng(1).integers(0, 200 if kind is np.uint8 else 60_000, (13, 17)).astype(kind)
    assert LabelMap.read(LabelMap(ids).to_uri()) == LabelMap(ids)
    assert LabelMap.read("").size_hw == (0, 0)


def test_pixels_are_counted_also_beyond_what_a_float_holds():
    ids = np.zeros((4100, 4100), np.uint8)
    ids[0, :3] = 7
    assert LabelMap(ids).pixels().tolist() == [4100 * 4100 - 3, 0, 0, 0, 0, 0, 0, 3]
    assert LabelMap(np.array([[300, 2]])).pixels()[[2, 300]].tolist() == [1, 1]


def test_a_mask_has_the_pixels_of_its_id():
    assert LabelMap(np.array([[1, 2], [2, 2]])).mask(2).area == 3


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (np.zeros(3, np.uint8), "shape"),
        (np.array([[-1]]), "from 0 to 65535"),
        (np.array([[0.5]]), "whole numbers"),
        ("data:text", "grey PNG"),
        ("data:image/png;base64,AAAA", "grey PNG"),
        ("data:image/png;base64,%%", "grey PNG"),
    ],
)
def test_what_is_no_map_is_refused(given, said):
    with pytest.raises(ShapeError, match=said):
        LabelMap.read(given)


def test_logits_that_are_not_finite_are_refused():
    with pytest.raises(ShapeError, match="finite"):
        best_classes(np.full((2, 2, 2), np.nan, np.float32), (4, 4))
