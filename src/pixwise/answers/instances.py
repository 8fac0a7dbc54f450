"""The answers of `instances` and `segment`: things with their pixels; masks may overlap."""

# ruff: noqa: RUF009  (column() is field())

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import numpy.typing as npt

from pixwise.answers.result import Result, column
from pixwise.errors import ShapeError
from pixwise.masks import Mask

__all__ = ["Instances", "Masks"]

Floats = npt.NDArray[np.float32]
Ints = npt.NDArray[np.int64]


@dataclass(frozen=True, eq=False, kw_only=True, repr=False)
class Instances(Result):
    """Things, best first: box, class and pixels of each."""

    rows_key: ClassVar[str] = "instances"

    labels: tuple[str, ...] = column("label", str, doc="name of the class")
    label_ids: Ints = column("label_id", np.int64, doc="number of the class in the model's vocabulary")
    scores: Floats = column("score", np.float32, doc="0 to 1")
    areas: Ints = column("area", np.int64, doc="number of pixels")
    boxes: Floats = column("box", np.float32, 4, doc="xyxy, pixels: as the model says it, else around the mask")
    masks: tuple[Mask, ...] = column("mask", Mask, doc="COCO's run lengths, of the size of the picture")

    def __post_init__(self) -> None:
        super().__post_init__()
        _check_masks(self)


@dataclass(frozen=True, eq=False, kw_only=True, repr=False)
class Masks(Result):
    """Which pixels belong to what was pointed at: for each object its mask, or its candidates, the best first."""

    rows_key: ClassVar[str] = "masks"

    objects: Ints = column("object", np.int64, doc="which of the objects that were asked for, from 0")
    scores: Floats = column("score", np.float32, doc="how good the model thinks the mask is (IoU), 0 to 1")
    stabilities: Floats = column(
        "stability", np.float32, doc="how little the area changes with the threshold of the mask, 0 to 1"
    )
    areas: Ints = column("area", np.int64, doc="number of pixels")
    boxes: Floats = column("box", np.float32, 4, doc="xyxy around the mask, pixels")
    masks: tuple[Mask, ...] = column("mask", Mask, doc="COCO's run lengths, of the size of the picture")

    def __post_init__(self) -> None:
        super().__post_init__()
        _check_masks(self)


def _check_masks(result: Result) -> None:
    """Raise `ShapeError` where the masks of an answer are not of its picture's size."""
    sizes, image = {mask.size_hw for mask in result.masks}, result.image
    if len(sizes) > 1 or (image.width and sizes - {(image.height, image.width)}):
        name = type(result).__name__
        raise ShapeError(f"{name}.masks must be of the size of the picture, got {sorted(sizes)}; enlarge them first")
