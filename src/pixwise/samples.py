"""Photo-like pictures, drawn from a seed: something to measure with where there is no photograph."""

from __future__ import annotations

import io

import numpy as np
import numpy.typing as npt
from PIL import Image

__all__ = ["jpeg_like", "photo_like"]


def photo_like(height: int, width: int, seed: int = 0) -> npt.NDArray[np.uint8]:
    """A picture with the statistics of a photograph: 1/f noise in three correlated channels, and some hard edges.

    Returns:
        (height, width, 3) uint8.
    """
    random = np.random.default_rng(seed)
    layers = np.zeros((height, width, 3), np.float32)
    side = 4
    while side < max(height, width) * 2:
        coarse = random.normal(0, 1, (side, side, 3)).astype(np.float32)
        coarse = 0.7 * coarse.mean(axis=2, keepdims=True) + 0.3 * coarse
        for channel in range(3):
            plane = Image.fromarray(coarse[..., channel]).resize((width, height), Image.Resampling.BICUBIC)
            layers[..., channel] += np.asarray(plane) * (24 / side**0.6)
        side *= 2
    layers = 128 + 40 * (layers - layers.mean()) / layers.std()
    for _ in range(12):
        y, x = random.integers(0, height), random.integers(0, width)
        h, w = random.integers(height // 20 + 1, height // 4 + 2), random.integers(width // 20 + 1, width // 4 + 2)
        layers[y : y + h, x : x + w] = 0.5 * layers[y : y + h, x : x + w] + 0.5 * random.uniform(0, 255, 3)
    return np.clip(layers + random.normal(0, 2, layers.shape), 0, 255).astype(np.uint8)


def jpeg_like(height: int, width: int, seed: int = 0, quality: int = 90) -> bytes:
    """A photo-like picture as the bytes of a JPEG."""
    buffer = io.BytesIO()
    Image.fromarray(photo_like(height, width, seed)).save(buffer, "JPEG", quality=quality)
    return buffer.getvalue()
