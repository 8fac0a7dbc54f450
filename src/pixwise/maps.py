"""Pure functions on maps of numbers as models give them: enlarged to the picture, compared, tidied.

    logits (h, w) ─▶ mask_above(logits, size_hw) ─▶ (H, W) bool ─▶ without_islands ─▶ without_holes

Enlarging is bilinear with half-pixel centres and without antialias, as `interpolate(mode="bilinear")` of the
reference does it, also where the map is the larger one. Depth is enlarged bicubically in the same way: `magnify`.
"""

from __future__ import annotations

from typing import Literal

import numpy as np
import numpy.typing as npt

from pixwise.errors import check_shape

__all__ = [
    "Filter", "enlarge", "enlarged_rows", "magnify", "mask_above", "stability", "without_holes", "without_islands",
]  # fmt: skip

Bools = npt.NDArray[np.bool_]
Floats = npt.NDArray[np.float32]
Ints = npt.NDArray[np.int64]
Filter = Literal["bicubic", "bilinear"]

_STEP = 32  # lines at once: they stay in the processor's cache


def enlarge(values: Floats, size_hw: tuple[int, int]) -> Floats:
    """Bring (h, w) numbers to another size, (H, W) float32."""
    check_shape("map", values, ("h", "w"))
    tall = _blend(values, *_taps(len(values), size_hw[0]))  # (H, w)
    return _blend(tall.T, *_taps(values.shape[1], size_hw[1])).T


def magnify(values: Floats, size_hw: tuple[int, int], filter: Filter = "bicubic") -> Floats:
    """Bring (h, w) numbers to another size, (H, W) float32, as `interpolate(mode=filter)` of the reference does.

    OpenCV's filters on floats are the same ones (Keys 1981 with a = -0.75, half-pixel centres, no antialias), and know
    the places between pixels in more digits: the two differ by 1e-4 of a step from one pixel to the next at most.
    """
    import cv2

    check_shape("map", values, ("h", "w"))
    kind = cv2.INTER_CUBIC if filter == "bicubic" else cv2.INTER_LINEAR
    return cv2.resize(np.ascontiguousarray(values, np.float32), size_hw[::-1], interpolation=kind)


def enlarged_rows(values: Floats, size_hw: tuple[int, int], low: int, high: int) -> Floats:
    """Some rows of (C, h, w) maps that are brought to another size: (C, high - low, W) float32."""
    check_shape("maps", values, ("C", "h", "w"))
    first, second, share = (each[low:high] for each in _taps(values.shape[1], size_hw[0]))
    tall = values[:, first] + share[:, None] * (values[:, second] - values[:, first])  # (C, n, w)
    first, second, share = _taps(values.shape[2], size_hw[1])
    return tall[:, :, first] + share * (tall[:, :, second] - tall[:, :, first])


def mask_above(values: Floats, size_hw: tuple[int, int], threshold: float = 0.0) -> Bools:
    """Where the enlarged map is above a threshold.

    The enlarged map is never held as a whole, and parts in which nothing is above cost nothing: a small object on
    12 megapixels takes a few milliseconds.

    Args:
        values: (h, w).
        size_hw: of the picture.
        threshold: just as high is not above.

    Returns:
        (H, W) bool, stored column by column, as run lengths go.
    """
    check_shape("map", values, ("h", "w"))
    height, width = size_hw
    lines = np.ascontiguousarray(_blend(values, *_taps(len(values), height)).T)  # (w, H)
    low, high, share = _taps(values.shape[1], width)
    out = np.zeros((width, height), bool)
    highest = lines.max(axis=1)
    for start in range(0, width, _STEP):
        part = slice(start, min(width, start + _STEP))
        if highest[low[start] : high[part][-1] + 1].max() > threshold:
            out[part] = _blend(lines, low[part], high[part], share[part]) > threshold
    return out.T


def _taps(length: int, target: int) -> tuple[Ints, Ints, Floats]:
    """For each place of the target the two places of the source between which it lies, and the second one's share."""
    at = np.clip((np.arange(target) + 0.5) * (length / target) - 0.5, 0, None)
    low = np.minimum(at.astype(np.int64), length - 1)
    return low, np.minimum(low + 1, length - 1), (at - low).astype(np.float32)


def _blend(lines: Floats, low: Ints, high: Ints, share: Floats) -> Floats:
    first = lines[low]
    return first + share[:, None] * (lines[high] - first)


def stability(logits: Floats, offset: float = 1.0) -> float:
    """How little a mask changes with its threshold: area above `offset` / area above `-offset`; 0 for none."""
    outer = np.count_nonzero(logits > -offset)
    return np.count_nonzero(logits > offset) / outer if outer else 0.0


def without_holes(mask: Bools, most: int) -> Bools:
    """Fill holes of at most so many pixels; 0 leaves the mask as it is."""
    return ~without_islands(~mask, most)


def without_islands(mask: Bools, most: int) -> Bools:
    """Drop parts of at most so many pixels, which touch the rest nowhere, not even at a corner."""
    if not most:
        return mask
    import cv2

    _, labels, stats, _ = cv2.connectedComponentsWithStats(mask.astype(np.uint8), connectivity=8)
    kept = stats[:, cv2.CC_STAT_AREA] > most
    kept[0] = False
    return kept[labels]
