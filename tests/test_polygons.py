import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from pixwise.errors import ShapeError
from pixwise.polygons import mask_from_polygons, polygons_from_mask, signed_area

any_mask = arrays(bool, array_shapes(min_dims=2, max_dims=2, max_side=12))
odd = st.integers(-40, 140).map(lambda number: number / 10 + 0.03)  # never a pixel's centre
any_ring = st.lists(st.tuples(odd, odd), min_size=3, max_size=7)


def inside(ring, x, y):
    """Ray casting for one point, by the textbook."""
    odd_crossings = False
    for (x1, y1), (x2, y2) in zip(ring, [*ring[1:], ring[0]], strict=True):
        if (y1 > y) != (y2 > y) and x < x1 + (y - y1) * (x2 - x1) / (y2 - y1):
            odd_crossings = not odd_crossings
    return odd_crossings


def edge_distance(ring, x, y):
    """How far a point is from the nearest edge."""
    start = np.array(ring)
    along = np.roll(start, -1, axis=0) - start
    share = ((x - start[:, 0]) * along[:, 0] + (y - start[:, 1]) * along[:, 1]) / np.maximum((along**2).sum(1), 1e-12)
    nearest = start + np.clip(share, 0, 1)[:, None] * along
    return np.hypot(nearest[:, 0] - x, nearest[:, 1] - y).min()


def test_one_pixel_is_a_square_of_four_corners_clockwise():
    mask = np.zeros((3, 4), bool)
    mask[1, 2] = True
    assert polygons_from_mask(mask)[0].tolist() == [[2, 1], [3, 1], [3, 2], [2, 2]]


def test_a_hole_runs_the_other_way():
    mask = np.ones((5, 5), bool)
    mask[2, 2] = False
    assert sorted(map(signed_area, polygons_from_mask(mask))) == [-1, 25]


def test_nothing_has_no_outline():
    assert polygons_from_mask(np.zeros((4, 4), bool)) == []


def test_pixels_that_touch_at_a_corner_are_apart():
    assert [signed_area(ring) for ring in polygons_from_mask(np.eye(3))] == [1, 1, 1]


@given(any_mask)
def test_filled_outlines_are_the_mask(mask):
    assert np.array_equal(mask_from_polygons(polygons_from_mask(mask), mask.shape), mask)


@given(any_mask)
def test_signed_areas_sum_to_the_number_of_pixels(mask):
    assert sum(map(signed_area, polygons_from_mask(mask))) == mask.sum()


@given(any_mask)
def test_there_is_an_outer_ring_per_part_and_an_inner_one_per_hole(mask):
    areas = list(map(signed_area, polygons_from_mask(mask)))
    outside = np.pad(~mask, 1, constant_values=True).astype(np.uint8)
    parts = cv2.connectedComponents(mask.astype(np.uint8), connectivity=4)[0] - 1
    holes = cv2.connectedComponents(outside, connectivity=8)[0] - 2
    assert (sum(area > 0 for area in areas), sum(area < 0 for area in areas)) == (parts, holes)


def test_no_corner_lies_on_a_straight_line():
    ring = polygons_from_mask(np.ones((30, 40), bool))[0]
    assert ring.tolist() == [[0, 0], [40, 0], [40, 30], [0, 30]]


@given(any_ring)
def test_filling_agrees_with_ray_casting(ring):
    filled = mask_from_polygons([ring], (10, 12))
    for y, x in np.ndindex(10, 12):
        if edge_distance(ring, x + 0.5, y + 0.5) > 1e-6:  # a centre on an edge may fall to either side
            assert filled[y, x] == inside(ring, x + 0.5, y + 0.5)


def test_filling_a_disc_agrees_with_opencv_up_to_its_border():
    turn = np.linspace(0, 2 * np.pi, 200, endpoint=False)
    ring = np.stack([100 + 70 * np.cos(turn), 90 + 60 * np.sin(turn)], axis=1)
    theirs = np.zeros((200, 220), np.uint8)
    cv2.fillPoly(theirs, [np.round((ring - 0.5) * 256).astype(np.int32)], 1, shift=8)
    mine = mask_from_polygons([ring], (200, 220))
    assert mine.sum() == pytest.approx(np.pi * 70 * 60, rel=0.003)
    assert not (mine & (theirs == 0)).any()  # OpenCV also fills the pixels that the border only touches
    assert cv2.erode(theirs, np.ones((3, 3)))[~mine].sum() == 0


def test_polygons_reach_beyond_the_picture_without_harm():
    everything = mask_from_polygons([[[-9, -9], [99, -9], [99, 99], [-9, 99]]], (5, 7))
    assert everything.all()
    assert not mask_from_polygons([[[-9, -9], [-1, -9], [-1, 99]]], (5, 7)).any()


def test_polygons_of_the_wrong_shape_are_refused():
    with pytest.raises(ShapeError, match=r"polygon must have shape \(K, 2\), got \(6,\)"):
        mask_from_polygons([[1, 2, 3, 4, 5, 6]], (5, 5))
    with pytest.raises(ShapeError, match="polygon must be finite"):
        mask_from_polygons([[[0, 0], [np.nan, 1], [1, 1]]], (5, 5))
