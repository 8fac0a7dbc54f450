"""Which class, or which segment, each pixel belongs to.

    (H, W) ids ─▶ LabelMap ─▶ .open() · .mask(id) · .pixels() · .boxes() · .to_uri()

`surfaces.py` makes the ids of what models give.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from pixwise.answers.grey_png import SCHEMA, grey_from_uri, uri_from_grey
from pixwise.errors import ShapeError, check_shape
from pixwise.masks import Mask

__all__ = ["LabelMap"]

Ids = npt.NDArray[np.integer]

_EXACT = 2**24  # up to here 32-bit floats, in which OpenCV counts, hold every whole number


@dataclass(frozen=True, eq=False)
class LabelMap:
    """Which class, or which segment, each pixel belongs to.

    Attributes:
        ids: (H, W) uint8 or uint16, read-only.
    """

    schema: ClassVar[dict[str, Any]] = SCHEMA

    ids: Ids = field(default_factory=lambda: np.zeros((0, 0), np.uint8))

    def __post_init__(self) -> None:
        stored = np.array(self.ids)
        check_shape("label map", stored, ("H", "W"))
        if stored.dtype not in (np.uint8, np.uint16):
            if stored.dtype.kind not in "iu" or (stored.size and not 0 <= stored.min() <= stored.max() < 2**16):
                raise ShapeError(f"label map must hold whole numbers from 0 to 65535, got {stored.dtype}; number anew")
            stored = stored.astype(np.uint8 if not stored.size or stored.max() < 256 else np.uint16)
        stored.setflags(write=False)
        object.__setattr__(self, "ids", stored)

    @classmethod
    def read(cls, given: Any) -> LabelMap:
        """A `LabelMap` as it is, an (H, W) array of whole numbers, or what `to_uri` gave.

        Raises:
            ShapeError: none of these.
        """
        if isinstance(given, LabelMap):
            return given
        if isinstance(given, str):
            return cls(grey_from_uri(given, "label map", ("L", "I;16", "I"))) if given else cls()
        return cls(np.asarray(given))

    def __eq__(self, other: object) -> bool:
        return np.array_equal(self.ids, other.ids) if isinstance(other, LabelMap) else NotImplemented

    __hash__ = None  # type: ignore[assignment]  # like the array it holds

    def __str__(self) -> str:
        return f"{self.ids.shape[1]} x {self.ids.shape[0]} px"

    @property
    def size_hw(self) -> tuple[int, int]:
        """(height, width), pixels."""
        return self.ids.shape

    def open(self) -> Ids:
        """(H, W) uint8 or uint16, read-only."""
        return self.ids

    def mask(self, id: int) -> Mask:
        """The pixels of one id."""
        return Mask.from_array(self.ids == id)

    def pixels(self) -> npt.NDArray[np.int64]:
        """(highest id + 1,) how many pixels each id has."""
        import cv2  # 5 ms for 12 megapixels; bincount makes 64-bit copies and takes 235

        bins = 256 if self.ids.dtype == np.uint8 else 65_536
        counts = np.zeros(bins, np.int64)
        step = max(1, _EXACT // max(1, self.ids.shape[1]))
        for start in range(0, self.ids.shape[0] if self.ids.size else 0, step):
            rows = self.ids[start : start + step]
            counts += cv2.calcHist([rows], [0], None, [bins], [0, bins]).reshape(-1).astype(np.int64)
        return np.trim_zeros(counts, "b")

    def boxes(self) -> npt.NDArray[np.int64]:
        """(highest id + 1, 4) the tight box of each id, xyxy; zeros for those that have no pixel."""
        if not self.ids.size:
            return np.zeros((0, 4), np.int64)
        out = np.zeros((int(self.ids.max()) + 1, 4), np.int64)
        width, flat = self.ids.shape[1], self.ids.reshape(-1)
        begins = np.ones(len(flat), bool)
        np.not_equal(flat[1:], flat[:-1], out=begins[1:])
        begins[::width] = True
        starts = np.flatnonzero(begins)  # of runs along the rows
        ids, rows, left = flat[starts], starts // width, starts % width
        right = left + np.diff(starts, append=len(flat))
        out[:, :2] = np.iinfo(np.int64).max
        for column, edges in enumerate((left, rows)):
            np.minimum.at(out[:, column], ids, edges)
        for column, edges in enumerate((right, rows + 1), 2):
            np.maximum.at(out[:, column], ids, edges)
        out[out[:, 2] == 0] = 0
        return out

    def check_size(self, size_hw: tuple[int, int]) -> None:
        """Raise `ShapeError` for a picture of another size; an empty map takes any."""
        if self.ids.size and self.size_hw != tuple(size_hw):
            raise ShapeError(
                f"picture must be {self} like the map, got {size_hw[1]} x {size_hw[0]}; "
                "give the picture that was asked about"
            )

    def to_uri(self) -> str:
        """`data:image/png;base64,…`: a grey PNG, 8 or 16 bits, whose values are the ids; empty for no picture."""
        return uri_from_grey(self.ids)

    told = to_uri
