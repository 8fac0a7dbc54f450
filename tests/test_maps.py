"""Maps enlarged and compared, against OpenCV; holes and islands."""

import time
import tracemalloc

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pixwise.errors import ShapeError
from pixwise.maps import enlarge, magnify, mask_above, stability, without_holes, without_islands
from pixwise.masks import Mask

SIDES = st.integers(1, 40)


def random_map(height, width, seed=0):
    return np.random.default_rng(seed).normal(size=(height, width)).astype(np.float32)


@given(SIDES, SIDES, SIDES, SIDES)
def test_enlarging_is_bilinear_with_half_pixel_centres(height, width, tall, wide):
    values = random_map(height, width)
    wanted = cv2.resize(values, (wide, tall), interpolation=cv2.INTER_LINEAR)
    np.testing.assert_allclose(enlarge(values, (tall, wide)), wanted, atol=1e-5)


@given(SIDES, SIDES, st.integers(1, 150), st.integers(1, 150))
def test_the_mask_is_where_the_enlarged_map_is_above(height, width, tall, wide):
    values = random_map(height, width)
    found, wanted = mask_above(values, (tall, wide), 0.3), enlarge(values, (tall, wide))
    assert found.shape == (tall, wide)
    assert (found == (wanted > 0.3))[np.abs(wanted - 0.3) > 1e-5].all()


def test_what_is_just_as_high_is_not_above():
    assert not mask_above(np.zeros((4, 4), np.float32), (8, 8)).any()


def test_a_map_has_two_axes():
    with pytest.raises(ShapeError, match=r"map must have shape \(h, w\), got \(1, 4, 4\)"):
        mask_above(np.zeros((1, 4, 4), np.float32), (8, 8))


def test_stability_is_the_share_that_a_higher_threshold_leaves():
    assert stability(np.float32([[5, 0.5, -0.5, -5]])) == pytest.approx(1 / 3)
    assert stability(np.full((2, 2), -9, np.float32)) == 0.0


def test_a_hundred_masks_of_twelve_megapixels_take_under_sixty_megabytes():
    rough = np.random.default_rng(0).normal(size=(100, 256, 256)).astype(np.float32)
    tracemalloc.start()
    masks = [Mask.from_array(mask_above(cv2.GaussianBlur(one, (0, 0), 12), (3000, 4000))) for one in rough]
    kept, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert len({mask.area for mask in masks}) == 100
    assert (kept < 20e6, most < 60e6) == (True, True)


def test_a_mask_of_twelve_megapixels_takes_a_fraction_of_a_second():
    rough = cv2.GaussianBlur(random_map(256, 256), (0, 0), 12)
    started = time.perf_counter()
    Mask.from_array(mask_above(rough, (3000, 4000)))
    assert time.perf_counter() - started < 0.5  # 30 ms alone


def ring():
    mask = np.zeros((12, 12), bool)
    mask[1:8, 1:8] = True
    mask[3:5, 3:5] = False  # a hole of 4
    mask[10, 10:] = True  # an island of 2
    return mask


def test_holes_up_to_a_size_are_filled():
    assert without_holes(ring(), 3).sum() == ring().sum()
    assert without_holes(ring(), 4).sum() == ring().sum() + 4


def test_islands_up_to_a_size_are_dropped():
    assert without_islands(ring(), 1).sum() == ring().sum()
    assert without_islands(ring(), 2).sum() == ring().sum() - 2


def test_0_leaves_all_holes_and_islands():
    np.testing.assert_array_equal(without_holes(without_islands(ring(), 0), 0), ring())


def keys(far):
    """Keys' kernel of 1981 with a = -0.75."""
    far = np.abs(far)
    near, beyond = (1.25 * far - 2.25) * far**2 + 1, ((-0.75 * far + 3.75) * far - 6) * far + 3
    return np.where(far <= 1, near, np.where(far < 2, beyond, 0))


def plain_cubic(values, target):
    """(target, w): rows between rows, the edge repeated."""
    at = (np.arange(target)[:, None] + 0.5) * len(values) / target - 0.5
    places = np.arange(-3, len(values) + 3)
    return keys(at - places) @ values[np.clip(places, 0, len(values) - 1)].astype(np.float64)


@given(SIDES, SIDES, SIDES, SIDES)
def test_magnifying_is_cubic_with_half_pixel_centres(height, width, tall, wide):
    values = random_map(height, width)
    wanted = plain_cubic(plain_cubic(values, tall).T, wide).T
    np.testing.assert_allclose(magnify(values, (tall, wide)), wanted, atol=1e-4)
    np.testing.assert_allclose(magnify(values, (tall, wide), "bilinear"), enlarge(values, (tall, wide)), atol=1e-5)


def test_a_map_of_twelve_megapixels_is_magnified_quickly():
    values = random_map(518, 686)
    assert min(timed(lambda: magnify(values, (3000, 4000))) for _ in range(5)) < 0.5  # 20 to 100 ms when it is quiet


def timed(step):
    started = time.perf_counter()
    step()
    return time.perf_counter() - started
