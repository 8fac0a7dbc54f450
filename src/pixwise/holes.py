"""What is to be filled in a picture: a mask from what a user gives, and the windows in which a network looks at it.

file, array, Mask, answer ─▶ as_hole ─┐
boxes, polygons ──────────────────────┴▶ hole_of ─▶ (H, W) bool ─▶ windows_of ─▶ Window …
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image

from pixwise.errors import OptionError
from pixwise.masks import Mask
from pixwise.picture import Limits, Picture
from pixwise.polygons import mask_from_polygons
from pixwise.prompts import Box, Points, prompts_for
from pixwise.results import Masks, Matte

__all__ = ["Window", "as_hole", "hole_of", "windows_of"]

Bools = npt.NDArray[np.bool_]

_CONTEXT = 1 / 8  # of a tile: so much is seen around a hole, at least half of it at each side


@dataclass(frozen=True)
class Window:
    """A part of the picture that is looked at, and the part of it that is filled: xyxy, whole pixels."""

    seen: tuple[int, int, int, int]
    filled: tuple[int, int, int, int]


def as_hole(given: Any, limits: Limits = Limits()) -> Bools | None:  # noqa: B008 (frozen)
    """A mask as an array; None where none is given.

    Args:
        given: (H, W) bool, or bytes whose lighter half is the hole; a `Mask`, its run lengths, or a list of them; an
            answer with masks or a matte; a picture (path, bytes, data address, Pillow image), white where the hole is.
        limits: what such a picture may cost.

    Raises:
        OptionError: something else, or masks of several sizes.
    """
    if given is None or (isinstance(given, Sequence) and len(given) == 0):
        return None
    if isinstance(given, Masks):
        given = list(given.masks)
        if not given:
            raise OptionError("mask must mark something, got an answer without masks; point at something else")
    if isinstance(given, list | tuple):
        return _union([as_hole(each, limits) for each in given])
    if isinstance(given, Matte):
        return given.mask() >= 128
    if isinstance(given, Mapping):
        given = Mask.from_rle(given)
    if isinstance(given, Mask):
        return given.open().astype(bool)
    if isinstance(given, np.ndarray) and given.ndim == 2:
        return _of_array(given)
    if isinstance(given, str | os.PathLike | bytes | Image.Image | Picture | np.ndarray):
        return np.asarray(Picture.open(given, limits=limits, background=(0, 0, 0)).image().convert("L")) >= 128
    raise OptionError(
        f"mask must be a picture, an (H, W) array, a Mask or an answer with masks, got {type(given).__name__}; "
        "white is what is filled"
    )


def _of_array(given: np.ndarray) -> Bools:
    if given.dtype.kind not in "biu" or not given.size:
        raise OptionError(
            f"mask must be (H, W) of True and False or bytes, got {given.dtype} {given.shape}; compare it"
        )
    return given >= 128 if given.max() > 1 else given > 0


def _union(masks: list[Bools | None]) -> Bools:
    found = [mask for mask in masks if mask is not None]
    if len({mask.shape for mask in found}) != 1:
        sizes = ", ".join(f"{mask.shape[1]} x {mask.shape[0]}" for mask in found) or "none"
        raise OptionError(f"masks must be of one size, got {sizes}; give those of one picture")
    return np.logical_or.reduce(found)


def hole_of(size_hw: tuple[int, int], mask: Bools | None, boxes: tuple[Box, ...], polygons: Points, grow: int) -> Bools:
    """All that is to be filled in a picture.

    Args:
        size_hw: of the picture.
        mask: from `as_hole`.
        boxes, polygons: a pixel belongs to them when its centre does.
        grow: pixels by which it is made wider.

    Raises:
        OptionError: a mask of another size, a box outside, or nothing of the picture is left to go by.
    """
    height, width = size_hw
    if mask is not None and mask.shape != (height, width):
        raise OptionError(
            f"mask must be of the size of the picture, {width} x {height}, got {mask.shape[1]} x {mask.shape[0]}; "
            "give one of this picture"
        )
    hole = np.zeros((height, width), bool) if mask is None else mask.copy()
    clipped = prompts_for((), (), boxes, size_hw).boxes if boxes else ()
    for box in clipped:
        x1, y1, x2, y2 = np.ceil(np.float64(box) - 0.5).astype(int)
        hole[y1:y2, x1:x2] = True
    for polygon in polygons:
        hole |= mask_from_polygons([np.float32(polygon)], size_hw).astype(bool)
    hole = _grown(hole, grow)
    if hole.all():
        raise OptionError("mask must leave a part of the picture to go by, got all of it; make the mask smaller")
    return hole


def _grown(hole: Bools, pixels: int) -> Bools:
    if not (pixels and hole.any()):
        return hole
    import cv2

    round_ = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * pixels + 1, 2 * pixels + 1))
    return cv2.dilate(hole.astype(np.uint8), round_) > 0


def windows_of(hole: Bools, tile_hw: tuple[int, int]) -> list[Window]:
    """Where a network looks: holes near one another together, each at its own size where it fits with its surroundings.

    Args:
        hole: (H, W).
        tile_hw: what the network sees; larger holes get a larger window, which is shrunk to that.
    """
    import cv2

    context = max(2, round(min(tile_hw) * _CONTEXT))
    around = np.ones((context + 1, context + 1), np.uint8)
    _, _, stats, _ = cv2.connectedComponentsWithStats(cv2.dilate(hole.astype(np.uint8), around), connectivity=8)
    groups: list[tuple[int, int, int, int]] = []
    for x, y, width, height, _ in stats[1:].tolist():
        box = (x, y, x + width, y + height)
        for place, other in enumerate(groups):
            both = (*(min(a, b) for a, b in zip(box[:2], other[:2], strict=True)),
                    *(max(a, b) for a, b in zip(box[2:], other[2:], strict=True)))  # fmt: skip
            if both[2] - both[0] <= tile_hw[1] - context and both[3] - both[1] <= tile_hw[0] - context:
                groups[place] = both
                break
        else:
            groups.append(box)
    return [Window(_seen(box, context, tile_hw, hole.shape), box) for box in groups]


def _seen(
    box: tuple[int, int, int, int], context: int, tile_hw: tuple[int, int], size_hw: tuple[int, ...]
) -> tuple[int, int, int, int]:
    """A window around a box: of the tile's size, or as many times larger as the box needs, inside the picture."""
    x1, y1, x2, y2 = box
    needed = max(1.0, (x2 - x1 + context) / tile_hw[1], (y2 - y1 + context) / tile_hw[0])
    height, width = (min(full, round(side * needed)) for full, side in zip(size_hw, tile_hw, strict=True))
    left = min(max(0, (x1 + x2 - width) // 2), size_hw[1] - width)
    top = min(max(0, (y1 + y2 - height) // 2), size_hw[0] - height)
    return left, top, left + width, top + height
