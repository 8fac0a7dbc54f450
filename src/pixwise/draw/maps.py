"""Maps over a picture: each class in its colour, with a line where one ends."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt
from PIL import Image

from pixwise.draw.canvas import Canvas
from pixwise.draw.palette import Colour

__all__ = ["paint_map"]

_WASH = 0.5  # of the colour; the rest is the picture


def paint_map(canvas: Canvas, ids: npt.NDArray[np.integer], colours: Mapping[int, Colour]) -> None:
    """Lay colours over the picture.

    Args:
        canvas: whose image is painted on.
        ids: (H, W) of its size.
        colours: of the ids that are shown; the others stay as they are.
    """
    import cv2

    table = np.zeros((max(int(ids.max()), *colours) + 1, 3), np.uint8)
    for id, colour in colours.items():
        table[id] = colour
    shown = np.isin(np.arange(len(table)), list(colours))
    pixels = np.asarray(canvas.image)  # (H, W, 3)
    flat = table[ids]
    washed = cv2.addWeighted(pixels, 1 - _WASH, flat, _WASH, 0)
    square = np.ones((3, 3), np.uint8)
    edges = cv2.morphologyEx(ids, cv2.MORPH_GRADIENT, square, iterations=max(1, canvas.line_px // 2)) > 0
    painted = np.where(edges[:, :, None], flat, washed)
    canvas.image.paste(Image.fromarray(np.where(shown[ids][:, :, None], painted, pixels)))
