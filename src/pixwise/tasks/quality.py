"""How good a picture is technically, and its colours: arithmetic on pixels, no weights.

    picture → at most 512 px, and two tiny grey ones → measures → Quality

Heads:
    measures   the pixels themselves
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from PIL import Image

from pixwise.picture import Picture
from pixwise.results import Quality
from pixwise.task import Task, check_range

__all__ = ["QualityMeter"]

Raw = Mapping[str, np.ndarray]


def difference_hash(grey: np.ndarray) -> str:
    """Is each pixel brighter than its left neighbour? 64 bits, row by row.

    Args:
        grey: (8, 9) uint8.

    Returns:
        16 hex digits.
    """
    return _hex(grey[:, 1:] > grey[:, :-1])


def perceptual_hash(grey: np.ndarray) -> str:
    """Is each of the 64 lowest frequencies (DCT-II, not orthonormal) above their median? Row by row.

    Args:
        grey: (32, 32) uint8.

    Returns:
        16 hex digits.
    """
    n = np.arange(32)
    waves = 2 * np.cos(np.pi * np.outer(n[:8], 2 * n + 1) / 64)  # (8, 32)
    low = waves @ grey.astype(np.float64) @ waves.T  # (8, 8)
    return _hex(low > np.median(low))


def _hex(bits: np.ndarray) -> str:
    return np.packbits(bits.reshape(-1)).tobytes().hex()


@dataclass(frozen=True, kw_only=True)
class QualityMeter(Task):
    """Measure a picture.

    Attributes:
        colours: how many dominant colours at most.
    """

    name: ClassVar[str] = "quality"
    result_type: ClassVar[type] = Quality
    heads: ClassVar[Mapping[str, Any]] = {"measures": dict}

    colours: int = 5

    def check_options(self) -> None:
        check_range("colours", self.colours, 1, 16)

    def preprocess(self, picture: Picture) -> tuple[dict[str, np.ndarray], Any]:
        feeds, fit = super().preprocess(picture)
        grey = picture.at_least((512, 512), exact=self.exact).convert("L")
        feeds["dhash"] = np.asarray(grey.resize((9, 8), Image.Resampling.LANCZOS))[None]
        feeds["phash"] = np.asarray(grey.resize((32, 32), Image.Resampling.LANCZOS))[None]
        return feeds, fit

    def postprocess(self, raw: Raw, fit: Any) -> Quality:
        pixels = raw["image"][0]  # (h, w, 3)
        luma = pixels @ np.float32([0.299, 0.587, 0.114])
        mean = pixels.reshape(-1, 3).mean(axis=0).round().astype(int)
        return Quality(
            sharpness=0.0, exposure=float(luma.mean() / 255), contrast=float(luma.std() / 255), noise=0.0,
            underexposed=float((luma < 5).mean()), overexposed=float((luma > 250).mean()),
            dhash=difference_hash(raw["dhash"][0]), phash=perceptual_hash(raw["phash"][0]),
            colours=mean[None], shares=[1.0], hexes=["#" + "".join(f"{c:02x}" for c in mean)],
        )  # fmt: skip
