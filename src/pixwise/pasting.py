"""Masks that were said inside of boxes, in the pixels of the picture.

    shares (m, m) of a box ─▶ a frame of zeros ─▶ enlarged to the box, grown as much ─▶ above a threshold ─▶ Mask

As torchvision's Mask R-CNN does it (`paste_masks_in_image`; He et al. 2017, section 3.1): the box ends on whole pixels,
right and bottom inclusive.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from pixwise.maps import mask_above
from pixwise.masks import Mask

__all__ = ["pasted"]

Floats = npt.NDArray[np.float32]


def pasted(shares: Floats, box: npt.ArrayLike, size_hw: tuple[int, int], threshold: float = 0.5) -> Mask:
    """Bring the mask of a box to the picture.

    Args:
        shares: (m, m) 0 to 1.
        box: (4,) xyxy, pixels, inside the picture.
        size_hw: of the picture.
        threshold: above this a pixel is inside.
    """
    framed = np.pad(shares.astype(np.float32), 1)
    grown = np.float32(len(framed)) / np.float32(len(shares))
    x1, y1, x2, y2 = np.asarray(box, np.float32)
    half, centre = (np.float32([x2 - x1, y2 - y1]) / 2, np.float32([x2 + x1, y2 + y1]) / 2)
    left, top = map(int, centre - half * grown)
    right, bottom = map(int, centre + half * grown)
    width, height = max(right - left + 1, 1), max(bottom - top + 1, 1)
    inside = mask_above(framed, (height, width), threshold)
    inside = inside[max(0, -top) : size_hw[0] - top, max(0, -left) : size_hw[1] - left]
    return Mask.from_array(inside).within(size_hw, (max(0, left), max(0, top)))
