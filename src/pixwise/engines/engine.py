"""What the built-in engines have in common: OpenCV itself, and pictures scaled down.

An engine is a function from one picture (H, W, 3) to {name: (K, ...)}. Each file `engine_*.py` holds those of one
subject; only they use OpenCV's detectors and RapidOCR. `builtin.py` makes sessions of them.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from pixwise.errors import SetupError
from pixwise.pixels import resize

__all__ = ["Engine", "Pixels", "opencv", "shrink"]

Pixels = npt.NDArray[np.uint8]
Engine = Callable[[Pixels], dict[str, np.ndarray]]


def opencv() -> Any:
    """OpenCV's module, imported when it is asked for.

    Raises:
        SetupError: it is not installed.
    """
    try:
        import cv2
    except ImportError as error:
        raise SetupError(
            f"this model needs OpenCV, got {error}; run: pip install 'opencv-python-headless<5'"
        ) from error
    return cv2


def shrink(pixels: Pixels, max_side: int) -> tuple[Pixels, float]:
    """Scale (H, W, 3) down until the longer side is at most `max_side`; also the factor by which, 1 or less."""
    scale = min(1.0, max_side / max(pixels.shape[:2]))
    height, width = (max(1, round(length * scale)) for length in pixels.shape[:2])
    return resize(pixels, (height, width), "box"), scale
