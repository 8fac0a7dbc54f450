"""Where labels go: inside the picture, beside their box, over no other label where that can be.

Pure geometry on integer boxes `(x1, y1, x2, y2)`, right and bottom exclusive.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

__all__ = ["place_label", "place_legend"]

Box = tuple[int, int, int, int]
_STEPS = 8  # how many heights a label may move away from its first place


def place_label(
    size_wh: tuple[int, int], box: Sequence[float], picture_hw: tuple[int, int], taken: Sequence[Box]
) -> tuple[Box, int]:
    """A place for a label: above its box, else inside, below, or shifted by its own height until it is free.

    Args:
        size_wh: of the label; not larger than the picture.
        box: xyxy, what is labelled.
        picture_hw: where it must stay inside.
        taken: places of other labels.

    Returns:
        The first free place, or the one that covers least of the others; and how many pixels of them it covers.
    """
    wide, high = size_wh
    x1, y1, x2, y2 = (round(float(edge)) for edge in box)
    rows = [y1 - high, y1, y2, y2 - high]
    rows += [y1 + sign * step * high for step in range(1, _STEPS) for sign in (1, -1)]
    corners = np.array([(x, y) for pair in ((x1, x2 - wide), (x1 - wide, x2)) for y in rows for x in pair])
    limit = np.array([picture_hw[1] - wide, picture_hw[0] - high])
    low = np.clip(corners, 0, limit)  # (C, 2) xy, inside the picture
    high_xy = low + size_wh
    others = np.array(taken, np.int64).reshape(-1, 4)
    both = np.minimum(high_xy[:, None], others[None, :, 2:]) - np.maximum(
        low[:, None], others[None, :, :2]
    )  # (C, K, 2)
    covered = np.clip(both, 0, None).prod(axis=-1).sum(axis=-1)  # (C,) pixels of other labels
    best = int(covered.argmin())  # the first of equal ones
    return (*low[best].tolist(), *high_xy[best].tolist()), int(covered[best])


def place_legend(size_wh: tuple[int, int], picture_hw: tuple[int, int], margin: int) -> Box:
    """The top left corner, `margin` from the border where that leaves room."""
    x, y = (max(0, min(margin, side - size)) for side, size in zip(picture_hw[::-1], size_wh, strict=True))
    return x, y, x + size_wh[0], y + size_wh[1]
