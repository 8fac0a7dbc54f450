"""The answer of `panoptic`: every pixel belongs to one segment, things apart and stuff together.

Panoptic ─▶ rows: id, label, score, thing or stuff, area, box · .ids() (H, W) · .mask(id) ─▶ Mask
"""

# ruff: noqa: RUF009  (column() and value() are field())

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import numpy.typing as npt

from pixwise.answers.label_map import LabelMap
from pixwise.answers.result import Result, column, value
from pixwise.errors import OptionError
from pixwise.masks import Mask

__all__ = ["Panoptic"]

Bools = npt.NDArray[np.bool_]
Floats = npt.NDArray[np.float32]
Ints = npt.NDArray[np.int64]


@dataclass(frozen=True, eq=False, kw_only=True, repr=False)
class Panoptic(Result):
    """Segments of which no two overlap, the largest first; each thing is one, all stuff of a class is one."""

    rows_key: ClassVar[str] = "segments"
    values_key: ClassVar[str] = "panoptic"

    ids: Ints = column("id", np.int64, doc="number of the segment: its value in the map, from 1")
    labels: tuple[str, ...] = column("label", str, doc="name of the class")
    label_ids: Ints = column("label_id", np.int64, doc="number of the class in the model's vocabulary")
    scores: Floats = column("score", np.float32, doc="0 to 1; of stuff that several queries found the best one's")
    things: Bools = column("thing", np.bool_, doc="a thing that can be counted; else stuff, such as sky")
    areas: Ints = column("area", np.int64, doc="number of pixels")
    boxes: Floats = column("box", np.float32, 4, doc="xyxy around the segment, pixels")
    map: LabelMap = value(
        LabelMap,
        "which segment each pixel belongs to: a grey PNG of the picture's size, 8 or 16 bits, as a data address; its "
        "values are ids, 0 is no segment; empty where there is no picture",
    )

    def id_map(self) -> npt.NDArray[np.integer]:
        """(H, W) uint8 or uint16 of the picture's size: the segment of each pixel, 0 for none; read-only."""
        return self.map.open()

    def mask(self, id: int) -> Mask:
        """The pixels of a segment.

        Raises:
            OptionError: there is no such segment.
        """
        if id not in self.ids:
            known = ", ".join(map(str, sorted(self.ids.tolist()))) or "none"
            raise OptionError(f"segment must be one of this picture's ids ({known}), got {id!r}; choose one of them")
        return self.map.mask(id)

    def check_picture(self, size_hw: tuple[int, int]) -> None:
        super().check_picture(size_hw)
        self.map.check_size(size_hw)
