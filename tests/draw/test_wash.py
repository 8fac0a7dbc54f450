"""Masks drawn: the inside is washed, the edge is a line, the rest stays."""

import numpy as np
import pytest

from pixwise.draw import draw
from pixwise.draw.wash import washed
from pixwise.masks import Mask
from pixwise.results import Masks
from pixwise.samples import photo_like

RED = (250, 40, 30)


def masks_of(*arrays, scores=None):
    masks = [Mask.from_array(array) for array in arrays]
    return Masks(
        objects=range(len(masks)),
        scores=[0.9] * len(masks),
        stabilities=[1] * len(masks),
        areas=[mask.area for mask in masks],
        boxes=[mask.box for mask in masks],
        masks=masks,
    )


def square(low, high, size_hw=(240, 320)):
    array = np.zeros(size_hw, bool)
    array[low:high, low:high] = True
    return array


def test_what_is_outside_stays_and_the_argument_too():
    pixels = photo_like(60, 80)
    before, inside = pixels.copy(), square(10, 40, (60, 80))
    out = washed(pixels, inside, RED, 2, 1)
    np.testing.assert_array_equal(out[~inside], before[~inside])
    np.testing.assert_array_equal(pixels, before)


def test_the_edge_is_the_colour_and_the_inside_between_it_and_the_picture():
    pixels = np.full((60, 80, 3), 200, np.uint8)
    out = washed(pixels, square(10, 40, (60, 80)), RED, 2, 1)
    assert tuple(out[10, 25]) == RED
    assert out[25, 25].tolist() == [220, 136, 132]


def test_a_mask_up_to_the_border_has_its_edge_there():
    out = washed(np.full((20, 20, 3), 200, np.uint8), np.ones((20, 20), bool), RED, 1, 1)
    assert tuple(out[0, 10]) == tuple(out[10, 19]) == RED


def test_a_small_mask_lies_on_a_large_one():
    picture = photo_like(240, 320)
    one, two = (np.asarray(draw(picture, masks_of(*pair))) for pair in ((square(40, 200), square(90, 150)),) * 2)
    np.testing.assert_array_equal(one, two)
    turned = np.asarray(draw(picture, masks_of(square(40, 200), square(90, 150)).select([1, 0])))
    assert np.abs(turned[120, 120].astype(int) - one[120, 120]).max() < 3


def test_each_object_has_a_colour_of_its_own():
    drawn = np.asarray(draw(np.full((240, 320, 3), 128, np.uint8), masks_of(square(20, 100), square(120, 200))))
    assert np.abs(drawn[60, 60].astype(int) - drawn[160, 160]).max() > 20


@pytest.mark.parametrize("size_hw", [(1, 1), (10, 2000)])
def test_masks_of_odd_pictures_are_drawn(size_hw):
    picture = np.full((*size_hw, 3), 90, np.uint8)
    assert draw(picture, masks_of(np.ones(size_hw, bool))).size == size_hw[::-1]
