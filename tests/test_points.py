import cv2
import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from pixwise.errors import ShapeError
from pixwise.points import COCO_SIGMAS, affine_inverse, apply_affine, box_from_quad, oks, quad_size, similarity, warp
from pixwise.samples import photo_like

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
    found = similarity(source, apply_affine(made, source))
    assert np.allclose(apply_affine(found, source), apply_affine(made, source), atol=1e-6)


@given(cloud, st.integers(0, 2**32 - 1))
def test_with_noise_it_is_the_least_squares_solution(source, seed):
    target = source + np.random.default_rng(seed).normal(0, 20, source.shape)
    ours, theirs = similarity(source, target), least_squares(source, target)
    assume(np.linalg.det(theirs[:, :2]) > 1e-3)
    assert np.allclose(apply_affine(ours, source), apply_affine(theirs, source), atol=1e-4)


def test_it_agrees_with_opencv_on_a_face():
    face = np.float64([[38.3, 51.7], [73.5, 51.5], [56.0, 71.7], [41.5, 92.4], [70.7, 92.2]])  # any five points
    moved = apply_affine(similarity_of(0.3, 2.5, 100, -40), face)
    theirs, _ = cv2.estimateAffinePartial2D(face, moved)
    assert np.allclose(similarity(face, moved), theirs, atol=1e-5)


def test_mirrored_points_do_not_give_a_mirror():
    source = np.array([[0, 0], [1, 0], [1, 1], [0, 1.5]])
    assert np.linalg.det(similarity(source, source * [-1, 1])[:, :2]) > 0


def test_two_points_are_enough():
    assert similarity([[0, 0], [1, 0]], [[5, 5], [5, 7]]) == pytest.approx(np.array([[0, -2, 5], [2, 0, 5]]))


@pytest.mark.parametrize("source", [[[1, 1]], [[7, 7], [7, 7]], np.zeros((0, 2))])
def test_points_in_one_place_are_refused(source):
    with pytest.raises(ShapeError, match="source must be two points or more in different places"):
        similarity(source, np.zeros_like(source))


def test_as_many_points_must_be_given_of_each_and_none_unknown():
    with pytest.raises(ShapeError, match=r"target must have shape \(2, 2\), got \(3, 2\)"):
        similarity(np.eye(2), np.ones((3, 2)))
    with pytest.raises(ShapeError, match="source must be finite"):
        similarity([[0, np.nan], [1, 1]], np.eye(2))


@given(cloud, turn)
def test_the_inverse_leads_back(points, how):
    made = similarity_of(*how)
    assert np.allclose(apply_affine(affine_inverse(made), apply_affine(made, points)), points, atol=1e-6)


@given(cloud, turn)
def test_applying_agrees_with_opencv(points, how):
    theirs = cv2.transform(points[None], similarity_of(*how))[0]
    assert np.allclose(apply_affine(similarity_of(*how), points), theirs, atol=1e-9)


def test_a_map_onto_a_line_has_no_inverse():
    with pytest.raises(ShapeError, match="affine must be invertible"):
        affine_inverse([[1, 1, 0], [1, 1, 0]])


def moved(scale, x, y):
    return np.array([[scale, 0, x], [0, scale, y]], float)


@pytest.mark.parametrize(
    "how", [(0.3, 0.5, 40, -10), (-2, 1.7, 300, 200), (0, 1, -90, -70), (1, 0.05, 50, 50)], ids=str
)
def test_a_picture_is_moved_as_by_opencv_though_only_a_part_is_read(how):
    pixels, affine = photo_like(200, 260, 3), similarity_of(*how)
    assert np.array_equal(warp(pixels, affine, (112, 96)), cv2.warpAffine(pixels, affine, (96, 112)))


def test_where_the_picture_is_not_there_is_black():
    assert not warp(np.full((20, 30, 3), 255, np.uint8), moved(1, 500, 0), (16, 16)).any()
    white = warp(np.full((20, 30, 3), 255, np.uint8), moved(1, 8, 0), (16, 16))
    assert (white[:, :8].max(), white[:, 8:].min()) == (0, 255)


def test_pictures_longer_than_opencv_takes_are_moved():
    pixels = np.arange(40_000 * 3 % 251, dtype=np.uint8)[None, :, None].repeat(3, 2)
    pixels = np.resize(pixels, (4, 40_000, 3))
    assert np.array_equal(warp(pixels, moved(1, -39_000, 0), (4, 9)), pixels[:, 39_000:39_009])


def test_the_picture_may_be_read_only_and_stays_as_it_was():
    pixels = photo_like(60, 80, 1)[::2, ::-2]
    pixels.setflags(write=False)
    assert np.array_equal(warp(pixels, moved(1, 0, 0), (30, 40)), pixels)


def test_a_quads_size_is_that_of_its_longer_edges():
    assert quad_size(np.float32([[0, 0], [10, 0], [12, 5], [0, 4]])) == pytest.approx((12.04, 5.39), abs=0.01)


def test_a_size_is_width_then_height():
    assert quad_size([[1, 2], [5, 2], [5, 9], [1, 9]]) == (4, 7)


def test_boxes_lie_around_quads_however_they_are_turned():
    quads = [[[5, 0], [10, 5], [5, 10], [0, 5]], [[1, 2], [5, 2], [5, 9], [1, 9]]]
    assert box_from_quad(quads).tolist() == [[0, 0, 10, 10], [1, 2, 5, 9]]
    assert box_from_quad(np.zeros((0, 4, 2))).shape == (0, 4)


def poses(seed, found=4, known=3):
    random = np.random.default_rng(seed)
    truth = random.uniform(0, 100, (known, 17, 2))
    visible = random.integers(0, 3, (known, 17))
    return random.uniform(0, 100, (found, 17, 2)), truth, visible, random.uniform(500, 5000, known)


def test_oks_is_the_formula_pose_by_pose():
    found, truth, visible, areas = poses(0)
    for d, g in np.ndindex(4, 3):
        squares = ((found[d] - truth[g]) ** 2).sum(axis=1)
        each = np.exp(-squares / (2 * areas[g] * (2 * np.array(COCO_SIGMAS)) ** 2))
        assert oks(found, truth, visible, areas)[d, g] == pytest.approx(each[visible[g] > 0].mean())


def test_oks_of_a_pose_with_itself_is_one_and_falls_with_its_distance():
    _, truth, visible, areas = poses(1)
    assert np.diag(oks(truth, truth, visible, areas)) == pytest.approx(1)
    near, far = (np.diag(oks(truth + away, truth, visible, areas)) for away in (1, 5))
    assert (near > far).all()
    across, down = (oks(truth + np.array(step), truth, visible, areas) for step in ([3, 0], [0, 3]))
    assert np.diag(across) == pytest.approx(np.diag(down))


def test_points_that_are_not_marked_do_not_count():
    found, truth, visible, areas = poses(2)
    wild = np.where(visible[..., None] > 0, truth, np.nan)
    assert np.array_equal(oks(found, wild, visible, areas), oks(found, truth, visible, areas))
    assert oks(found, truth, visible * 0, areas).max() == 0


def test_a_pose_without_marks_is_compared_with_its_box():
    truth, none = np.zeros((1, 17, 2)), np.zeros((1, 17))
    box = [[100, 100, 120, 140]]  # widened to 80, 60, 140, 180
    inside, outside = np.full((1, 17, 2), [139.0, 179.0]), np.full((1, 17, 2), [200.0, 100.0])
    assert oks(inside, truth, none, [800], box)[0, 0] == 1
    assert oks(outside, truth, none, [800], box)[0, 0] < 0.6


def test_no_poses_have_no_similarities():
    found, truth, visible, areas = poses(3)
    assert oks(found[:0], truth, visible, areas).shape == (0, 3)
    assert oks(found, truth[:0], visible[:0], areas[:0]).shape == (4, 0)


def test_poses_of_other_points_are_refused():
    found, truth, visible, areas = poses(4)
    with pytest.raises(ShapeError, match=r"points must have shape \(D, 17, 2\), got \(4, 5, 2\)"):
        oks(found[:, :5], truth, visible, areas)
    with pytest.raises(ShapeError, match="points must be finite"):
        oks(found * np.nan, truth, visible, areas)
