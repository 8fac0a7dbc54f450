"""Colours of the foreground against the method of Germer et al. (2020), written down once more pixel by pixel.

pymatting, by the authors, brings numba and is no dependency of the tests; where it is installed it is asked too.
"""

import importlib.util

import numpy as np
import pytest

from pixwise.answers.cutout import foreground
from pixwise.samples import photo_like

REFERENCES = ["by hand", *(["pymatting"] if importlib.util.find_spec("pymatting") else [])]


def composite(height, width, seed, edge):
    """A photo-like foreground over another: I, alpha as bytes, and the true F."""
    y, x = np.mgrid[:height, :width]
    around = np.arctan2(y - height / 2, x - width / 2)
    away = np.hypot(y - height / 2, x - width / 2) + 0.06 * height * np.sin(9 * around)
    alpha = np.rint(np.clip((height / 3 - away) / edge + 0.5, 0, 1) * 255).astype(np.uint8)
    front = photo_like(height, width, seed).astype(np.float32)
    front[..., 0] = 255 - 0.3 * front[..., 0]  # redder than what lies behind
    behind, share = photo_like(height, width, seed + 50).astype(np.float32), alpha[..., None] / np.float32(255)
    return np.rint(share * front + (1 - share) * behind).astype(np.uint8), alpha, front


def by_hand(image, alpha, smooth=1e-5, edge=1.0):
    """Section III of the paper: levels from small to large, each pixel solved for F and B with its neighbours fixed."""
    height, width = alpha.shape
    levels = int(np.ceil(np.log2(max(height, width))))
    fore, back = (image[chosen].mean(axis=0).reshape(1, 1, 3) for chosen in (alpha > 0.9, alpha < 0.1))
    for level in range(levels + 1):
        size = [round(side ** (level / levels)) for side in (height, width)]
        seen, share, fore, back = (shrunk(plane, size) for plane in (image, alpha, fore, back))
        for _ in range(10 if max(size) <= 32 else 2):
            for row in range(size[0]):
                for column in range(size[1]):
                    solve(seen, share, fore, back, row, column, smooth, edge)
    return fore


def shrunk(plane, size):
    rows, columns = ((np.arange(want) * have) // want for want, have in zip(size, plane.shape, strict=False))
    return plane[rows][:, columns].copy()


def solve(seen, share, fore, back, row, column, smooth, edge):
    height, width = share.shape
    a = share[row, column]
    system = np.outer([a, 1 - a], [a, 1 - a])
    right = np.outer([a, 1 - a], seen[row, column])
    for down, along in ((-1, 0), (1, 0), (0, -1), (0, 1)):
        near = min(max(row + down, 0), height - 1), min(max(column + along, 0), width - 1)
        weight = smooth + edge * abs(a - share[near])
        system = system + weight * np.eye(2)
        right = right + weight * np.stack([fore[near], back[near]])
    fore[row, column], back[row, column] = np.clip(np.linalg.solve(system, right), 0, 1)


def reference(kind, image, alpha):
    if kind == "by hand":
        return by_hand(image / 255, alpha / 255) * 255
    from pymatting import estimate_foreground_ml

    return np.asarray(estimate_foreground_ml(image / 255, alpha / 255)) * 255


def apart(a, b, alpha):
    """Mean difference where colours are mixed, each by how much of it is seen."""
    mixed = (alpha >= 4) & (alpha < 250)
    return (np.abs(np.asarray(a, float) - b)[mixed] * (alpha[mixed] / 255)[:, None]).mean()


@pytest.mark.parametrize("kind", REFERENCES)
@pytest.mark.parametrize("seed", range(2))
def test_colours_are_those_of_the_paper(seed, kind):
    image, alpha, front = composite(36, 48, seed, 8)
    ours, theirs = foreground(image, alpha), reference(kind, image, alpha)
    assert apart(ours, theirs, alpha) < 3
    assert apart(ours, front, alpha) < 1.25 * apart(theirs, front, alpha)
    assert apart(ours, front, alpha) < 0.5 * apart(image, front, alpha)


def test_larger_pictures_come_as_near_to_the_truth():
    image, alpha, front = composite(600, 800, 1, 24)
    assert apart(foreground(image, alpha), front, alpha) < 0.25 * apart(image, front, alpha)


def test_a_planted_fault_is_seen():
    image, alpha, _ = composite(36, 48, 0, 8)
    ours = foreground(image, 255 - alpha)  # front and back taken for one another
    assert apart(ours, reference("by hand", image, alpha), alpha) > 10
