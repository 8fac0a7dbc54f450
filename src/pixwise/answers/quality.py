"""The answer of `quality`: measures of a picture, and its dominant colours."""

# ruff: noqa: RUF009  (column() and value() are field())

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import numpy.typing as npt

from pixwise.answers.result import Result, column, value

__all__ = ["Quality"]


@dataclass(frozen=True, eq=False, kw_only=True, repr=False)
class Quality(Result):
    """How good a picture is technically, and its dominant colours, largest share first."""

    rows_key: ClassVar[str] = "colours"
    values_key: ClassVar[str] = "quality"

    sharpness: float = value(
        float, "variance of the Laplacian of the grey picture, seen at 512 px or less; below about 100 looks blurred"
    )
    exposure: float = value(float, "mean luma, 0 black to 1 white")
    contrast: float = value(float, "standard deviation of luma, 0 to 0.5")
    noise: float = value(float, "standard deviation of the noise, grey levels, at 512 px or less (Immerkær 1996)")
    underexposed: float = value(float, "share of pixels that are black (luma < 5)")
    overexposed: float = value(float, "share of pixels that are white (luma > 250)")
    dhash: str = value(str, "64-bit difference hash, 16 hex digits")
    phash: str = value(str, "64-bit perceptual hash (DCT), 16 hex digits")
    colours: npt.NDArray[np.int64] = column("rgb", np.int64, 3, doc="sRGB, 0 to 255")
    shares: npt.NDArray[np.float32] = column("share", np.float32, doc="share of the picture, 0 to 1")
    hexes: tuple[str, ...] = column("hex", str, doc="#rrggbb")
