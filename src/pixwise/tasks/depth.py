"""How far each pixel is.

    picture → resize → (1, 3, h, w) → model → a map (h', w') → the picture's part of it, enlarged when it is opened
            → RelativeDepth or MetricDepth

Heads:
    relative    larger is nearer, no unit: Depth Anything, DPT, MiDaS
    metric      metres: GLPN, ZoeDepth, Depth Anything for indoors or outdoors
    inverse     one over metres for a camera that sees as wide as it is far, and the field of view: DepthPro
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from pixwise.answers.depths import Depths
from pixwise.errors import CardError, ShapeError
from pixwise.picture import Picture
from pixwise.pixels import Fit, margins
from pixwise.results import DepthMap, MetricDepth, RelativeDepth
from pixwise.task import Feeds, Task

__all__ = ["DepthEstimator"]

Raw = Mapping[str, np.ndarray]
Decoded = Callable[[np.ndarray, Raw, Fit, tuple[int, int]], DepthMap]
_VIEW = "field_of_view"  # output of DepthPro, degrees from the left to the right edge


def decode_relative(map_hw: np.ndarray, raw: Raw, fit: Fit, margin_hw: tuple[int, int]) -> RelativeDepth:
    """Numbers without unit; larger is nearer."""
    return RelativeDepth.of(Depths(map_hw, fit.picture_hw, margin_hw))


def decode_metric(map_hw: np.ndarray, raw: Raw, fit: Fit, margin_hw: tuple[int, int]) -> MetricDepth:
    """Metres."""
    return MetricDepth.of(Depths(map_hw, fit.picture_hw, margin_hw))


def decode_inverse(map_hw: np.ndarray, raw: Raw, fit: Fit, margin_hw: tuple[int, int]) -> MetricDepth:
    """One over metres, by the field of view that the model saw, if it tells one (Bochkovskii et al. 2024)."""
    if _VIEW not in raw:
        return MetricDepth.of(Depths(map_hw, fit.picture_hw, margin_hw, "bilinear", inverse=True))
    view = float(np.mean(raw[_VIEW]))
    if not 0 < view < 180:
        raise ShapeError(f"{_VIEW} must be above 0 and below 180 degrees, got {view:g}; check the model's export")
    width, tangent = fit.picture_hw[1], math.tan(math.radians(view) / 2)
    held = map_hw * np.float32(2 * tangent)
    depths = Depths(held, fit.picture_hw, margin_hw, "bilinear", inverse=True)
    return MetricDepth.of(depths, focal_px=0.5 * width / tangent)


@dataclass(frozen=True, kw_only=True)
class DepthEstimator(Task):
    """Say how far each pixel is.

    Attributes:
        mirrored: ask about the mirror image too and take the mean; a little better, and twice the time.
    """

    name: ClassVar[str] = "depth"
    result_type: ClassVar[type] = DepthMap
    heads: ClassVar[Mapping[str, Decoded]] = {
        "relative": decode_relative,
        "metric": decode_metric,
        "inverse": decode_inverse,
    }
    card_options: ClassVar[Mapping[str, str]] = {"output": "str"}

    mirrored: bool = False

    def check_options(self) -> None:
        if any(self.card.recipe.crop_hw):
            raise CardError(
                f"card {self.card.id!r}: input.crop_hw must be left out, got {self.card.recipe.crop_hw}; "
                "what is cropped away would have no depth"
            )

    def preprocess(self, picture: Picture) -> tuple[Feeds, Fit]:
        feeds, fit = super().preprocess(picture)
        if self.mirrored:
            across = 3 if self.card.recipe.layout == "CHW" else 2
            feeds = {name: np.concatenate([rows, np.flip(rows, across)]) for name, rows in feeds.items()}
        return feeds, fit

    def postprocess(self, raw: Raw, fit: Fit) -> DepthMap:
        found = self._output(raw)  # (R, h, w)
        found = (found[0] + found[1, :, ::-1]) / 2 if self.mirrored else found[0]
        margin_hw = margins(fit.picture_hw, self.card.recipe)
        seen = found if any(margin_hw) else fit.content_of(found)
        return self.heads[self.card.head](seen, raw, fit, margin_hw)

    def _output(self, raw: Raw) -> np.ndarray:
        """(R, h, w) of the output that the card names, else `predicted_depth`, else the first; finite."""
        usual = "predicted_depth" if "predicted_depth" in raw else next(iter(raw))
        name, rows = self.card.options.get("output", usual), 1 + self.mirrored
        if name not in raw:
            raise CardError(f"model {self.card.id!r} must have the output {name!r}, got {', '.join(raw)}; mend options")
        output: Any = raw[name]
        if output.ndim == 4 and output.shape[1] == 1:
            output = output[:, 0]
        if output.ndim != 3 or len(output) != rows or 0 in output.shape:
            raise ShapeError(
                f"output {name!r} of model {self.card.id!r} must be ({rows}, h, w) or ({rows}, 1, h, w), got "
                f"{raw[name].shape}; name another in the options of its card"
            )
        if not np.isfinite(output).all():
            raise ShapeError(f"output {name!r} of model {self.card.id!r} must be finite, got NaN or infinity")
        return output.astype(np.float32, copy=False)
