"""How a model wants its pixels: the `input` table of a card. `pixels.py` carries it out."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal, get_args

from pixwise.errors import CardError, nearest

__all__ = ["SAMPLED", "UNSMOOTHED", "Recipe", "Resample", "Resize"]

Resample = Literal[
    "nearest", "box", "bilinear", "hamming", "bicubic", "lanczos", "linear", "sampled", "sampled_corners"
]
SAMPLED = ("sampled", "sampled_corners")  # done by sampling.py
UNSMOOTHED = ("nearest", "linear", *SAMPLED)  # they read single pixels: a scaled decode would be another picture
Resize = Literal["none", "stretch", "shortest", "longest", "closest", "square"]
_CHOICES = {
    "resize": get_args(Resize), "rounding": ("down", "nearest"), "resample": get_args(Resample),
    "multiples": ("nearest", "below", "above"), "channels": ("RGB", "BGR"), "pad": ("none", "corner", "centre"),
    "pad_with": ("value", "mirror"), "layout": ("CHW", "HWC"), "dtype": ("float32", "float16", "uint8"),
}  # fmt: skip


@dataclass(frozen=True)
class Recipe:
    """How a model wants its pixels; the `input` table of a card.

    Attributes:
        size_hw: target of the resize. `stretch`: exactly this. `shortest`: the shorter side becomes `size_hw[0]`.
            `longest`: the largest size inside `size_hw` with the aspect kept. `closest`: the aspect kept, scaled to the
            height or the width of `size_hw`, whichever changes the picture less. `square`: black below or at the right
            makes a square of it, which is smoothed and stretched to this (OWLv2); no `resample` is asked.
        resize: kind of resize, see `size_hw`.
        rounding: for `longest`: how real numbers become sides.
        enlarge: for `longest`: pictures that are smaller grow to `size_hw`; when not, they stay as they are.
        max_side: for `shortest`, `closest` and `none`: the longer side is never above this, the aspect is kept; 0 is
            no limit.
        multiple_of: resized sides are rounded to a multiple of this.
        multiples: `nearest`, or the one `below` or `above`.
        resample: filter, by Pillow's names; `linear` is OpenCV's, which shrinks without antialias; `sampled` is linear
            between pixels in floats and without antialias, as torch's `interpolate` does it, `sampled_corners` the same
            with corners on corners.
        reflect: for `sampled`: before the resize the picture is mirrored at its edges, on each side by this times the
            square root of half the side, rounded down; 0 is not at all.
        crop_hw: centre crop after the resize, zeros where the picture is smaller; (0, 0) is none.
        channels: order in the tensor.
        scale, offset: tensor = (pixel * scale + offset - mean) / std.
        mean, std: per channel, in the order of the tensor.
        pad: where the picture lies inside the padded tensor, if it is padded.
        pad_hw: size after padding; (0, 0) is up to the next multiple of `pad_multiple`.
        pad_least: at least so many rows and columns are added, before the next multiple of `pad_multiple` is taken.
        pad_with: `value`, or the picture's own mirror image (`corner` only).
        pad_value: what is written into the tensor around the picture (after normalising).
        layout: axes of one row of the tensor.
        dtype: type of the tensor.
    """

    size_hw: tuple[int, int] = (0, 0)
    resize: Resize = "stretch"
    rounding: Literal["down", "nearest"] = "down"
    enlarge: bool = True
    max_side: int = 0
    multiple_of: int = 1
    multiples: Literal["nearest", "below", "above"] = "nearest"
    resample: Resample = "bilinear"
    reflect: float = 0.0
    crop_hw: tuple[int, int] = (0, 0)
    channels: Literal["RGB", "BGR"] = "RGB"
    scale: float = 1 / 255
    offset: float = 0.0
    mean: tuple[float, float, float] = (0.0, 0.0, 0.0)
    std: tuple[float, float, float] = (1.0, 1.0, 1.0)
    pad: Literal["none", "corner", "centre"] = "none"
    pad_hw: tuple[int, int] = (0, 0)
    pad_multiple: int = 1
    pad_least: int = 0
    pad_with: Literal["value", "mirror"] = "value"
    pad_value: float = 0.0
    layout: Literal["CHW", "HWC"] = "CHW"
    dtype: Literal["float32", "float16", "uint8"] = "float32"

    def __post_init__(self) -> None:
        for field, known in _CHOICES.items():
            value = getattr(self, field)
            if value not in known:
                raise CardError(f"input.{field} must be one of {known}, got {value!r}; {nearest(str(value), known)}")
        if self.resize != "none" and min(self.size_hw) < 1:
            raise CardError(
                f"input.size_hw must be two positive numbers, got {self.size_hw}; add size_hw = [height, width]"
            )
        self._check_sizes()
        self._check_numbers()

    def _check_sizes(self) -> None:
        for field in ("crop_hw", "pad_hw"):
            value = getattr(self, field)
            if any(value) and min(value) < 1:
                raise CardError(f"input.{field} must be two positive numbers, got {value}; leave it out for none")
        for field, least in (("multiple_of", 1), ("pad_multiple", 1), ("max_side", 0), ("pad_least", 0)):
            value = getattr(self, field)
            if value < least:
                raise CardError(f"input.{field} must be at least {least}, got {value}; leave it out for {least}")

        if self.pad_with == "mirror" and (self.pad != "corner" or any(self.pad_hw)):
            raise CardError(
                f'input.pad_with = "mirror" must have pad = "corner" and no pad_hw, got pad = {self.pad!r} and '
                f"{self.pad_hw}; the picture goes on at the right and below"
            )

    def _check_numbers(self) -> None:
        if self.reflect and (self.resample not in SAMPLED or self.reflect < 0):
            raise CardError(
                f"input.reflect must be above 0 and with resample {' or '.join(SAMPLED)}, got {self.reflect}"
            )
        for field in ("scale", "offset", "pad_value", "mean", "std"):
            value = getattr(self, field)
            if not all(map(math.isfinite, value if isinstance(value, tuple) else (value,))):
                raise CardError(f"input.{field} must be finite, got {value}; mend it, or leave it out")
        if self.scale == 0:
            raise CardError(f"input.scale must be a number other than 0, got {self.scale}; leave it out for 1/255")
        if 0 in self.std:
            raise CardError(f"input.std must be three numbers other than 0, got {self.std}; leave it out for 1")
