"""How opaque each pixel of a picture is: kept as small as it was found, opened on demand.

    a model's map (h, w) ─▶ Alpha ─▶ .open() (H, W) · .box() · .coverage · .to_uri() · .feathered(px) · .only_largest()

A model looks at a small picture, so what it knows of a 12-megapixel one takes a megabyte; `open()` gives all twelve.
In JSON it is a grey PNG of the picture's size, as a data address that pages show and mask with as it stands.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from pixwise.answers.grey_png import SCHEMA, grey_from_uri, uri_from_grey
from pixwise.errors import ShapeError, check_shape
from pixwise.pixels import resize
from pixwise.recipe import Resample

__all__ = ["Alpha"]

Pixels = npt.NDArray[np.uint8]

_SEEN = 26  # of 255: what is fainter is no part of the subject's box
_SOLID = 128


@dataclass(frozen=True, eq=False)
class Alpha:
    """How opaque each pixel of a picture is: 255 is surely foreground, 0 surely not, between is unsure or mixed.

    Attributes:
        size_hw: of the picture.
        held: (h, w) uint8, read-only: what is kept.
        resample: filter by which it is brought to the picture's size.
    """

    schema: ClassVar[dict[str, Any]] = SCHEMA

    size_hw: tuple[int, int] = (0, 0)
    held: Pixels = field(default_factory=lambda: np.zeros((0, 0), np.uint8))
    resample: Resample = "bilinear"

    def __post_init__(self) -> None:
        stored = np.array(self.held)
        check_shape("alpha", stored, ("H", "W"))
        if stored.dtype != np.uint8:
            raise ShapeError(f"alpha must be uint8, 0 to 255, got {stored.dtype}; use Alpha.from_shares for 0 to 1")
        if min(self.size_hw) < 0 or (min(self.size_hw) == 0) != (stored.size == 0):
            raise ShapeError(f"alpha of a picture {self.size_hw} must have pixels like it, got shape {stored.shape}")
        stored.setflags(write=False)
        object.__setattr__(self, "held", stored)

    @classmethod
    def from_shares(cls, shares: npt.ArrayLike, size_hw: tuple[int, int], resample: Resample = "bilinear") -> Alpha:
        """Keep what a model says; never larger than the picture.

        Args:
            shares: (h, w), 0 to 1.
            size_hw: of the picture.
            resample: filter by which it is brought to that size.

        Raises:
            ShapeError: another shape, or a value that is not finite.
        """
        shares = np.asarray(shares, np.float32)
        check_shape("alpha", shares, ("H", "W"), finite=True)
        held = np.rint(np.clip(shares, 0, 1) * 255).astype(np.uint8)
        if held.size > size_hw[0] * size_hw[1]:
            held = resize(held, size_hw, resample)
        return cls(tuple(size_hw), held, resample)

    @classmethod
    def read(cls, given: Any) -> Alpha:
        """An `Alpha` as it is, an (H, W) uint8 array, or what `to_uri` gave.

        Raises:
            ShapeError: none of these.
        """
        if isinstance(given, Alpha):
            return given
        if isinstance(given, str):
            given = grey_from_uri(given, "alpha", ("L",)) if given else np.zeros((0, 0), np.uint8)
        held = np.asarray(given)
        return cls(held.shape, held)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Alpha):
            return NotImplemented
        return self.size_hw == other.size_hw and np.array_equal(self.open(), other.open())

    __hash__ = None  # type: ignore[assignment]  # like the array it opens to

    def __str__(self) -> str:
        return f"{self.size_hw[1]} x {self.size_hw[0]} px"

    def open(self) -> Pixels:
        """(H, W) uint8 of the picture's size; may be read-only."""
        return resize(self.held, self.size_hw, self.resample) if self.held.size else self.held

    @property
    def coverage(self) -> float:
        """Share of the picture that is foreground, 0 to 1; half opaque counts half."""
        return float(self.held.mean() / 255) if self.held.size else 0.0

    def box(self) -> tuple[int, int, int, int]:
        """xyxy around what can be seen, whole pixels; four zeros where nothing can."""
        rows, columns = (np.flatnonzero((self.held >= _SEEN).any(axis=axis)) for axis in (1, 0))
        if not len(rows):
            return 0, 0, 0, 0
        y, x = (full / kept for full, kept in zip(self.size_hw, self.held.shape, strict=True))
        low = int(columns[0] * x), int(rows[0] * y)
        return *low, int(np.ceil((columns[-1] + 1) * x)), int(np.ceil((rows[-1] + 1) * y))

    def feathered(self, width_px: float) -> Alpha:
        """With a softer edge.

        Args:
            width_px: of the edge, pixels of the picture; about two standard deviations to each side.
        """
        if width_px <= 0 or not self.held.size:
            return self
        import cv2

        y, x = (width_px / 4 * kept / full for full, kept in zip(self.size_hw, self.held.shape, strict=True))
        return replace(self, held=cv2.GaussianBlur(np.array(self.held), (0, 0), max(x, 0.01), None, max(y, 0.01)))

    def only_largest(self) -> Alpha:
        """Of several things the largest; what is mixed goes with the thing that it is nearest to."""
        import cv2

        count, labels, stats, _ = cv2.connectedComponentsWithStats((self.held >= _SOLID).astype(np.uint8))
        if count <= 2:
            return self
        largest = 1 + int(stats[1:, cv2.CC_STAT_AREA].argmax())
        _, nearest = cv2.distanceTransformWithLabels(
            (labels == 0).astype(np.uint8), cv2.DIST_L2, 5, labelType=cv2.DIST_LABEL_CCOMP
        )
        mine = nearest == nearest[labels == largest][0]
        return replace(self, held=np.where(mine, self.held, 0).astype(np.uint8))

    def to_uri(self) -> str:
        """`data:image/png;base64,…`: a grey PNG of the picture's size; empty for no picture."""
        return uri_from_grey(self.open())

    told = to_uri
