"""Where the peaks of heat maps are, to a fraction of a cell.

    (N, h, w) ─▶ highest cell, its height ─▶ the maps' logarithm there is nearly a parabola ─▶ its top (N, 2)

"DARK": Zhang et al. 2020, Distribution-Aware Coordinate Representation for Human Pose Estimation (CVPR), section 3.2,
with the smoothing of Huang et al. 2020, The Devil is in the Details (CVPR). A Gaussian comes back where it was drawn.
"""

from __future__ import annotations

from functools import cache

import numpy as np
import numpy.typing as npt

from pixwise.errors import check_shape

__all__ = ["peaks"]

Maps = npt.NDArray[np.floating]
Doubles = npt.NDArray[np.float64]

_SIGMA, _RADIUS = 0.8, 5  # cells, of the smoothing
_LEAST, _MOST = 0.001, 50.0  # what the logarithm is taken of
_AT_ONCE = 512  # maps: as many as stay in the processor's cache


def peaks(heatmaps: Maps, *, refine: bool = True) -> tuple[Doubles, npt.NDArray[np.float32]]:
    """The highest place of each map.

    Args:
        heatmaps: (N, h, w), each with one peak.
        refine: to a fraction of a cell. A top that would lie outside the map is none: the cell itself is taken.

    Returns:
        (N, 2) xy in cells, the middle of the first at 0; and (N,) the heights of their cells. Maps that are nowhere
        above 0 have no peak: NaN.
    """
    height, width = (check_shape("heatmaps", heatmaps, ("N", "H", "W"))[axis] for axis in "HW")
    flat = heatmaps.reshape(len(heatmaps), height * width)
    best = flat.argmax(axis=1)
    scores = flat[np.arange(len(flat)), best].astype(np.float32)
    cells = np.stack([best % width, best // width], axis=1)  # (N, 2) xy
    points = cells.astype(np.float64)
    for start in range(0, len(points) if refine else 0, _AT_ONCE):
        some = slice(start, start + _AT_ONCE)
        points[some] += _step_to_top(heatmaps[some], cells[some])
    lost = ~((points >= -1) & (points <= (width, height))).all(axis=1)
    points[lost] = cells[lost]
    points[~(scores > 0)] = np.nan
    return points, scores


def _step_to_top(heatmaps: Maps, cells: npt.NDArray[np.int64]) -> Doubles:
    """(N, 2) from the cells to the tops of the parabolas through the logarithms around them: Newton's step."""
    log = np.log(np.clip(_smoothed_around(heatmaps, cells), _LEAST, _MOST))  # (N, 3, 3)
    dx, dy = (log[:, 1, 2] - log[:, 1, 0]) / 2, (log[:, 2, 1] - log[:, 0, 1]) / 2
    tiny = np.finfo(np.float32).eps  # as the reference has it, for maps that are flat
    dxx = log[:, 1, 2] - 2 * log[:, 1, 1] + log[:, 1, 0] + tiny
    dyy = log[:, 2, 1] - 2 * log[:, 1, 1] + log[:, 0, 1] + tiny
    cross = log[:, 2, 2] - log[:, 1, 2] - log[:, 2, 1] + 2 * log[:, 1, 1]
    dxy = (cross - log[:, 1, 0] - log[:, 0, 1] + log[:, 0, 0]) / 2
    with np.errstate(divide="ignore", invalid="ignore"):  # no top: not finite, which `peaks` sees
        return np.stack([dxy * dy - dyy * dx, dxy * dx - dxx * dy], axis=1) / (dxx * dyy - dxy * dxy)[:, None]


def _smoothed_around(heatmaps: Maps, cells: npt.NDArray[np.int64]) -> Doubles:
    """(N, 3, 3) of the smoothed maps around cells, those at the border repeated: only these nine are computed."""
    height, width = heatmaps.shape[1:]
    near = np.arange(-1, 2)
    rows = np.clip(cells[:, 1:] + near, 0, height - 1)  # (N, 3)
    columns = np.clip(cells[:, :1] + near, 0, width - 1)
    down, across = _smoothing(height)[rows], _smoothing(width)[columns]  # (N, 3, h), (N, 3, w)
    return down @ heatmaps.astype(np.float64) @ across.swapaxes(1, 2)


@cache
def _smoothing(count: int) -> Doubles:
    """(n, n): row i times a line of n cells is that line smoothed at i; beyond its ends the line is mirrored."""
    offsets = np.arange(-_RADIUS, _RADIUS + 1)
    weights = np.exp(-0.5 * (offsets / _SIGMA) ** 2)
    places = (np.arange(count)[:, None] + offsets) % (2 * count)  # mirrored with the ends doubled: period 2 n
    places = np.minimum(places, 2 * count - 1 - places)
    made = np.zeros((count, count))
    np.add.at(made, (np.arange(count)[:, None], places), weights / weights.sum())
    made.setflags(write=False)
    return made
