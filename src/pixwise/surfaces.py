"""Small maps as bilinear surfaces over a large picture: which is highest at each pixel, and how wide each one reaches.

    maps (C, h, w) ─▶ best_classes ─▶ (H, W) ids
    rows of maps, made when asked for ─▶ highest ─▶ (H, W) ids, (C,) pixels above a threshold

References enlarge all maps bilinearly with half-pixel centres (torch's `interpolate` with `align_corners=False`) and
then compare. Here C maps of the picture's size are never held: between four neighbours a bilinear surface stays above
another one that it is above at all four, and above a threshold that all four are above. So most pixels are settled by
the corners of their cell, and the others need only the few surfaces that may win there.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from pixwise.errors import check_shape

__all__ = ["Rows", "best_classes", "highest"]

Bools = npt.NDArray[np.bool_]
Floats = npt.NDArray[np.float32]
Ids = npt.NDArray[np.integer]
Ints = npt.NDArray[np.int64]
Rows = Callable[[int, int], Floats]  # rows(low, high) of all maps: (C, high - low, w)

_AT_ONCE = 1_000_000  # numbers that are held, or interpolated, in one step


def best_classes(logits: npt.ArrayLike, size_hw: tuple[int, int]) -> Ids:
    """The class with the highest logit at each pixel of a larger picture; of equal ones the first wins.

    Args:
        logits: (C, h, w), finite.
        size_hw: (H, W).

    Returns:
        (H, W) uint8, or uint16 for more than 256 classes.
    """
    logits = np.asarray(logits, np.float32)
    check_shape("logits", logits, ("C", "h", "w"), finite=True)
    return highest(lambda low, high: logits[:, low:high], logits.shape, size_hw)[0]


def highest(
    rows: Rows, shape: tuple[int, int, int], size_hw: tuple[int, int], threshold: float | None = None
) -> tuple[Ids, Ints]:
    """The highest of many surfaces at each pixel, and of each one how many pixels reach a threshold.

    Args:
        rows: gives rows of the maps; asked from the top to the bottom, some of them twice.
        shape: (C, h, w) of the maps.
        size_hw: (H, W).
        threshold: from which a pixel counts; None counts nothing.

    Returns:
        (H, W) uint8, or uint16 for more than 256 maps; (C,).
    """
    count = np.zeros(shape[0], np.int64)
    found = np.zeros(size_hw, np.uint8 if shape[0] <= 256 else np.uint16)
    if 0 in shape or 0 in size_hw:
        return found, count
    down, across = (_axis(have, want) for have, want in zip(shape[1:], size_hw, strict=True))
    for band in _bands(rows, shape):
        _write_best_into(found, band, down, across)
        if threshold is not None:
            count += _reaching(band, threshold, down, across)
    return found, count


@dataclass(frozen=True)
class _Axis:
    """Along one axis: for each pixel its cell, its place in it from 0 to 1, and for each cell its first pixel."""

    cell: Ints
    place: Floats
    first: Ints  # (cells + 1,)

    @property
    def lengths(self) -> Ints:
        """(cells,) how many pixels each has."""
        return np.diff(self.first)


def _axis(have: int, want: int) -> _Axis:
    """In 32-bit floats, as torch computes it."""
    scale = np.float32(have) / np.float32(want)
    source = np.maximum(scale * (np.arange(want, dtype=np.float32) + np.float32(0.5)) - np.float32(0.5), 0)
    cell = np.minimum(source.astype(np.int64), have - 1)
    place = source - cell.astype(np.float32)
    place[cell == have - 1] = 0  # beyond the last centre there is nothing to lean to
    return _Axis(cell, place, np.searchsorted(cell, np.arange(have + 1)))


@dataclass(frozen=True)
class _Band:
    """Some rows of cells. A cell begins at a centre of the maps and ends at the next ones, right and below."""

    low: int  # its first row
    values: Floats  # (C, n + 1, w + 1): the edges are repeated, so that every cell has four corners

    def corners(self, classes: Ints, y: Ints, x: Ints) -> Floats:
        """(4, ...) here, right, below, both; y counts from the band's first row."""
        values = self.values
        at = ((y, x), (y, x + 1), (y + 1, x), (y + 1, x + 1))
        return np.stack([values[classes, row, column] for row, column in at])


def _bands(rows: Rows, shape: tuple[int, int, int]) -> Iterator[_Band]:
    count, height, width = shape
    step = max(1, _AT_ONCE // (count * width))
    for low in range(0, height, step):
        high = min(height, low + step)
        seen = rows(low, min(height, high + 1))  # (C, n + 1 or n, w)
        yield _Band(low, np.pad(seen, ((0, 0), (0, high + 1 - low - seen.shape[1]), (0, 1)), "edge"))


def _write_best_into(found: Ids, band: _Band, down: _Axis, across: _Axis) -> None:
    best = band.values.argmax(axis=0).astype(found.dtype)  # (n + 1, w + 1) at each centre
    here = best[:-1, :-1]
    mixed = (best[:-1, 1:] != here) | (best[1:, :-1] != here) | (best[1:, 1:] != here)
    start, end = down.first[[band.low, band.low + len(here)]]
    wide = here[:, across.cell]  # (n, W)
    np.take(wide, down.cell[start:end] - band.low, axis=0, out=found[start:end])
    for y, x, classes in _candidates(band.values, *np.nonzero(mixed)):
        corners = band.corners(classes, y[:, None], x[:, None])  # (4, m, k)
        for some, where_y, where_x in _alike(y + band.low, x, classes.shape[1], down, across):
            won = _winner(corners[:, some], down.place[where_y], across.place[where_x])
            chosen = np.take_along_axis(classes[some], won.reshape(len(some), -1), axis=1).reshape(won.shape)
            found[where_y[:, :, None], where_x[:, None, :]] = chosen


def _candidates(values: Floats, y: Ints, x: Ints) -> Iterator[tuple[Ints, Ints, Ints]]:
    """For mixed cells the classes that may win in them, in groups of as many: (m,) y, (m,) x, (m, k) classes.

    A class that is nowhere above what another one is everywhere cannot win.
    """
    if not len(y):
        return
    seen = [values[:, y + dy, x + dx] for dy in (0, 1) for dx in (0, 1)]  # of (C, m)
    lowest, most = (np.maximum.reduce(seen), np.minimum.reduce(seen).max(axis=0))
    may = lowest >= most  # (C, m)
    counts = may.sum(axis=0)
    low = 0
    while low < len(values):
        high = max(2, 2 * low)
        chosen = np.flatnonzero((counts > low) & (counts <= high))
        if len(chosen):
            # those that may come first, in their order; of equal logits the first must win, so repeats do no harm
            order = np.argsort(~may[:, chosen], axis=0, kind="stable")[: counts[chosen].max()].T  # (m, k)
            past = np.arange(order.shape[1]) >= counts[chosen][:, None]
            yield y[chosen], x[chosen], np.where(past, order[:, :1], order)
        low = high


def _alike(y: Ints, x: Ints, each: int, down: _Axis, across: _Axis) -> Iterator[tuple[Ints, Ints, Ints]]:
    """Cells with as many pixels down and across, so many at once: (m,) which, (m, tall) and (m, wide) their pixels."""
    tall, wide = down.lengths[y], across.lengths[x]
    for rows, columns in {(int(h), int(w)) for h, w in zip(tall, wide, strict=True) if h and w}:
        alike = np.flatnonzero((tall == rows) & (wide == columns))
        step = max(1, _AT_ONCE // (rows * columns * each))
        for start in range(0, len(alike), step):
            some = alike[start : start + step]
            yield (
                some,
                down.first[y[some]][:, None] + np.arange(rows),
                across.first[x[some]][:, None] + np.arange(columns),
            )


def _surface(corners: Floats, down: Floats, across: Floats) -> Floats:
    """(m, tall, wide) of corners (4, m, 1, 1), places (m, tall, 1) and (m, 1, wide)."""
    here, right, below, both = corners
    top, bottom = (1 - across) * here + across * right, (1 - across) * below + across * both  # (m, 1, wide)
    return (1 - down) * top + down * bottom


def _winner(corners: Floats, down: Floats, across: Floats) -> Ints:
    """(m, tall, wide) which of k surfaces is highest: corners (4, m, k), places (m, tall) and (m, wide)."""
    across, down = across[:, None, :], down[:, :, None]
    most = _surface(corners[:, :, 0, None, None], down, across)
    best = np.zeros(most.shape, np.int64)
    for k in range(1, corners.shape[2]):
        surface = _surface(corners[:, :, k, None, None], down, across)
        above = surface > most
        np.copyto(most, surface, where=above)
        best[above] = k
    return best


def _reaching(band: _Band, threshold: float, down: _Axis, across: _Axis) -> Ints:
    """(C,) pixels in the band at which each surface is at least as high as a threshold."""
    high = band.values >= threshold  # (C, n + 1, w + 1)
    sides = (high[:, :-1, :-1], high[:, :-1, 1:], high[:, 1:, :-1], high[:, 1:, 1:])
    every, some = np.logical_and.reduce(sides), np.logical_or.reduce(sides)  # (C, n, w)
    tall = down.lengths[band.low : band.low + every.shape[1]]
    whole = (every.astype(np.float32) @ across.lengths.astype(np.float32)).astype(np.float64) @ tall
    classes, y, x = np.nonzero(some & ~every)
    corners = band.corners(classes, y, x)[:, :, None, None]  # (4, m, 1, 1)
    pixels = np.zeros(len(classes))
    for which, where_y, where_x in _alike(y + band.low, x, 1, down, across):
        surface = _surface(corners[:, which], down.place[where_y][:, :, None], across.place[where_x][:, None, :])
        pixels[which] = np.count_nonzero(surface >= threshold, axis=(1, 2))
    return (whole + np.bincount(classes, pixels, len(whole))).round().astype(np.int64)
