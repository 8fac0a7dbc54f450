"""Skeletons: the person's own left and right in two colours, hidden points not drawn, lines as thick as fits."""

import numpy as np
import pytest

from pixwise.answers.skeleton import Skeleton
from pixwise.draw import _SIDES, draw
from pixwise.results import Poses

GREY = np.full((400, 300, 3), 128, np.uint8)
SKELETON = Skeleton(("left_a", "left_b", "right_a", "right_b"), ((0, 1), (2, 3)))
PLACES = [[60.5, 100.5], [60.5, 300.5], [240.5, 100.5], [240.5, 300.5]]  # middles of pixels


def drawn(keypoints, picture=GREY, box=(0, 0, 300, 400)):
    poses = Poses(skeleton=SKELETON, scores=[0.9], boxes=[box], keypoints=[keypoints], keypoint_scores=[[0.9] * 4])
    return np.asarray(poses.draw(picture))


def changed(pixels):
    return (pixels != 128).any(axis=2)


def test_left_and_right_have_colours_that_are_told_apart():
    pixels = drawn(PLACES)
    np.testing.assert_allclose(pixels[200, 60], _SIDES["left"], atol=3)
    np.testing.assert_allclose(pixels[200, 240], _SIDES["right"], atol=3)
    assert np.abs(np.subtract(_SIDES["left"], _SIDES["right"])).max() > 150


def test_a_hidden_point_takes_its_line_with_it():
    nan = [np.nan, np.nan]
    pixels = changed(drawn([PLACES[0], nan, *PLACES[2:]]))
    assert pixels[100, 60]
    assert not pixels[150:, :150].any()
    assert pixels[200, 240]


def test_lines_grow_with_the_picture_and_shrink_with_the_person():
    wide = changed(drawn(PLACES))[200, :150].sum()
    large = changed(drawn(np.multiply(PLACES, 8), np.full((3200, 2400, 3), 128, np.uint8), (0, 0, 2400, 3200)))
    small = changed(drawn(PLACES, box=(50, 100, 90, 160)))
    assert large[1600, :1200].sum() > 2 * wide
    assert small[200, :150].sum() <= wide


@pytest.mark.parametrize("far", [1e9, -1e9])
def test_points_far_outside_are_no_trouble(far):
    assert drawn([[far, far], PLACES[1], *PLACES[2:]]).shape == (400, 300, 3)


def test_nobody_leaves_the_picture_as_it_was():
    poses = Poses(skeleton=SKELETON, scores=(), boxes=(), keypoints=(), keypoint_scores=())
    np.testing.assert_array_equal(np.asarray(draw(GREY, poses)), GREY)
