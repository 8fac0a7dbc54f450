"""A colour laid over the pixels of a mask, with an outline that is seen on any ground."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from pixwise.draw.palette import Colour, on

__all__ = ["washed"]

_SHARE = 0.4  # of the colour over the mask: the picture is still seen through it


def washed(
    pixels: npt.NDArray[np.uint8], inside: npt.NDArray[np.bool_], colour: Colour, line_px: int, halo_px: int
) -> npt.NDArray[np.uint8]:
    """Wash some pixels with a colour and draw a line along their edge, within it.

    Args:
        pixels: (H, W, 3) uint8.
        inside: (H, W) bool; the border of the array is an edge, too.
        colour: of wash and line.
        line_px: width of the line.
        halo_px: width of the halo on its inner side.

    Returns:
        (H, W, 3) uint8.
    """
    import cv2

    out = pixels.copy()
    out[inside] = (pixels[inside] * np.float32(1 - _SHARE) + np.float32(colour) * np.float32(_SHARE)).astype(np.uint8)
    framed = np.pad(inside, 1).astype(np.uint8)
    for shade, wide in ((on(colour), line_px + halo_px), (colour, line_px)):
        brush = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * wide + 1, 2 * wide + 1))
        inner = cv2.erode(framed, brush, borderValue=0)[1:-1, 1:-1] > 0
        out[inside & ~inner] = shade
    return out
