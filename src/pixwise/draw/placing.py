"""Where labels go: inside the picture, beside their box, over no other label or text where that can be.

Pure geometry on integer boxes `(x1, y1, x2, y2)`, right and bottom exclusive, and a map of where there is much to see.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from PIL import Image

__all__ = ["Box", "Detail", "Place", "detail_of", "place_label", "place_legend"]

Box = tuple[int, int, int, int]
_HIDDEN_FIRST = 10  # a pixel of what must be seen counts as many busy ones
_STEPS = 6  # how many heights a label may move away from its first place
_AWAY = 0.08  # a label beside what is read rather covers this share of detail than move away by its own height
_LITTLE = 0.1  # share of detail under such a label that does not matter
_DETAIL_SIDE_PX = 384  # the longer side of the map of detail
_LEGEND_STEPS = 13  # places of a legend, along and across
_LEGEND_HIDES = 8  # a pixel of what is busy counts as so many,
_LEGEND_DETAIL = 2  # one of detail as so many: edges are thin, and stand for the thing that they bound
_OFF_CORNER = np.array(
    [0.15, 0.01, 0.0]
)  # share of its area that a legend rather hides: inside, at an edge, in a corner


class Place(NamedTuple):
    """Where a label goes.

    Attributes:
        box: xyxy.
        hidden: pixels that it hides of other labels and of what else must be seen.
        gap_px: distance from what it labels; 0 where they touch.
    """

    box: Box
    hidden: int
    gap_px: int


@dataclass(frozen=True)
class Detail:
    """How much there is to see in any part of a picture.

    Attributes:
        sums: (h + 1, w + 1) sums of detail (0 flat to 1 edge) above and to the left.
        step_px: pixels of the picture per pixel of the map.
    """

    sums: npt.NDArray[np.float64]
    step_px: int

    def inside(self, low: npt.NDArray, size_wh: tuple[int, int]) -> npt.NDArray[np.float64]:
        """(C, 2) top left corners → (C,) pixels of detail in a box there."""
        most = np.array(self.sums.shape[::-1]) - 1
        (x1, y1), (x2, y2) = (np.minimum(np.rint(c / self.step_px).astype(int), most).T for c in (low, low + size_wh))
        sums = self.sums
        return (sums[y2, x2] - sums[y1, x2] - sums[y2, x1] + sums[y1, x1]) * self.step_px**2


def detail_of(image: Image.Image) -> Detail:
    """Measure detail: the steps of grey from pixel to pixel; what is below noise (4 of 255) is flat."""
    step_px = math.ceil(max(image.size) / _DETAIL_SIDE_PX)
    grey = np.asarray(image.reduce(step_px).convert("L"), np.float32)
    steps = np.abs(np.diff(grey, axis=0, append=grey[-1:])) + np.abs(np.diff(grey, axis=1, append=grey[:, -1:]))
    shares = np.clip((steps - 4) / 32, 0, 1, dtype=np.float64)
    return Detail(np.pad(shares.cumsum(axis=0).cumsum(axis=1), ((1, 0), (1, 0))), step_px)


def place_label(
    size_wh: tuple[int, int],
    box: Sequence[float],
    picture_hw: tuple[int, int],
    taken: Sequence[Box] = (),
    busy: Sequence[Box] = (),
    others: Sequence[Box] = (),
    detail: Detail | None = None,
) -> Place:
    """A place for a label: above its box, else inside, below, or shifted by its own height until it is free.

    Args:
        size_wh: of the label; not larger than the picture.
        box: xyxy, what is labelled.
        picture_hw: where it must stay inside.
        taken: what must be seen, such as other labels.
        busy: what is better not covered, but may be.
        others: boxes of other things; a label that had to move away must not lie in one, it would seem to name it.
        detail: the label belongs to something that is read: it goes beside rather than below, and keeps off detail.

    Returns:
        The first free place, or the one that hides least.
    """
    corners, touching = _candidates(size_wh, box, beside=detail is not None)
    low = np.clip(corners, 0, [picture_hw[1] - size_wh[0], picture_hw[0] - size_wh[1]])  # (C, 2) xy, in the picture
    gaps = _gaps(low, size_wh, box)
    hidden = _covered(low, size_wh, taken)
    hidden[touching:] += _covered(low[touching:], size_wh, others)
    cost = _HIDDEN_FIRST * hidden + _covered(low, size_wh, busy)
    if detail is not None:
        matters = np.maximum(0, detail.inside(low, size_wh) - _LITTLE * math.prod(size_wh))
        diagonal = ((low + size_wh <= np.round(box[:2])) | (low >= np.round(box[2:]))).all(axis=1)
        cost = cost + matters + _AWAY * size_wh[0] * (gaps + size_wh[1] * diagonal)
    best = int(cost.argmin())  # the first of equal ones
    return Place(_box_at(low[best], size_wh), int(hidden[best]), int(gaps[best]))


def place_legend(
    size_wh: tuple[int, int],
    picture_hw: tuple[int, int],
    margin: int,
    busy: Sequence[Box] = (),
    detail: Detail | None = None,
) -> tuple[Box, float]:
    """The corner that hides least, else a place at an edge, else anywhere; of equal ones the leftmost and highest.

    Args:
        size_wh: of the legend; not larger than the picture.
        picture_hw: where it must stay inside.
        margin: distance from the border, where there is room.
        busy: what is better not covered.
        detail: of the picture.

    Returns:
        The place, and what it costs, in pixels.
    """
    room = np.array(picture_hw[::-1]) - size_wh
    near = np.minimum(margin, room)
    far = room - near
    low = np.array([(x, y) for x in _spread(near[0], far[0]) for y in _spread(near[1], far[1])], np.int64)
    at_borders = ((low == near) | (low == far)).sum(axis=1)  # (C,) 2 in a corner, 1 at an edge
    cost = _LEGEND_HIDES * _covered(low, size_wh, busy) + _OFF_CORNER[at_borders] * math.prod(size_wh)
    if detail is not None:
        cost = cost + _LEGEND_DETAIL * detail.inside(low, size_wh)
    best = int(cost.argmin())
    return _box_at(low[best], size_wh), float(cost[best])


def _spread(first: int, last: int) -> npt.NDArray[np.int64]:
    return np.linspace(first, last, _LEGEND_STEPS).astype(np.int64)


def _candidates(size_wh: tuple[int, int], box: Sequence[float], *, beside: bool) -> tuple[npt.NDArray, int]:
    """(C, 2) top left corners, the best first, and how many of them touch the box in a usual place."""
    wide, high = size_wh
    x1, y1, x2, y2 = (round(float(edge)) for edge in box)
    flush, sides = (x1, x2 - wide), (x1 - wide, x2)
    rows = [y1 - high, y1, y2, y2 - high]
    usual = [(x, y) for y in rows for x in flush]
    if beside:
        level = (y1 + y2 - high) // 2
        usual = [(x1, y1 - high), (x2 - wide, y1 - high), (x2, level), (x1 - wide, level)]  # below is the next line's
    away = [y2] * beside + [y for step in range(1, 2 * _STEPS) for y in _shifted(rows, step * high // 2)]
    moved = [(x, y) for y in away for x in flush] + [(x, y) for y in rows + away for x in sides]
    return np.array(usual + moved, np.int64), len(usual)


def _shifted(rows: Sequence[int], gap: int) -> tuple[int, int, int]:
    return rows[0] - gap, rows[2] + gap, rows[1] + gap


def _gaps(low: npt.NDArray, size_wh: tuple[int, int], box: Sequence[float]) -> npt.NDArray[np.int64]:
    """(C, 2) top left corners → (C,) pixels between a box there and `box`."""
    edges = np.round(np.asarray(box, np.float64)).astype(np.int64)
    apart = np.maximum(edges[:2] - (low + size_wh), low - edges[2:])  # (C, 2)
    return np.maximum(apart.max(axis=1), 0)


def _covered(low: npt.NDArray, size_wh: tuple[int, int], others: Sequence[Box]) -> npt.NDArray[np.int64]:
    """(C, 2) top left corners → (C,) pixels of other boxes that a label there covers."""
    boxes = np.array(others, np.int64).reshape(-1, 4)
    (x, y), (wide, high) = low.T[..., None], size_wh  # (C, 1)
    across = np.minimum(x + wide, boxes[:, 2]) - np.maximum(x, boxes[:, 0])  # (C, K)
    along = np.minimum(y + high, boxes[:, 3]) - np.maximum(y, boxes[:, 1])
    return (np.maximum(across, 0) * np.maximum(along, 0)).sum(axis=-1)


def _box_at(low: npt.NDArray, size_wh: tuple[int, int]) -> Box:
    x, y = low.tolist()
    return x, y, x + size_wh[0], y + size_wh[1]
