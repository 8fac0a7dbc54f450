import itertools

import cv2
import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from pixwise import points as P
from pixwise.errors import ShapeError

number = st.floats(-1000, 1000).map(lambda value: round(value, 2))
cloud = st.lists(st.tuples(number, number), min_size=3, max_size=8, unique=True).map(np.array)
turn = st.tuples(st.floats(-3.1, 3.1), st.floats(0.2, 5), number, number)


def similarity_of(angle_rad, scale, x, y):
    cos, sin = scale * np.cos(angle_rad), scale * np.sin(angle_rad)
    return np.array([[cos, -sin, x], [sin, cos, y]])


def least_squares(source, target):
    """Rotation and scale as (a, b), shift as (x, y), by the normal equations of the four unknowns."""
    x, y = source.T
    ones, zeros = np.ones_like(x), np.zeros_like(x)
    system = np.concatenate([np.stack([x, -y, ones, zeros], 1), np.stack([y, x, zeros, ones], 1)])
    a, b, dx, dy = np.linalg.lstsq(system, target.T.reshape(-1), rcond=None)[0]
    return np.array([[a, -b, dx], [b, a, dy]])


@given(cloud, turn)
def test_a_similarity_is_found_again(source, how):
    made = similarity_of(*how)
    found = P.similarity(source, P.apply_affine(made, source))
    assert np.allclose(P.apply_affine(found, source), P.apply_affine(made, source), atol=1e-6)


@given(cloud, st.integers(0, 2**32 - 1))
def test_with_noise_it_is_the_least_squares_solution(source, seed):
    target = source + np.random.default_rng(seed).normal(0, 20, source.shape)
    ours, theirs = P.similarity(source, target), least_squares(source, target)
    assume(np.linalg.det(theirs[:, :2]) > 1e-3)
    assert np.allclose(P.apply_affine(ours, source), P.apply_affine(theirs, source), atol=1e-4)


def test_it_agrees_with_opencv_on_a_face():
    face = np.float64([[38.3, 51.7], [73.5, 51.5], [56.0, 71.7], [41.5, 92.4], [70.7, 92.2]])  # any five points
    moved = P.apply_affine(similarity_of(0.3, 2.5, 100, -40), face)
    theirs, _ = cv2.estimateAffinePartial2D(face, moved)
    assert np.allclose(P.similarity(face, moved), theirs, atol=1e-5)


def test_mirrored_points_do_not_give_a_mirror():
    source = np.array([[0, 0], [1, 0], [1, 1], [0, 1.5]])
    assert np.linalg.det(P.similarity(source, source * [-1, 1])[:, :2]) > 0


def test_two_points_are_enough():
    assert P.similarity([[0, 0], [1, 0]], [[5, 5], [5, 7]]) == pytest.approx(np.array([[0, -2, 5], [2, 0, 5]]))


@pytest.mark.parametrize("source", [[[1, 1]], [[7, 7], [7, 7]], np.zeros((0, 2))])
def test_points_in_one_place_are_refused(source):
    with pytest.raises(ShapeError, match="source must be two points or more in different places"):
        P.similarity(source, np.zeros_like(source))


def test_as_many_points_must_be_given_of_each_and_none_unknown():
    with pytest.raises(ShapeError, match=r"target must have shape \(2, 2\), got \(3, 2\)"):
        P.similarity(np.eye(2), np.ones((3, 2)))
    with pytest.raises(ShapeError, match="source must be finite"):
        P.similarity([[0, np.nan], [1, 1]], np.eye(2))


@given(cloud, turn)
def test_the_inverse_leads_back(points, how):
    made = similarity_of(*how)
    assert np.allclose(P.apply_affine(P.affine_inverse(made), P.apply_affine(made, points)), points, atol=1e-6)


@given(cloud, turn)
def test_applying_agrees_with_opencv(points, how):
    theirs = cv2.transform(points[None], similarity_of(*how))[0]
    assert np.allclose(P.apply_affine(similarity_of(*how), points), theirs, atol=1e-9)


def test_a_map_onto_a_line_has_no_inverse():
    with pytest.raises(ShapeError, match="affine must be invertible"):
        P.affine_inverse([[1, 1, 0], [1, 1, 0]])


@given(st.tuples(number, number, number, number))
def test_boxes_and_quads_lead_to_each_other(edges):
    box = np.array([*np.minimum(edges[:2], edges[2:]), *np.maximum(edges[:2], edges[2:])])
    assert np.array_equal(P.box_from_quad(P.quad_from_box(box)), box)


def test_quads_of_many_boxes_are_clockwise_from_the_top_left():
    quads = P.quad_from_box([[1, 2, 5, 9], [0, 0, 2, 1]])
    assert quads[0].tolist() == [[1, 2], [5, 2], [5, 9], [1, 9]]
    assert P.quad_size(quads).tolist() == [[7, 4], [1, 2]]
    assert np.array_equal(P.order_quad(quads), quads)


@pytest.mark.parametrize("order", list(itertools.permutations(range(4))))
@pytest.mark.parametrize("quad", [[[10, 5], [50, 12], [48, 40], [7, 33]], [[5, 0], [10, 5], [5, 10], [0, 5]]])
def test_corners_in_any_order_become_clockwise(quad, order):
    assert P.order_quad(np.array(quad)[list(order)]).tolist() == quad


def test_ordered_corners_turn_clockwise_by_opencv():
    quads = np.random.default_rng(0).uniform(0, 100, (50, 4, 2)).astype(np.float32)
    hulls = np.stack([quad for quad in quads if len(cv2.convexHull(quad)) == 4])
    for ordered in P.order_quad(hulls):
        assert cv2.contourArea(ordered, oriented=True) > 0  # positive: clockwise when y points down
        assert cv2.isContourConvex(ordered)


def test_quads_of_the_wrong_shape_are_refused():
    with pytest.raises(ShapeError, match=r"quads must have shape \(..., 4, 2\), got \(3, 2\)"):
        P.order_quad(np.zeros((3, 2)))


def test_distance_is_that_of_pythagoras():
    assert P.distance([[0, 0], [1, 1]], [3, 4]).tolist() == [5, pytest.approx(13**0.5)]
