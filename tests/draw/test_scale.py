"""The scale of a coloured map: in the corner, legible, left out where it has no room."""

import numpy as np
import pytest
from PIL import Image

from pixwise.draw.canvas import Canvas
from pixwise.draw.scale import draw_scale

COLOURS = [(255, 0, 0), (0, 255, 0), (0, 0, 255)]
TICKS = ["near 0.50 m", "2.0 m", "far 9.00 m"]


def drawn(width, height, ticks=TICKS):
    canvas = Canvas(Image.new("RGB", (width, height), (120, 120, 120)))
    draw_scale(canvas, COLOURS, ticks)
    return np.asarray(canvas.image).astype(int)


def changed(pixels):
    """(x1, y1, x2, y2) around what was drawn, with what is left of the picture on each side."""
    rows, columns = (np.flatnonzero((pixels != 120).any(axis=(axis, 2))) for axis in (1, 0))
    return columns[0], rows[0], pixels.shape[1] - columns[-1] - 1, pixels.shape[0] - rows[-1] - 1


@pytest.mark.parametrize("size", [(640, 480), (4000, 3000), (300, 900)], ids=str)
def test_it_lies_in_the_lower_right_corner_and_keeps_to_itself(size):
    left, top, right, bottom = changed(drawn(*size))
    assert 0 < right < 0.05 * size[0]
    assert 0 < bottom < 0.05 * size[1]
    assert left > 0.05 * size[0]
    assert top > 0.7 * size[1]


def test_colours_go_from_left_to_right():
    pixels = drawn(640, 480)
    places = [np.flatnonzero((pixels == colour).all(axis=2).any(axis=0)).mean() for colour in COLOURS]
    assert places == sorted(places)


def test_there_is_white_on_black_for_the_numbers():
    pixels = drawn(640, 480)
    assert ((pixels == 0).all(axis=2).sum() > 500, (pixels > 250).all(axis=2).sum() > 100) == (True, True)


@pytest.mark.parametrize("size", [(60, 480), (640, 20), (1, 1)], ids=str)
def test_it_is_left_out_where_it_has_no_room(size):
    assert (drawn(*size) == 120).all()
