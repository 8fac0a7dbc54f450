"""Masks inside of boxes, at the edges of the picture."""

import numpy as np
import pytest

from pixwise.pasting import pasted


@pytest.mark.parametrize("box", [(0, 0, 60, 40), (50, 30, 60, 40), (0, 0, 0, 0), (59, 39, 60, 40), (10, 10, 10.5, 40)])
def test_a_mask_stays_in_the_picture_whatever_its_box(box):
    mask = pasted(np.ones((28, 28), np.float32), box, (40, 60))
    assert mask.size_hw == (40, 60)
    assert mask.open().shape == (40, 60)


def test_a_full_mask_fills_its_box_to_the_last_pixel_that_it_touches():
    mask = pasted(np.ones((28, 28), np.float32), (10, 5, 38, 33), (40, 60))
    assert mask.box == (10, 5, 39, 34)


def test_an_empty_mask_has_no_pixel():
    assert pasted(np.zeros((28, 28), np.float32), (10, 5, 38, 33), (40, 60)).area == 0
