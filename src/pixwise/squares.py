"""A picture as OWLv2 wants it: black at the right or below makes it a square, which is smoothed and stretched.

    (H, W, 3) uint8 ─▶ S x S with S = max(H, W) ─▶ Gauss against aliases ─▶ linear ─▶ (3, h, w) float

Unlike Pillow's filters, this one works on real numbers and blurs before it samples (Minderer et al. 2023 resize so).
The black part is never made: only as much of it as the blur can see.
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt
from PIL import Image

from pixwise.recipe import Recipe

__all__ = ["square"]

Floats = npt.NDArray[np.float32]
_REACH = 4  # standard deviations after which the blur ends


def square(image: Image.Image, recipe: Recipe, seen_xy: tuple[float, float] | None = None) -> npt.NDArray:
    """Make the tensor of a picture that is padded to a square.

    Args:
        image: RGB, upright.
        recipe: size, channels, numbers, layout, type.
        seen_xy: where the picture ends in a scaled decode, may be inside a pixel; all of it when None.

    Returns:
        (3, h, w) or (h, w, 3) of the recipe's type.
    """
    pixels, side = np.asarray(image), max(seen_xy or image.size)
    out = np.empty((3, *recipe.size_hw), recipe.dtype)
    for plane, channel in enumerate((0, 1, 2) if recipe.channels == "RGB" else (2, 1, 0)):
        values = pixels[..., channel] * np.float32(recipe.scale)  # (H, W); one channel at a time: 12 MP are 48 MB each
        shrunk = _stretched(values, side, recipe.size_hw)
        out[plane] = (shrunk + np.float32(recipe.offset - recipe.mean[plane])) / np.float32(recipe.std[plane])
    return out if recipe.layout == "CHW" else np.ascontiguousarray(out.transpose(1, 2, 0))


def _stretched(values: Floats, side: float, size_hw: tuple[int, int]) -> Floats:
    """(H, W), zeros around it up to `side` x `side`, blurred and sampled: (h, w)."""
    import cv2

    steps = [side / target for target in size_hw]
    sigmas = [max(0.0, (step - 1) / 2) for step in steps]
    radii = [int(_REACH * sigma + 0.5) for sigma in sigmas]
    # Beyond twice the reach all is black: the last row and column stand for the rest.
    kept = [min(math.ceil(side), n + 2 * r + 2) for n, r in zip(values.shape, radii, strict=True)]
    padded = cv2.copyMakeBorder(
        values, 0, kept[0] - values.shape[0], 0, kept[1] - values.shape[1], cv2.BORDER_CONSTANT, value=0
    )
    if any(radii):
        down, along = (_bell(sigma, radius) for sigma, radius in zip(sigmas, radii, strict=True))
        padded = cv2.sepFilter2D(padded, -1, along, down, borderType=cv2.BORDER_REFLECT_101)
    rows = _sampled(padded, steps[0], size_hw[0], side)  # (h, kept)
    return _sampled(rows.T, steps[1], size_hw[1], side).T


def _bell(sigma: float, radius: int) -> Floats:
    """(2 * radius + 1,) of a Gauss curve, sum 1."""
    bell = np.exp(-0.5 * (np.arange(-radius, radius + 1) / (sigma or 1.0)) ** 2)
    return (bell / bell.sum()).astype(np.float32)


def _sampled(rows: Floats, step: float, count: int, side: float) -> Floats:
    """Rows between rows, linear, at the centres of `count` equal parts; beyond the edge the picture is mirrored."""
    last = max(0.0, math.ceil(side) - 1)
    at = np.abs((np.arange(count) + 0.5) * step - 0.5)
    at = np.clip(np.where(at > last, 2 * last - at, at), 0, len(rows) - 1)
    below = at.astype(np.int64)
    above = np.minimum(below + 1, len(rows) - 1)
    share = (at - below).astype(np.float32)[:, None]
    return rows[below] * (1 - share) + rows[above] * share
