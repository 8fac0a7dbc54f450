"""What is to be filled: masks from anything, boxes, polygons, and the windows around them."""

import base64
import io

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from pixwise.errors import OptionError
from pixwise.holes import as_hole, hole_of, windows_of
from pixwise.masks import Mask
from pixwise.results import Masks, Matte

HOLE = np.zeros((40, 60), bool)
HOLE[10:20, 30:50] = True


def png(pixels):
    data = io.BytesIO()
    Image.fromarray(pixels).save(data, "PNG")
    return data.getvalue()


def answer():
    mask = Mask.from_array(HOLE)
    return Masks(
        objects=[0], scores=[0.9], stabilities=[0.9], areas=[mask.area], boxes=np.float32([mask.box]), masks=[mask]
    )


@pytest.mark.parametrize(
    "given",
    [
        HOLE,
        HOLE.astype(np.uint8),
        HOLE.astype(np.uint8) * 200,
        Mask.from_array(HOLE),
        Mask.from_array(HOLE).to_rle(),
        [Mask.from_array(HOLE), Mask.from_array(HOLE)],
        answer(),
        Matte.of(HOLE.astype(np.uint8) * 255),
        png(HOLE.astype(np.uint8) * 255),
        "data:image/png;base64," + base64.b64encode(png(HOLE.astype(np.uint8) * 255)).decode(),
        Image.fromarray(HOLE.astype(np.uint8) * 255),
    ],
    ids=lambda given: type(given).__name__,
)
def test_a_mask_comes_from_whatever_tells_pixels(given):
    np.testing.assert_array_equal(as_hole(given), HOLE)


def test_a_mask_comes_from_a_file(tmp_path):
    (tmp_path / "mask.png").write_bytes(png(HOLE.astype(np.uint8) * 255))
    np.testing.assert_array_equal(as_hole(tmp_path / "mask.png"), HOLE)
    assert as_hole(()) is None


def test_what_is_transparent_in_a_mask_is_not_filled():
    painted = np.dstack([np.full((40, 60, 3), 255, np.uint8), HOLE.astype(np.uint8) * 255])
    np.testing.assert_array_equal(as_hole(png(painted)), HOLE)


@pytest.mark.parametrize(
    ("given", "told"),
    [
        (3, r"mask must be a picture, an \(H, W\) array, a Mask or an answer with masks, got int"),
        (np.zeros((4, 5)), r"must be \(H, W\) of True and False or bytes, got float64 \(4, 5\)"),
        (Masks.empty(), "mask must mark something, got an answer without masks"),
        ([HOLE, HOLE[:5]], "masks must be of one size, got 60 x 40, 60 x 5"),
    ],
)
def test_what_is_no_mask_is_told(given, told):
    with pytest.raises(OptionError, match=told):
        as_hole(given)


def test_a_pixel_belongs_to_a_box_when_its_centre_does():
    hole = hole_of((10, 10), None, ((2.4, 3.5, 5.6, 6.0),), (), 0)
    ys, xs = np.nonzero(hole)
    assert (xs.min(), xs.max(), ys.min(), ys.max()) == (2, 5, 3, 5)


def test_a_polygon_is_filled_and_all_is_joined():
    triangle = ((0.0, 0.0), (20.0, 0.0), (0.0, 20.0))
    hole = hole_of((40, 60), HOLE, ((55, 35, 60, 40),), (triangle,), 0)
    assert hole[2, 2]
    assert not hole[18, 18]
    assert hole[15, 40]
    assert hole[36, 57]


def test_a_hole_grows_by_pixels():
    dot = np.zeros((40, 60), bool)
    dot[20, 30] = True
    ys, xs = np.nonzero(hole_of((40, 60), dot, (), (), 4))
    assert (xs.min(), xs.max(), ys.min(), ys.max()) == (26, 34, 16, 24)


@pytest.mark.parametrize(
    ("mask", "boxes", "told"),
    [
        (HOLE[:30], (), "mask must be of the size of the picture, 60 x 40, got 60 x 30; give one of this picture"),
        (None, ((70, 10, 90, 20),), "box must overlap the 60 x 40 picture, got 70,10,90,20"),
        (np.ones((40, 60), bool), (), "mask must leave a part of the picture to go by, got all of it"),
    ],
)
def test_holes_that_cannot_be_filled_are_told(mask, boxes, told):
    with pytest.raises(OptionError, match=told):
        hole_of((40, 60), mask, boxes, (), 0)


def test_a_small_hole_in_a_large_picture_is_seen_at_its_own_size():
    hole = np.zeros((3000, 4000), bool)
    hole[1000:1100, 2000:2200] = True
    [window] = windows_of(hole, (512, 512))
    x1, y1, x2, y2 = window.seen
    assert (x2 - x1, y2 - y1) == (512, 512)
    assert abs((x1 + x2) / 2 - 2100) <= 1


def test_holes_far_apart_are_seen_each_and_near_ones_together():
    hole = np.zeros((1000, 3000), bool)
    hole[100:120, 100:120] = hole[140:160, 200:220] = hole[800:820, 2500:2520] = True
    assert len(windows_of(hole, (512, 512))) == 2


def test_a_large_hole_gets_a_larger_window():
    hole = np.zeros((2000, 3000), bool)
    hole[500:1500, 500:1600] = True
    [window] = windows_of(hole, (512, 512))
    x1, y1, x2, y2 = window.seen
    assert x2 - x1 == y2 - y1 >= 1100 + 64


def test_nothing_to_fill_needs_no_window():
    assert windows_of(np.zeros((40, 60), bool), (512, 512)) == []


@settings(max_examples=50, deadline=None)
@given(st.lists(st.tuples(*[st.integers(0, 299)] * 4), min_size=1, max_size=6), st.integers(96, 200))
def test_every_pixel_of_a_hole_lies_in_a_window_that_fills_it(boxes, tile):
    hole = np.zeros((300, 300), bool)
    for x1, x2, y1, y2 in boxes:
        hole[min(y1, y2) : max(y1, y2) + 1, min(x1, x2) : max(x1, x2) + 1] = True
    left = hole.copy()
    for window in windows_of(hole, (tile, tile)):
        sx1, sy1, sx2, sy2 = window.seen
        x1, y1, x2, y2 = window.filled
        assert 0 <= sx1 <= x1 < x2 <= sx2 <= 300
        assert 0 <= sy1 <= y1 < y2 <= sy2 <= 300
        left[y1:y2, x1:x2] = False
    assert not left.any()
