"""Peaks of heat maps: Gaussians come back where they were drawn."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.ndimage import gaussian_filter

from pixwise.errors import ShapeError
from pixwise.heatmaps import _smoothing, peaks

HEIGHT, WIDTH = 64, 48


def bumps(points, sigma=2.0, tall=1.0):
    """(N, 64, 48) float32: a Gaussian at each xy."""
    y, x = np.mgrid[:HEIGHT, :WIDTH]
    far = (x - points[:, 0, None, None]) ** 2 + (y - points[:, 1, None, None]) ** 2
    return (tall * np.exp(-far / (2 * sigma**2))).astype(np.float32)


@settings(max_examples=60, deadline=None)
@given(st.floats(4, WIDTH - 5), st.floats(4, HEIGHT - 5), st.floats(1.2, 3.0), st.floats(0.2, 1.0))
def test_a_gaussian_comes_back_where_it_was_drawn(x, y, sigma, tall):
    [point], [score] = peaks(bumps(np.array([[x, y]]), sigma, tall))
    assert np.abs(point - (x, y)).max() < 0.05
    assert 0.8 * tall < score <= tall


def test_without_refining_it_is_up_to_half_a_cell_away():
    points = np.random.default_rng(0).uniform(5, 40, (100, 2))
    away = np.abs(peaks(bumps(points), refine=False)[0] - points)
    assert 0.4 < away.max() <= 0.5
    assert np.abs(peaks(bumps(points))[0] - points).max() < 0.01


def test_a_bias_of_half_a_cell_would_be_seen():
    points = np.random.default_rng(1).uniform(5, 40, (50, 2))
    assert np.abs(np.mean(peaks(bumps(points))[0] - points, axis=0)).max() < 1e-3


def test_a_tilted_gaussian_comes_back_too():
    y, x = np.mgrid[:HEIGHT, :WIDTH]
    u, v = (x - 20.3) + (y - 30.8), (x - 20.3) - (y - 30.8)
    tilted = np.exp(-(u**2) / 24 - v**2 / 10)[None].astype(np.float32)
    assert np.abs(peaks(tilted)[0] - (20.3, 30.8)).max() < 0.05


@pytest.mark.parametrize("count", [1, 2, 3, 5, 48, 64])
def test_the_smoothing_is_scipys(count):
    line = np.random.default_rng(count).random((count, 7))
    wanted = gaussian_filter(line, 0.8, radius=(5, 5), axes=(0, 1))
    np.testing.assert_allclose(_smoothing(count) @ line @ _smoothing(7).T, wanted, atol=1e-12)


def test_maps_that_are_nowhere_above_zero_have_no_peak():
    points, scores = peaks(np.stack([np.zeros((8, 6)), -np.ones((8, 6))]).astype(np.float32))
    assert np.isnan(points).all()
    assert scores.tolist() == [0, -1]


def test_flat_maps_give_the_first_cell_and_no_warning():
    points, scores = peaks(np.full((1, 8, 6), 0.5, np.float32))
    assert np.abs(points).max() <= 1
    assert scores.tolist() == [0.5]


@pytest.mark.parametrize("seed", range(5))
def test_noise_has_its_peaks_inside_the_map(seed):
    points, _ = peaks(np.random.default_rng(seed).random((200, 12, 9)).astype(np.float32))
    assert (points >= -1).all()
    assert (points <= (9, 12)).all()


def test_no_maps_have_no_peaks_and_other_shapes_are_refused():
    assert peaks(np.zeros((0, 8, 6), np.float32))[0].shape == (0, 2)
    with pytest.raises(ShapeError, match="heatmaps must have shape"):
        peaks(np.zeros((8, 6), np.float32))
