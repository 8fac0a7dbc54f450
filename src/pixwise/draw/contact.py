"""Frames of a clip as rows of small pictures below a large one."""

from __future__ import annotations

import math
from collections.abc import Iterable

from PIL import Image

from pixwise.draw.palette import BLACK
from pixwise.picture import Picture

__all__ = ["with_frames"]

_MOST_IN_A_ROW = 8
_GAP = 2  # px between small pictures


def with_frames(image: Image.Image, frames: Iterable[Picture], count: int) -> Image.Image:
    """The picture, with small ones below it.

    Args:
        image: RGB.
        frames: the small ones, from left to right and from top to bottom.
        count: how many they are.

    Returns:
        A higher image; the same one where it is too narrow for them.
    """
    in_a_row = math.ceil(count / math.ceil(count / _MOST_IN_A_ROW))
    width = (image.width - _GAP * (in_a_row - 1)) // in_a_row
    height = max(1, round(width * image.height / image.width))
    if width < 8:
        return image
    rows = math.ceil(count / in_a_row)
    out = Image.new("RGB", (image.width, image.height + rows * (height + _GAP)), BLACK)
    out.paste(image, (0, 0))
    for place, frame in enumerate(frames):
        row, across = divmod(place, in_a_row)
        small = _fitted(frame.at_least((height, width)), (width, height))
        x = across * (width + _GAP) + (width - small.width) // 2
        out.paste(small, (x, image.height + _GAP + row * (height + _GAP) + (height - small.height) // 2))
    return out


def _fitted(image: Image.Image, room_wh: tuple[int, int]) -> Image.Image:
    """As large as it may be with its aspect kept."""
    scale = min(room_wh[0] / image.width, room_wh[1] / image.height)
    return image.resize((max(1, round(image.width * scale)), max(1, round(image.height * scale))))
