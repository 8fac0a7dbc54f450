"""The part of a picture around each box, as networks for one person at a time want it.

    box ─▶ widened to the aspect of the tensor, and by a margin ─▶ frame: centre, size ─▶ (h, w, 3) crop
    points in the crop ─▶ points in the picture

Convention:
    Pixel i is at i, and the first and last pixel of a crop lie on the border of its frame: "unbiased data processing"
    (Huang et al. 2020, The Devil is in the Details, section 3). Arithmetic is in 32 bits where the reference's is.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from pixwise.errors import check_shape

__all__ = ["Frames", "crop_frame", "frames_around", "from_frames"]

Floats = npt.NDArray[np.float32]

_UNIT = np.float32(200)  # px; sizes are told in it, which rounds them


class Frames(NamedTuple):
    """Rectangles of a picture.

    Attributes:
        centres: (R, 2) xy, pixels.
        sizes: (R, 2) width and height, pixels.
    """

    centres: Floats
    sizes: Floats


def frames_around(boxes: npt.ArrayLike, size_hw: tuple[int, int], margin: float = 1.25) -> Frames:
    """Frames with the aspect of a tensor around boxes.

    Args:
        boxes: (R, 4) xyxy, pixels; may reach out of the picture.
        size_hw: of the tensor.
        margin: how many times as large as the box; 1 is no margin.
    """
    boxes = np.asarray(boxes, np.float64)
    check_shape("boxes", boxes, ("R", 4), finite=True)
    aspect = size_hw[1] / size_hw[0]
    width, height = boxes[:, 2] - boxes[:, 0], boxes[:, 3] - boxes[:, 1]
    centres = boxes[:, :2] + 0.5 * np.stack([width, height], axis=1)
    sizes = np.stack([np.maximum(width, height * aspect), np.maximum(height, width / aspect)], axis=1)
    return Frames(centres.astype(np.float32), (sizes / 200).astype(np.float32) * np.float32(margin) * _UNIT)


def crop_frame(
    pixels: npt.NDArray[np.uint8], centre_xy: Floats, size_xy: Floats, size_hw: tuple[int, int]
) -> npt.NDArray[np.uint8]:
    """The picture in a frame, bilinear without antialias; black from half a pixel inside the picture's border on.

    Args:
        pixels: (H, W, 3) uint8.
        centre_xy, size_xy: of one frame, pixels.
        size_hw: of the crop.

    Returns:
        (h, w, 3) uint8.
    """
    rows, below, down, in_y = _along(size_hw[0], centre_xy[1], size_xy[1], pixels.shape[0])
    columns, beside, right, in_x = _along(size_hw[1], centre_xy[0], size_xy[0], pixels.shape[1])
    down, right = down[:, None, None], right[None, :, None]
    upper, lower = (
        pixels[y[:, None], columns] * (1 - right) + pixels[y[:, None], beside] * right for y in (rows, below)
    )  # (h, w, 3)
    crop = (upper * (1 - down) + lower * down + 0.5).astype(np.uint8)
    crop[~in_y] = 0
    crop[:, ~in_x] = 0
    return crop


def _along(count: int, centre: np.float32, size: np.float32, side: int) -> tuple[np.ndarray, ...]:
    """One axis of a crop: the pixels before and after each place, the share of the second, and which are inside."""
    scale = (count - 1) / np.float64(size)
    slope = np.float64(np.float32(scale))
    start = np.float64(np.float32(scale * np.float64(np.float32(0.5) * size - centre)))
    places = (np.arange(count) - start) / slope
    first = np.clip(np.floor(places), 0, side - 1).astype(np.int64)
    inside = (places >= 0) & (places <= side - 1)
    return first, np.minimum(first + 1, side - 1), np.clip(places - first, 0, 1), inside


def from_frames(points: npt.ArrayLike, frames: Frames, size_hw: tuple[int, int]) -> npt.NDArray[np.float64]:
    """Points of crops, or of maps that lie over them, in the picture.

    Args:
        points: (R, K, 2) xy, in cells of the map: the first cell at 0.
        frames: R of them.
        size_hw: of the map; each side is 2 or more.
    """
    steps = frames.sizes.astype(np.float64) / (size_hw[1] - 1, size_hw[0] - 1)  # (R, 2) px
    corners = frames.centres.astype(np.float64) - frames.sizes.astype(np.float64) * 0.5
    return np.asarray(points) * steps[:, None] + corners[:, None]
