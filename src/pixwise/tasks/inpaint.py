"""A picture with something in it filled by what is around.

    picture, hole → windows around the hole, (R, 3, h, w) and masks (R, 1, h, w) → model → (R, 3, h, w)
            → into the hole alone → Rendering

Heads:
    rgb_bytes    numbers from 0 to 255: LaMa
    rgb_shares   numbers from 0 to 1
    filled       OpenCV's ways, built in

Outside of the hole the picture stays as it is, to the bit.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar

import numpy as np

from pixwise.errors import OptionError
from pixwise.holes import Window, as_hole, hole_of, windows_of
from pixwise.picture import Picture
from pixwise.pixels import Pixels, mirrored, normalise, resize
from pixwise.prompts import Box, Point, as_boxes, as_points
from pixwise.repaint import HEADS, fixed_hw, repainted
from pixwise.results import Rendering
from pixwise.task import Task, check_range

__all__ = ["Inpainter"]

Arrays = Mapping[str, np.ndarray]

_NEAR = 16  # pixels around the hole that the built-ins see


@dataclass(frozen=True)
class _Holes:
    """What `postprocess` needs: the picture, what is filled in it, and the windows."""

    picture: Picture
    hole: np.ndarray  # (H, W) bool
    windows: list[Window]


@dataclass(frozen=True, kw_only=True)
class Inpainter(Task):
    """Fill a part of a picture with what is around it: take things, wires and scratches out.

    Attributes:
        mask: what is filled: a picture of the same size, white there; in Python also an array, a mask, or an answer.
        box: what is filled, x1,y1,x2,y2 in pixels.
        polygon: what is filled, its corners one after the other, x,y in pixels.
        grow: pixels by which all that is made wider; a pencil's width more than the thing itself is a good mask.
    """

    name: ClassVar[str] = "inpaint"
    result_type: ClassVar[type] = Rendering
    heads: ClassVar[Mapping[str, Any]] = {**HEADS, "filled": None}
    card_options: ClassVar[Mapping[str, str]] = {
        "mask_input": "str",  # the tensor that takes the mask, 1 where the hole is
        "output": "str",  # which output are the pixels; the first, left out
    }
    positional: ClassVar[str] = "mask"

    mask: Any = field(default=(), metadata={"cli": False, "http": "picture"}, repr=False)
    box: tuple[Box, ...] | Any = ()
    polygon: tuple[Point, ...] | Any = ()
    grow: int = 0

    def check_options(self) -> None:
        check_range("grow", self.grow, 0, 1000)
        mask, boxes, polygons = as_hole(self.mask, self.limits), as_boxes(self.box), as_points(self.polygon)
        for corners in polygons:
            if len(corners) < 3:
                raise OptionError(f"polygon must have three corners or more, got {len(corners)}; give x,y of each")
        for name, stored in (("mask", mask), ("box", boxes), ("polygon", polygons)):
            object.__setattr__(self, name, stored)

    def preprocess(self, picture: Picture) -> tuple[dict[str, np.ndarray], _Holes]:
        if self.mask is None and not (self.box or self.polygon):
            raise OptionError(
                "what is filled must be said, got no mask, box or polygon; give one of them, "
                "as in px.inpaint(picture, box=(10, 20, 110, 80))"
            )
        hole = hole_of(picture.size_hw, self.mask, self.box, self.polygon, self.grow)
        if self.card.runtime == "builtin":
            return self._whole(picture, hole)
        tile_hw = self._tile_hw()
        windows, pixels = windows_of(hole, tile_hw), np.asarray(picture.image())
        rows = [_looked_at(pixels, hole, window, tile_hw) for window in windows]
        recipe, dtype = self.recipe, np.dtype(self.recipe.dtype)
        seen = [normalise(np.where(mask[..., None], 0, part).astype(np.uint8), recipe) for part, mask in rows]
        shape = (0, *((3, *tile_hw) if recipe.layout == "CHW" else (*tile_hw, 3)))
        return {
            self.input_name: np.stack(seen) if seen else np.zeros(shape, dtype),  # (R, 3, h, w)
            self.mask_input: np.array([mask[None] for _, mask in rows], dtype).reshape(-1, 1, *tile_hw),  # 1: hole
        }, _Holes(picture, hole, windows)

    @property
    def mask_input(self) -> str:
        """The tensor that takes the mask."""
        return self.card.options.get("mask_input", "mask")

    def _whole(self, picture: Picture, hole: np.ndarray) -> tuple[dict[str, np.ndarray], _Holes]:
        """One window around all of the hole, as large as it is."""
        rows, columns = (np.flatnonzero(hole.any(axis=axis)) for axis in (1, 0))
        count = int(len(rows) > 0)
        ends = (columns[0], rows[0], columns[-1] + 1, rows[-1] + 1) if count else (0, 0, 1, 1)
        x1, y1 = (max(0, int(low) - _NEAR) for low in ends[:2])
        x2, y2 = (min(full, int(high) + _NEAR) for full, high in zip(picture.size_hw[::-1], ends[2:], strict=True))
        part = np.asarray(picture.image())[y1:y2, x1:x2]
        windows = [Window((x1, y1, x2, y2), (x1, y1, x2, y2))] * count
        feeds = {self.input_name: part[None], self.mask_input: hole[y1:y2, x1:x2].astype(np.uint8)[None]}
        return {name: array[:count] for name, array in feeds.items()}, _Holes(picture, hole, windows)

    def _tile_hw(self) -> tuple[int, int]:
        shapes = [tensor.shape for tensor in self.session.inputs(self.part) if tensor.name == self.input_name]
        return (fixed_hw(shapes[0]) if shapes else None) or self.card.recipe.size_hw

    def run(self, feeds: Arrays) -> dict[str, np.ndarray]:
        if self.card.runtime == "builtin":
            return self.session.run(feeds)
        return repainted(self.session, feeds, self.card)

    def postprocess(self, raw: Arrays, fit: _Holes) -> Rendering:
        out = fit.picture.pixels()
        for made, window in zip(raw.get("pixels", ()), fit.windows, strict=True):
            _fill_into(out, made, fit.hole, window)
        return Rendering.of(out, fit.picture, changed=float(fit.hole.mean()))


def _looked_at(pixels: Pixels, hole: np.ndarray, window: Window, tile_hw: tuple[int, int]) -> tuple[Pixels, np.ndarray]:
    """(h, w, 3) and (h, w) bool of the tile's size: a window, shrunk where it is larger, mirrored where smaller."""
    x1, y1, x2, y2 = window.seen
    part, mask = pixels[y1:y2, x1:x2], hole[y1:y2, x1:x2]
    size_hw = _content_hw(window, tile_hw)
    if size_hw != mask.shape:
        part = resize(part, size_hw, "bicubic")
        mask = resize(mask.astype(np.uint8) * 255, size_hw, "box") > 0  # whatever a part of which is hole
    return mirrored(part, tile_hw), mirrored(mask, tile_hw)


def _content_hw(window: Window, tile_hw: tuple[int, int]) -> tuple[int, int]:
    """The part of the tile that shows the window."""
    x1, y1, x2, y2 = window.seen
    scale = min(1.0, tile_hw[0] / (y2 - y1), tile_hw[1] / (x2 - x1))
    return max(1, round((y2 - y1) * scale)), max(1, round((x2 - x1) * scale))


def _fill_into(out: Pixels, made: Pixels, hole: np.ndarray, window: Window) -> None:
    """Lay what was made of a window into the hole."""
    x1, y1, x2, y2 = window.seen
    height, width = _content_hw(window, made.shape[:2])
    made = resize(made[:height, :width], (y2 - y1, x2 - x1), "bicubic")
    left, top, right, bottom = window.filled
    mine = hole[top:bottom, left:right]
    out[top:bottom, left:right][mine] = made[top - y1 : bottom - y1, left - x1 : right - x1][mine]
