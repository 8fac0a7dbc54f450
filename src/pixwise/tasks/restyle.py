"""A picture in another manner.

    picture → as large as the network sees, or in tiles → model → joined → as large as the picture → mixed → Rendering

Heads:
    rgb_bytes    numbers from 0 to 255: fast neural style
    rgb_shares   numbers from 0 to 1
    denoised     OpenCV's non-local means, built in
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar

import numpy as np
from PIL import Image

from pixwise.errors import CardError
from pixwise.picture import Picture
from pixwise.pixels import Pixels, normalise, plan, resize
from pixwise.repaint import HEADS, check_progress, fixed_hw, repainted
from pixwise.results import Rendering
from pixwise.task import Task, check_range
from pixwise.tiles import Tiling, plan_tiles

__all__ = ["Restyler"]

Arrays = Mapping[str, np.ndarray]


@dataclass(frozen=True)
class _Place:
    """What `postprocess` needs: the picture, and where its tiles lie."""

    picture: Picture
    tiling: Tiling | None


@dataclass(frozen=True, kw_only=True)
class Restyler(Task):
    """Repaint a picture in a model's manner, or take its noise away.

    Attributes:
        strength: of what is made; the rest is the picture as it was.
        keep_colour: take only light and dark from what is made, the colours from the picture.
        tiled: tiles at the picture's own size: finer strokes. Else the network sees the whole picture at once, resized.
        overlap: of two tiles, pixels, at least.
        progress: in Python, a function that is told of (tiles done, tiles in all).
    """

    name: ClassVar[str] = "restyle"
    result_type: ClassVar[type] = Rendering
    heads: ClassVar[Mapping[str, Any]] = {**HEADS, "denoised": None}
    card_options: ClassVar[Mapping[str, str]] = {"output": "str"}  # which output are the pixels; the first, left out

    strength: float = 1.0
    keep_colour: bool = False
    tiled: bool = False
    overlap: int = 64
    progress: Any = field(default=None, metadata={"cli": False}, repr=False, compare=False)

    def check_options(self) -> None:
        check_range("strength", self.strength, 0, 1)
        check_range("overlap", self.overlap, 0, 1024)
        check_progress(self.progress)
        recipe, wanted = self.card.recipe, "none" if self.card.runtime == "builtin" else "longest"
        if recipe.resize != wanted or any(recipe.crop_hw):
            raise CardError(
                f"card {self.card.id!r}: input.resize must be {wanted!r} without a crop, got {recipe.resize!r}; "
                "the picture that is made would lack a part, or be stretched"
            )

    def preprocess(self, picture: Picture) -> tuple[dict[str, np.ndarray], _Place]:
        if self.card.runtime == "builtin":
            return {self.input_name: picture.pixels()[None]}, _Place(picture, None)
        recipe, size_hw = self.recipe, picture.size_hw
        if not self.tiled:
            size_hw = plan(picture.size_hw, recipe)
        pixels = resize(picture.image(), size_hw, recipe.resample)  # (h, w, 3)
        tiling = self._tiling(size_hw)
        rows = np.stack([normalise(tile, recipe) for tile in tiling.cut(pixels)])  # (R, 3, h, w)
        return {self.input_name: rows}, _Place(picture, tiling)

    def _tiling(self, size_hw: tuple[int, int]) -> Tiling:
        recipe = self.card.recipe
        shapes = [tensor.shape for tensor in self.session.inputs(self.part) if tensor.name == self.input_name]
        fixed = fixed_hw(shapes[0]) if shapes else None
        multiple = recipe.pad_multiple if recipe.pad != "none" and fixed is None else 1
        return plan_tiles(size_hw, fixed or recipe.size_hw, self.overlap, multiple=multiple, whole=fixed is not None)

    def run(self, feeds: Arrays) -> dict[str, np.ndarray]:
        if self.card.runtime == "builtin":
            return self.session.run(feeds)
        return repainted(self.session, feeds, self.card, progress=self.progress)

    def postprocess(self, raw: Arrays, fit: _Place) -> Rendering:
        made = raw["pixels"][0] if fit.tiling is None else fit.tiling.joined(raw["pixels"])
        made = resize(made, fit.picture.size_hw, "bicubic")
        before = np.asarray(fit.picture.image())
        mixed = self._mixed(before, made)
        return Rendering.of(mixed, fit.picture, changed=float((mixed != before).any(axis=2).mean()))

    def _mixed(self, before: Pixels, made: Pixels) -> Pixels:
        """The picture and what was made of it, as the options say."""
        if self.keep_colour:
            light, (_, *colours) = Image.fromarray(made).convert("L"), Image.fromarray(before).convert("YCbCr").split()
            made = np.asarray(Image.merge("YCbCr", [light, *colours]).convert("RGB"))
        if self.strength == 1:
            return made
        import cv2

        return cv2.addWeighted(made, self.strength, before, 1 - self.strength, 0)
