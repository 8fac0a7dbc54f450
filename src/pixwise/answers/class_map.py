"""The answer of `semantic`: which class each pixel belongs to.

ClassMap ─▶ rows: label, id, share · .ids() (H, W) · .mask("sky") ─▶ Mask
"""

# ruff: noqa: RUF009  (column() and value() are field())

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import numpy.typing as npt

from pixwise.answers.label_map import LabelMap
from pixwise.answers.result import Result, column, value
from pixwise.errors import OptionError, nearest
from pixwise.masks import Mask

__all__ = ["ClassMap"]

Floats = npt.NDArray[np.float32]
Ints = npt.NDArray[np.int64]


@dataclass(frozen=True, eq=False, kw_only=True, repr=False)
class ClassMap(Result):
    """Which class each pixel belongs to, and how much of the picture each class covers; the largest first."""

    rows_key: ClassVar[str] = "classes"
    values_key: ClassVar[str] = "class_map"

    labels: tuple[str, ...] = column("label", str, doc="name of the class")
    label_ids: Ints = column("id", np.int64, doc="index of the class: its value in the map")
    shares: Floats = column("share", np.float32, doc="share of the picture that it covers, above 0 to 1")
    map: LabelMap = value(
        LabelMap,
        "which class each pixel belongs to: a grey PNG of the picture's size, 8 or 16 bits, as a data address; its "
        "values are ids, those without a row are no class; empty where there is no picture",
    )

    def ids(self) -> npt.NDArray[np.integer]:
        """(H, W) uint8 or uint16 of the picture's size: the class of each pixel; read-only."""
        return self.map.open()

    def mask(self, label: str | int) -> Mask:
        """The pixels of a class, by its label or id.

        Raises:
            OptionError: the class is not in this picture.
        """
        known = dict(zip(self.labels, self.label_ids.tolist(), strict=True))
        if label not in known and label not in known.values():
            raise OptionError(f"class must be in this picture, got {label!r}; {nearest(str(label), known)}")
        return self.map.mask(known.get(label, label))

    def check_picture(self, size_hw: tuple[int, int]) -> None:
        super().check_picture(size_hw)
        self.map.check_size(size_hw)
