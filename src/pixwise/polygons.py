"""Outlines of masks as polygons, and polygons filled: exact on whole pixels, both ways.

Conventions: polygons run along the outer edges of pixels (pixel i covers [i, i + 1)), so that a polygon's area is its
number of pixels and filling it gives the mask back. OpenCV's contours run through the centres of the border's pixels
instead, and are smaller by half a pixel on each side.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import numpy.typing as npt

from pixwise.errors import check_shape

__all__ = ["mask_from_polygons", "polygons_from_mask", "signed_area"]

Bools = npt.NDArray[np.bool_]
Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float32]


def signed_area(polygon: npt.ArrayLike) -> float:
    """Area of a (K, 2) ring, positive when it runs clockwise as seen (x to the right, y down)."""
    x, y = np.asarray(polygon, np.float64).reshape(-1, 2).T
    return float((x * np.roll(y, -1) - np.roll(x, -1) * y).sum() / 2)


def polygons_from_mask(mask: npt.ArrayLike) -> list[Floats]:
    """Outlines along the edges of the pixels; pixels that touch only at a corner are apart.

    Args:
        mask: (H, W) bool, or 0 and 1.

    Returns:
        Rings of (K, 2) xy corners: outer ones clockwise as seen (`signed area > 0`), holes the other way. Their signed
        areas sum to the number of pixels.
    """
    padded = np.pad(np.asarray(mask).astype(bool, copy=False), 1)
    inner = padded[1:-1, 1:-1]
    right = _segments(inner & ~padded[:-2, 1:-1])  # along top edges: (y, x_start, x_end)
    left = _segments(inner & ~padded[2:, 1:-1])
    down = _segments((inner & ~padded[1:-1, 2:]).T)  # along right edges: (x, y_start, y_end)
    up = _segments((inner & ~padded[1:-1, :-2]).T)
    starts = np.concatenate([right[:, [1, 0]], left[:, [2, 0]] + [0, 1], down[:, [0, 1]] + [1, 0], up[:, [0, 2]]])
    ends = np.concatenate([right[:, [2, 0]], left[:, [1, 0]] + [0, 1], down[:, [0, 2]] + [1, 0], up[:, [0, 1]]])
    # Each way is followed by the one to its right hand where both go on from there: right → down → left → up → right.
    ways = np.repeat([0, 2, 1, 3], [len(right), len(left), len(down), len(up)])  # clockwise numbers
    key = (starts[:, 1] * padded.shape[1] + starts[:, 0]) * 4
    order = np.argsort(key + ways)
    known = (key + ways)[order]
    wanted = (ends[:, 1] * padded.shape[1] + ends[:, 0]) * 4
    following = np.zeros(len(ways), np.int64)
    for turn in (3, 1):  # to the left where nothing goes right, so right is written last
        sought = wanted + (ways + turn) % 4
        place = np.minimum(np.searchsorted(known, sought), max(0, len(known) - 1))
        found = known[place] == sought if len(known) else np.zeros(0, bool)
        following[found] = order[place[found]]
    return [starts[ring].astype(np.float32) for ring in _cycles(following.tolist())]


def _segments(edges: Bools) -> Ints:
    """Runs of set edges in each line of (L, K) → (S, 3) line, start, end."""
    padded = np.pad(edges, ((0, 0), (1, 1))).astype(np.int8)
    steps = np.diff(padded, axis=1)
    line, start = np.nonzero(steps == 1)
    return np.stack([line, start, np.nonzero(steps == -1)[1]], axis=1).astype(np.int64)


def _cycles(following: list[int]) -> Iterable[list[int]]:
    """The rings of a permutation."""
    seen = [False] * len(following)
    for first in range(len(following)):
        ring = []
        while not seen[first]:
            seen[first] = True
            ring.append(first)
            first = following[first]
        if ring:
            yield ring


def mask_from_polygons(polygons: Iterable[npt.ArrayLike], size_hw: tuple[int, int]) -> Bools:
    """Fill polygons: a pixel is in when its centre is inside an odd number of rings (so rings within rings are holes).

    Args:
        polygons: rings of (K, 2) xy, pixels; parts outside the picture are cut off.
        size_hw: of the mask.

    Returns:
        (H, W) bool.

    Raises:
        ShapeError: a ring is not (K, 2), or not finite.
    """
    height, width = size_hw
    toggles = np.zeros((height, width + 1), bool)
    for polygon in polygons:
        ring = np.asarray(polygon, np.float64)
        check_shape("polygon", ring, ("K", 2), finite=True)
        rows, columns = _crossings(ring, np.roll(ring, -1, axis=0), size_hw)
        np.logical_xor.at(toggles, (rows, columns), True)
    return np.logical_xor.accumulate(toggles, axis=1)[:, :width]


def _crossings(a: npt.NDArray, b: npt.NDArray, size_hw: tuple[int, int]) -> tuple[Ints, Ints]:
    """Where lines of pixel centres cross edges a → b: row, and the first column whose centre lies beyond."""
    low, high = np.where((a[:, 1] <= b[:, 1])[:, None], a, b), np.where((a[:, 1] <= b[:, 1])[:, None], b, a)
    first, stop = (np.clip(np.ceil(end[:, 1] - 0.5), 0, size_hw[0]).astype(np.int64) for end in (low, high))
    count = stop - first
    edge = np.repeat(np.arange(len(a)), count)
    rows = np.arange(len(edge)) - np.repeat(np.cumsum(count) - count, count) + first[edge]
    share = (rows + 0.5 - low[edge, 1]) / (high[edge, 1] - low[edge, 1])
    x = low[edge, 0] + share * (high[edge, 0] - low[edge, 0])
    return rows, np.clip(np.ceil(x - 0.5), 0, size_hw[1]).astype(np.int64)
