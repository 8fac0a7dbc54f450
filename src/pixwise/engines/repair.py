"""Engines that mend pictures: noise taken away, holes filled; OpenCV's own.

NonLocalMeans   {"image": (B, H, W, 3)} ─▶ pixels (B, H, W, 3)
FillSession     {"image": (1, H, W, 3), "mask": (1, H, W)} ─▶ pixels (1, H, W, 3)
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

import numpy as np

from pixwise.engines.engine import Pixels, opencv
from pixwise.session import Tensor

__all__ = ["FillSession", "NonLocalMeans", "noise_deviation"]

_LEAST, _MOST = 0.8, 25.0  # deviations: below nobody sees the noise, above it is texture that is taken for noise
_SMOOTHING = 0.5  # of the deviation: nearest to the clean photograph at deviations of 5 and of 15; 1 takes eyes away
_RADIUS = 5.0  # pixels around the hole that a pixel is made of


class NonLocalMeans:
    """Each pixel becomes the mean of those whose surroundings look alike (Buades et al. 2005)."""

    def __init__(self, threads: int = 0):
        self._cv2 = opencv()

    def __call__(self, pixels: Pixels) -> dict[str, np.ndarray]:
        """(H, W, 3) → pixels (H, W, 3); how much is smoothed follows from the noise that is there."""
        deviation = min(noise_deviation(self._cv2, pixels), _MOST)
        if deviation < _LEAST:
            return {"pixels": pixels}
        bgr = np.ascontiguousarray(pixels[..., ::-1])
        width = deviation * _SMOOTHING
        made = self._cv2.fastNlMeansDenoisingColored(bgr, None, width, width, 7, 21)
        return {"pixels": np.ascontiguousarray(made[..., ::-1])}


def noise_deviation(cv2: Any, pixels: Pixels) -> float:
    """Standard deviation of the noise, in values of 0 to 255.

    By the filter of Immerkær (1996, Fast noise variance estimation), which answers neither to planes nor to slopes; its
    median instead of its mean, because edges and texture are few pixels of most pictures.
    """
    if min(pixels.shape[:2]) < 3:
        return 0.0
    grey = cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY).astype(np.float32)
    mask = np.float32([[1, -2, 1], [-2, 4, -2], [1, -2, 1]])  # of white noise its answer has 6 deviations
    answer = np.abs(cv2.filter2D(grey, -1, mask)[1:-1, 1:-1])
    channels = 1 / np.sqrt(0.299**2 + 0.587**2 + 0.114**2)  # grey is a mean, in which noise of the channels shrinks
    return float(np.median(answer)) / 0.6745 / 6 * channels


class FillSession:
    """Runs one of OpenCV's ways to fill holes."""

    device, bytes, files = "cpu", 0, MappingProxyType({})

    def __init__(self, flag: str, threads: int = 0):
        self._cv2 = opencv()
        self._flag = getattr(self._cv2, flag)

    def inputs(self, part: str = "model") -> tuple[Tensor, ...]:
        return Tensor("image", (-1, -1, -1, 3), "uint8"), Tensor("mask", (-1, -1, -1), "uint8")

    def run(self, feeds: Mapping[str, np.ndarray], part: str = "model") -> dict[str, np.ndarray]:
        rows = zip(feeds["image"], feeds["mask"], strict=True)
        return {"pixels": np.stack([self._filled(pixels, mask) for pixels, mask in rows])}

    def _filled(self, pixels: Pixels, mask: Pixels) -> Pixels:
        return self._cv2.inpaint(np.ascontiguousarray(pixels), np.ascontiguousarray(mask), _RADIUS, self._flag)

    def of(self, part: str) -> FillSession:
        return self
