"""Which class, or which segment, each pixel belongs to.

    logits (C, h, w) ─▶ best_classes ─▶ (H, W) ids ─▶ LabelMap ─▶ .open() · .mask(id) · .pixels() · .to_uri()

`best_classes` is what references do in two steps, logits enlarged bilinearly to the picture's size and then the best of
them at each pixel, without ever holding C maps of that size.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from pixwise.answers.grey_png import SCHEMA, grey_from_uri, uri_from_grey
from pixwise.errors import ShapeError, check_shape
from pixwise.masks import Mask

__all__ = ["LabelMap", "best_classes"]

Ids = npt.NDArray[np.integer]
Floats = npt.NDArray[np.float32]

_EXACT = 2**24  # up to here 32-bit floats, in which OpenCV counts, hold every whole number
_AT_ONCE = 2_000_000  # numbers that are interpolated in one step


@dataclass(frozen=True, eq=False)
class LabelMap:
    """Which class, or which segment, each pixel belongs to.

    Attributes:
        ids: (H, W) uint8 or uint16, read-only.
    """

    schema: ClassVar[dict[str, Any]] = SCHEMA

    ids: Ids = field(default_factory=lambda: np.zeros((0, 0), np.uint8))

    def __post_init__(self) -> None:
        stored = np.array(self.ids)
        check_shape("label map", stored, ("H", "W"))
        if stored.dtype not in (np.uint8, np.uint16):
            if stored.dtype.kind not in "iu" or (stored.size and not 0 <= stored.min() <= stored.max() < 2**16):
                raise ShapeError(f"label map must hold whole numbers from 0 to 65535, got {stored.dtype}; number anew")
            stored = stored.astype(np.uint8 if not stored.size or stored.max() < 256 else np.uint16)
        stored.setflags(write=False)
        object.__setattr__(self, "ids", stored)

    @classmethod
    def read(cls, given: Any) -> LabelMap:
        """A `LabelMap` as it is, an (H, W) array of whole numbers, or what `to_uri` gave.

        Raises:
            ShapeError: none of these.
        """
        if isinstance(given, LabelMap):
            return given
        if isinstance(given, str):
            return cls(grey_from_uri(given, "label map", ("L", "I;16", "I"))) if given else cls()
        return cls(np.asarray(given))

    def __eq__(self, other: object) -> bool:
        return np.array_equal(self.ids, other.ids) if isinstance(other, LabelMap) else NotImplemented

    __hash__ = None  # type: ignore[assignment]  # like the array it holds

    def __str__(self) -> str:
        return f"{self.ids.shape[1]} x {self.ids.shape[0]} px"

    @property
    def size_hw(self) -> tuple[int, int]:
        """(height, width), pixels."""
        return self.ids.shape

    def open(self) -> Ids:
        """(H, W) uint8 or uint16, read-only."""
        return self.ids

    def mask(self, id: int) -> Mask:
        """The pixels of one id."""
        return Mask.from_array(self.ids == id)

    def pixels(self) -> npt.NDArray[np.int64]:
        """(highest id + 1,) how many pixels each id has."""
        import cv2  # 5 ms for 12 megapixels; bincount makes 64-bit copies and takes 235

        bins = 256 if self.ids.dtype == np.uint8 else 65_536
        counts = np.zeros(bins, np.int64)
        step = max(1, _EXACT // max(1, self.ids.shape[1]))
        for start in range(0, self.ids.shape[0] if self.ids.size else 0, step):
            rows = self.ids[start : start + step]
            counts += cv2.calcHist([rows], [0], None, [bins], [0, bins]).reshape(-1).astype(np.int64)
        return np.trim_zeros(counts, "b")

    def to_uri(self) -> str:
        """`data:image/png;base64,…`: a grey PNG, 8 or 16 bits, whose values are the ids; empty for no picture."""
        return uri_from_grey(self.ids)

    told = to_uri


def best_classes(logits: npt.ArrayLike, size_hw: tuple[int, int]) -> Ids:
    """The class with the highest logit at each pixel of a larger picture.

    Logits are enlarged bilinearly with half-pixel centres (torch's `interpolate` with `align_corners=False`), of equal
    ones the first wins. Between four neighbours a bilinear surface stays above another one that it is above at all
    four; so most pixels are settled by the class that wins at all corners of their cell, and the others need only the
    classes that nobody beats at all four.

    Args:
        logits: (C, h, w), finite.
        size_hw: (H, W).

    Returns:
        (H, W) uint8, or uint16 for more than 256 classes.
    """
    logits = np.asarray(logits, np.float32)
    check_shape("logits", logits, ("C", "h", "w"), finite=True)
    kind = np.uint8 if len(logits) <= 256 else np.uint16
    if 0 in logits.shape or 0 in size_hw:
        return np.zeros(size_hw, kind)
    rows, columns = (_axis(have, want) for have, want in zip(logits.shape[1:], size_hw, strict=True))
    corners = _corners(logits)  # (4, C, h * w)
    settled, mixed = _settled(logits)
    found = settled.astype(kind)[rows.cell][:, columns.cell]  # (H, W)
    for cells, classes in _candidates(corners, mixed.reshape(-1)):
        _decide(found, cells, classes, corners, rows, columns)
    return found


@dataclass(frozen=True)
class _Axis:
    """Along one axis: for each pixel its cell, its place in it from 0 to 1, and for each cell its first pixel."""

    cell: npt.NDArray[np.int64]
    place: Floats
    first: npt.NDArray[np.int64]  # (cells + 1,)


def _axis(have: int, want: int) -> _Axis:
    """In 32-bit floats, as torch computes it."""
    scale = np.float32(have) / np.float32(want)
    source = np.maximum(scale * (np.arange(want, dtype=np.float32) + np.float32(0.5)) - np.float32(0.5), 0)
    cell = np.minimum(source.astype(np.int64), have - 1)
    place = source - cell.astype(np.float32)
    place[cell == have - 1] = 0  # beyond the last centre there is nothing to lean to
    return _Axis(cell, place, np.searchsorted(cell, np.arange(have + 1)))


def _corners(logits: Floats) -> Floats:
    """(4, C, h * w): logits at the corners of the cell that begins at each centre: here, right, below, both."""
    right = np.concatenate([logits[:, :, 1:], logits[:, :, -1:]], axis=2)
    below = np.concatenate([logits[:, 1:], logits[:, -1:]], axis=1)
    both = np.concatenate([right[:, 1:], right[:, -1:]], axis=1)
    return np.stack([logits, right, below, both]).reshape(4, len(logits), -1)


def _settled(logits: Floats) -> tuple[Ids, npt.NDArray[np.bool_]]:
    """(h, w) the class at each centre, and whether another one wins at a corner of its cell."""
    best = logits.argmax(axis=0)
    padded = np.pad(best, ((0, 1), (0, 1)), "edge")
    mixed = (padded[:-1, 1:] != best) | (padded[1:, :-1] != best) | (padded[1:, 1:] != best)
    return best, mixed


def _candidates(corners: Floats, mixed: npt.NDArray[np.bool_]) -> list[tuple[npt.NDArray, npt.NDArray]]:
    """For mixed cells the classes that may win in them, in groups of as many: (n,) cells, (n, k) classes.

    A class that is nowhere above what another one is everywhere cannot win.
    """
    cells = np.flatnonzero(mixed)
    seen = corners[:, :, cells]  # (4, C, n)
    may = seen.max(axis=0) >= seen.min(axis=0).max(axis=0)  # (C, n)
    counts = may.sum(axis=0)
    groups = []
    low = 0
    while low < len(corners[0]) and len(cells):
        high = max(2, 2 * low)
        chosen = np.flatnonzero((counts > low) & (counts <= high))
        if len(chosen):
            # those that may come first, in their order; of equal logits the first must win, so repeats do no harm
            order = np.argsort(~may[:, chosen], axis=0, kind="stable")[: counts[chosen].max()].T  # (n, k)
            past = np.arange(order.shape[1]) >= counts[chosen][:, None]
            groups.append((cells[chosen], np.where(past, order[:, :1], order)))
        low = high
    return groups


def _decide(found: Ids, cells: npt.NDArray, classes: npt.NDArray, corners: Floats, rows: _Axis, columns: _Axis) -> None:
    """Write the winners among `classes` into the pixels of `cells`."""
    width = len(columns.first) - 1
    here = corners[:, classes, cells[:, None]]  # (4, n, k)
    tall = (rows.first[1:] - rows.first[:-1])[cells // width]
    wide = (columns.first[1:] - columns.first[:-1])[cells % width]
    for shape in {(int(h), int(w)) for h, w in zip(tall, wide, strict=True) if h and w}:
        alike = np.flatnonzero((tall == shape[0]) & (wide == shape[1]))
        step = max(1, _AT_ONCE // (shape[0] * shape[1] * classes.shape[1]))
        for start in range(0, len(alike), step):
            some = alike[start : start + step]
            y = rows.first[cells[some] // width][:, None] + np.arange(shape[0])  # (m, tall)
            x = columns.first[cells[some] % width][:, None] + np.arange(shape[1])  # (m, wide)
            best = _winner(here[:, some], rows.place[y], columns.place[x])
            found[y[:, :, None], x[:, None, :]] = np.take_along_axis(
                classes[some], best.reshape(len(some), -1), axis=1
            ).reshape(best.shape)


def _winner(corners: Floats, down: Floats, across: Floats) -> npt.NDArray[np.int64]:
    """(m, tall, wide) which of k surfaces is highest: corners (4, m, k), places (m, tall) and (m, wide)."""
    across, down = across[:, None, :], down[:, :, None]
    most = best = None
    for k in range(corners.shape[2]):
        a, b, c, d = (corner[:, k, None, None] for corner in corners)
        top, bottom = (1 - across) * a + across * b, (1 - across) * c + across * d  # (m, 1, wide)
        surface = (1 - down) * top + down * bottom  # (m, tall, wide)
        if most is None:
            most, best = surface, np.zeros(surface.shape, np.int64)
        else:
            above = surface > most
            np.copyto(most, surface, where=above)
            best[above] = k
    return best
