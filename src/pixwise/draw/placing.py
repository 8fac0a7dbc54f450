"""Where labels go: inside the picture, beside their box, over no other label or text where that can be.

Pure geometry on integer boxes `(x1, y1, x2, y2)`, right and bottom exclusive.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

__all__ = ["place_label", "place_legend"]

Box = tuple[int, int, int, int]
_LABELS_FIRST = 10  # a pixel of another label counts as many busy ones
_STEPS = 6  # how many heights a label may move away from its first place


def place_label(
    size_wh: tuple[int, int],
    box: Sequence[float],
    picture_hw: tuple[int, int],
    taken: Sequence[Box] = (),
    busy: Sequence[Box] = (),
) -> tuple[Box, int]:
    """A place for a label: above its box, else inside, below, or shifted by its own height until it is free.

    Args:
        size_wh: of the label; not larger than the picture.
        box: xyxy, what is labelled.
        picture_hw: where it must stay inside.
        taken: places of other labels.
        busy: what is better not covered, but may be.

    Returns:
        The first free place, or the one that covers least; and how many pixels of other labels it covers.
    """
    wide, high = size_wh
    x1, y1, x2, y2 = (round(float(edge)) for edge in box)
    rows = [y1 - high, y1, y2, y2 - high]
    away = [step * high // 2 for step in range(1, 2 * _STEPS)]
    rows += [y for gap in away for y in (y1 - high - gap, y2 + gap, y1 + gap)]
    corners = np.array([(x, y) for pair in ((x1, x2 - wide), (x1 - wide, x2)) for y in rows for x in pair])
    low = np.clip(corners, 0, [picture_hw[1] - wide, picture_hw[0] - high])  # (C, 2) xy, inside the picture
    labels = _covered(low, size_wh, taken)
    best = int((_LABELS_FIRST * labels + _covered(low, size_wh, busy)).argmin())  # the first of equal ones
    return _box_at(low[best], size_wh), int(labels[best])


def place_legend(size_wh: tuple[int, int], picture_hw: tuple[int, int], margin: int, busy: Sequence[Box] = ()) -> Box:
    """The place that covers least of what is busy; of equal ones the leftmost, then the highest.

    Args:
        size_wh: of the legend; not larger than the picture.
        picture_hw: where it must stay inside.
        margin: distance from the border, where there is room.
        busy: what is better not covered.
    """
    high = np.array(picture_hw[::-1]) - size_wh
    near = np.minimum(margin, high)
    far = high - near
    low = np.array([(x, y) for x in np.linspace(near[0], far[0], 5) for y in np.linspace(near[1], far[1], 9)], np.int64)
    return _box_at(low[int(_covered(low, size_wh, busy).argmin())], size_wh)


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
