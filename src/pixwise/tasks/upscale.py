"""A larger picture.

    picture → mirrored at the right and below → tiles (R, 3, h, w) → model → (R, 3, s·h, s·w) → joined → Rendering

Heads:
    rgb_shares   numbers from 0 to 1: Swin2SR
    rgb_bytes    numbers from 0 to 255
    lanczos      no network: Lanczos' filter, built in
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar

import numpy as np
from PIL import Image

from pixwise.errors import CardError, OptionError
from pixwise.picture import Picture
from pixwise.pixels import normalise
from pixwise.repaint import HEADS, check_made, check_progress, fixed_hw, repainted
from pixwise.results import Rendering
from pixwise.task import Task, check_range
from pixwise.tiles import Tiling, plan_tiles

__all__ = ["Upscaler"]

Arrays = Mapping[str, np.ndarray]

_TILE = 256


@dataclass(frozen=True)
class _Place:
    """What `postprocess` needs: the picture, where its tiles lie, and how many times larger it becomes."""

    picture: Picture
    tiling: Tiling | None
    factor: int


@dataclass(frozen=True, kw_only=True)
class Upscaler(Task):
    """Make a picture larger, with the detail that a model thinks is there.

    Attributes:
        factor: how many times wider and higher; 0 is what the model makes, 2 without one.
        tile: longest side of a tile, pixels of the picture; 0 is what the card says, else 256.
        overlap: of two tiles, pixels of the picture, at least.
        max_output: of the picture that is made; it takes up to 9 bytes of memory for each.
        progress: in Python, a function that is told of (tiles done, tiles in all).
    """

    name: ClassVar[str] = "upscale"
    result_type: ClassVar[type] = Rendering
    heads: ClassVar[Mapping[str, Any]] = {**HEADS, "lanczos": None}
    card_options: ClassVar[Mapping[str, str]] = {
        "scale": "count",  # how many times larger the model makes a picture
        "tile": "count",  # longest side of a tile
        "output": "str",  # which output are the pixels; the first, left out
    }

    factor: int = 0
    tile: int = 0
    overlap: int = 32
    max_output: int = 250_000_000
    progress: Any = field(default=None, metadata={"cli": False}, repr=False, compare=False)

    def check_options(self) -> None:
        check_range("factor", self.factor, 0, 16)
        check_range("tile", self.tile, 0, 4096)
        check_range("overlap", self.overlap, 0, 1024)
        check_range("max_output", self.max_output, 1, 2_000_000_000)
        check_progress(self.progress)
        recipe, built_in = self.card.recipe, self.card.runtime == "builtin"
        if not built_in and "scale" not in self.card.options:
            raise CardError(f"card {self.card.id!r}: options.scale must be said, got none; add how many times larger")
        if not built_in and self.factor not in (0, self.card.options["scale"]):
            raise OptionError(
                f"factor must be {self.card.options['scale']} for model {self.card.id!r}, got {self.factor}; choose "
                "another model, or lanczos (pixwise models list upscale)"
            )
        if recipe.resize != "none" or any(recipe.crop_hw):
            raise CardError(f'card {self.card.id!r}: input.resize must be "none", got {recipe.resize!r}; mend the card')

    @property
    def scale(self) -> int:
        """How many times wider and higher the picture becomes."""
        return self.card.options["scale"] if self.card.runtime != "builtin" else self.factor or 2

    def preprocess(self, picture: Picture) -> tuple[dict[str, np.ndarray], _Place]:
        check_made((picture.height * self.scale, picture.width * self.scale), self.max_output)
        if self.card.runtime == "builtin":
            return {self.input_name: picture.pixels()[None]}, _Place(picture, None, self.scale)
        tiling, recipe, pixels = self._tiling(picture.size_hw), self.recipe, np.asarray(picture.image())
        rows = np.stack([normalise(tile, recipe) for tile in tiling.cut(pixels)])  # (R, 3, h, w)
        return {self.input_name: rows}, _Place(picture, tiling, self.scale)

    def _tiling(self, size_hw: tuple[int, int]) -> Tiling:
        recipe = self.card.recipe
        shapes = [tensor.shape for tensor in self.session.inputs(self.part) if tensor.name == self.input_name]
        fixed, side = fixed_hw(shapes[0]) if shapes else None, self.tile or self.card.options.get("tile", _TILE)
        multiple = recipe.pad_multiple if recipe.pad != "none" else 1
        least = recipe.pad_least if recipe.pad != "none" else 0
        return plan_tiles(
            size_hw, fixed or (side, side), self.overlap, multiple=multiple, least=least, whole=fixed is not None
        )

    def run(self, feeds: Arrays) -> dict[str, np.ndarray]:
        if self.card.runtime == "builtin":
            return self.session.run(feeds)
        return repainted(self.session, feeds, self.card, self.scale, self.progress)

    def postprocess(self, raw: Arrays, fit: _Place) -> Rendering:
        if fit.tiling is not None:
            return Rendering.of(fit.tiling.joined(raw["pixels"]), fit.picture)
        size = (fit.picture.width * fit.factor, fit.picture.height * fit.factor)
        enlarged = Image.fromarray(raw[self.input_name][0]).resize(size, Image.Resampling.LANCZOS)
        return Rendering.of(np.asarray(enlarged), fit.picture)
