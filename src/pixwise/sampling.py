"""Pictures resized in floats and without antialias, as torch's `interpolate` does it for some models.

    (H, W, 3) uint8 ─▶ mirrored at its edges ─▶ between four pixels each ─▶ (3, h, w) float

The mirrored part is never made, nor is the picture in floats: only the pixels that are read are touched.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from pixwise.recipe import Recipe

__all__ = ["sample"]

Floats = npt.NDArray[np.float32]
Pixels = npt.NDArray[np.uint8]


def sample(pixels: Pixels, size_hw: tuple[int, int], margin_hw: tuple[int, int], recipe: Recipe) -> npt.NDArray:
    """Make the tensor of a picture.

    Args:
        pixels: (H, W, 3) RGB.
        size_hw: of the tensor.
        margin_hw: how far it is mirrored at its edges first: above and below, left and right; pixels.
        recipe: corners, channels, numbers, layout, type.

    Returns:
        (3, h, w) or (h, w, 3) of the recipe's type.
    """
    corners = recipe.resample == "sampled_corners"
    rows, columns = (
        _between(side, margin, target, corners)
        for side, margin, target in zip(pixels.shape, margin_hw, size_hw, strict=False)
    )
    out = np.empty((3, *size_hw), recipe.dtype)
    for plane, channel in enumerate((0, 1, 2) if recipe.channels == "RGB" else (2, 1, 0)):
        values = _read(pixels[..., channel], rows, columns) * np.float32(recipe.scale)
        out[plane] = (values + np.float32(recipe.offset - recipe.mean[plane])) / np.float32(recipe.std[plane])
    return out if recipe.layout == "CHW" else np.ascontiguousarray(out.transpose(1, 2, 0))


class _Between(NamedTuple):
    """Along one axis: for each place of the target two pixels, and the second one's share."""

    low: npt.NDArray[np.int64]
    high: npt.NDArray[np.int64]
    share: Floats


def _between(side: int, margin: int, target: int, corners: bool) -> _Between:
    """In 32-bit floats, as torch computes places."""
    length, half = side + 2 * margin, np.float32(0.5)
    places = np.arange(target, dtype=np.float32)
    if corners:
        at = places * np.float32((length - 1) / max(1, target - 1))
    else:
        at = np.clip((places + half) * np.float32(length / target) - half, 0, None)
    low = np.minimum(at.astype(np.int64), length - 1)
    high = np.minimum(low + 1, length - 1)
    return _Between(_mirrored(low - margin, side), _mirrored(high - margin, side), (at - low).astype(np.float32))


def _mirrored(places: npt.NDArray[np.int64], side: int) -> npt.NDArray[np.int64]:
    """Places beyond an edge as those inside that they mirror; the edge itself comes once."""
    if side == 1:
        return np.zeros_like(places)
    places = np.abs(places) % (2 * side - 2)
    return np.minimum(places, 2 * side - 2 - places)


def _read(values: npt.NDArray[np.uint8], rows: _Between, columns: _Between) -> Floats:
    """(h, w) between the pixels of one channel."""
    above, below = (
        (lines := values[which])[:, columns.low] * (1 - columns.share) + lines[:, columns.high] * columns.share
        for which in (rows.low, rows.high)
    )
    share = rows.share[:, None]
    return above * (1 - share) + below * share
